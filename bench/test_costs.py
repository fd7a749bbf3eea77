"""Tests that what operations cost does not become more. Counts do not depend on time, so these limits hold on any machine."""

import unittest
from pathlib import Path

import costs
from harness import REPOSITORY

DEBUG_BINARY = REPOSITORY / "target" / "debug" / "remofile"

# System calls of the client and of the server, each with some slack: whatever waits for a peer waits now and then once more.
MOST_SYSTEM_CALLS = {
    "one stat, the whole command": (100, 45),
    "one upload of 4 KiB, the whole command": (155, 75),
    "a small file up": (6.6, 5.9),
    "a small file down": (5.6, 6.6),
    "a file that is unchanged": (1.2, 1.2),
    "a MiB up": (8, 8),
    "a MiB down": (8, 8),
}


# Instructions of the client in a build for tests, about twice what they are: how often it looks for what has come depends on the machine.
MOST_INSTRUCTIONS = {
    "one stat, the whole command": 20_000_000,
    "a small file up": 230_000,
    "a MiB up": 20_000_000,
    "a small file down": 320_000,
    "a MiB down": 23_000_000,
}


class SystemCallsTest(unittest.TestCase):
    def test_no_operation_costs_more_than_it_did(self):
        self.assertTrue(DEBUG_BINARY.is_file(), f"{DEBUG_BINARY} is missing: 'make test-rust' builds it")
        try:
            found = costs.measure(DEBUG_BINARY, costs.SystemCalls)
        except costs.Missing as missing:
            self.skipTest(str(missing))
        self.assertEqual(list(found), list(MOST_SYSTEM_CALLS))
        for work, most in MOST_SYSTEM_CALLS.items():
            with self.subTest(work):
                counted = tuple(found[work].values())
                self.assertTrue(
                    all(count <= limit for count, limit in zip(counted, most)),
                    f"{work}: {counted} system calls of client and server instead of {most} at most; "
                    "if that is what it takes, change the limit and docs/benchmarks.md, and say why",
                )


class InstructionsTest(unittest.TestCase):
    def test_no_byte_and_no_entry_costs_far_more_than_it_did(self):
        self.assertTrue(DEBUG_BINARY.is_file(), f"{DEBUG_BINARY} is missing: 'make test-rust' builds it")
        try:
            found = costs.measure_transfers(DEBUG_BINARY)
        except costs.Missing as missing:
            self.skipTest(str(missing))
        self.assertEqual(sorted(found), sorted(MOST_INSTRUCTIONS))
        for work, most in MOST_INSTRUCTIONS.items():
            with self.subTest(work):
                self.assertLessEqual(found[work], most, f"{work}: if that is what it takes, change the limit, and say why in docs/benchmarks.md")


class SummaryTest(unittest.TestCase):
    def test_a_summary_of_strace_is_read_and_what_depends_on_time_left_out(self):
        summary = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 27.50    0.000552          13        42           getdents64
  5.48    0.000110          36         3         3 connect
  4.83    0.000097           7        13           brk
------ ----------- ----------- --------- --------- ----------------
100.00    0.002007           8       246        10 total
"""
        self.assertEqual(costs.counted(summary), {"getdents64": 42, "connect": 3})
        self.assertEqual(costs.counted(""), {})

    def test_a_difference_is_of_each_side(self):
        one, other = costs.Count({"read": 30, "write": 3}, {"read": 10}), costs.Count({"read": 10}, {"read": 10})
        self.assertEqual(one.less(other, 10), {"client": 2.3, "server": 0})


class MissingTest(unittest.TestCase):
    def test_without_the_program_that_counts_nothing_is_counted(self):
        import tempfile
        from unittest import mock

        with tempfile.TemporaryDirectory() as directory, mock.patch("shutil.which", return_value=None):
            bench = costs.Bench(DEBUG_BINARY, Path(directory), costs.Sizes(files=(1, 2), mebibytes=(1, 2)))
            for counter in (costs.SystemCalls, costs.Instructions, costs.ClientInstructions):
                with self.assertRaises(costs.Missing):
                    counter(bench)


if __name__ == "__main__":
    unittest.main()
