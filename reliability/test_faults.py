import subprocess
import tempfile
import unittest
from pathlib import Path

import faults


class TracerTest(unittest.TestCase):
    def test_a_tracer_that_misses_a_signal_gets_another(self):
        script = "trap 'trap - INT' INT; echo ready; while :; do sleep 0.01; done"
        tracer = subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(tracer.stdout.readline(), "ready\n")
        faults.end_tracer(tracer)
        self.assertIsNotNone(tracer.returncode)


class ContentsTest(unittest.TestCase):
    def test_what_a_sync_stages_in_the_directory_that_it_fills_is_told_as_staged_and_not_as_a_file(self):
        with tempfile.TemporaryDirectory() as directory:
            top = Path(directory)
            (top / "tree" / ".remofile").mkdir(parents=True)
            (top / "tree" / ".remofile" / "a.info").write_bytes(b"of a partial")
            (top / "tree" / "a").write_bytes(b"a")
            self.assertEqual(faults.contents(top), {"tree": None, "tree/a": b"a"})
            self.assertEqual(faults.staged(top), ["tree/.remofile/a.info"])


if __name__ == "__main__":
    unittest.main()
