import subprocess
import unittest

import faults


class TracerTest(unittest.TestCase):
    def test_a_tracer_that_misses_a_signal_gets_another(self):
        script = "trap 'trap - INT' INT; echo ready; while :; do sleep 0.01; done"
        tracer = subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(tracer.stdout.readline(), "ready\n")
        faults.end_tracer(tracer)
        self.assertIsNotNone(tracer.returncode)


if __name__ == "__main__":
    unittest.main()
