import argparse
import io
import json
import subprocess
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

from common import Campaign, Failed, Skipped, run


def campaign(*only):
    return Campaign(argparse.Namespace(binary=Path("/bin/true"), seed=7, only=only, scale="tenth", directory=None))


def report_of(body, *arguments):
    """The exit status of a campaign, and what it reports."""
    output = io.StringIO()
    with redirect_stdout(output), mock.patch("sys.argv", ["x", "--binary", "/bin/true", *arguments]):
        with mock.patch("common.end_on_signals"):
            status = run("name", "A sentence.", body)
    return status, json.loads(output.getvalue().splitlines()[-1])


def fail(what):
    raise Failed(what)


class CampaignTest(unittest.TestCase):
    def test_a_case_that_fails_is_counted_and_told_and_the_next_one_runs(self):
        def body(running):
            running.check("one", fail, "no")
            running.check("two", int)

        status, report = report_of(body)
        self.assertEqual((status, report["cases"], report["failures"]), (1, 2, [{"case": "one", "what": "no"}]))

    def test_a_case_that_hangs_or_is_wrong_itself_fails(self):
        def hang():
            raise subprocess.TimeoutExpired(["a", "b"], 3)

        running = campaign()
        with redirect_stdout(io.StringIO()):
            running.check("hangs", hang)
            running.check("wrong", lambda: {}["x"])
        self.assertIn("within 3 s: a b", running.failures[0]["what"])
        self.assertIn("KeyError", running.failures[1]["what"])

    def test_only_the_cases_that_are_wanted_run(self):
        running = campaign("two")
        self.assertEqual((running.check("one", int), running.check("two", int)), (None, 0))
        self.assertEqual(running.cases, 1)

    def test_a_case_has_the_same_chance_whichever_others_run(self):
        self.assertEqual(campaign().chance("one").random(), campaign("one").chance("one").random())
        self.assertNotEqual(campaign().chance("one").random(), campaign().chance("two").random())

    def test_what_cannot_run_is_skipped_with_a_reason(self):
        def body(_running):
            raise Skipped("no loop devices")

        status, report = report_of(body)
        self.assertEqual((status, report["skipped"], report["failures"]), (0, "no loop devices", []))

    def test_without_the_command_the_campaign_fails(self):
        status, report = report_of(int, "--binary", "/bin/this-is-missing")
        self.assertEqual(status, 1)
        self.assertIn("make build", report["failures"][0]["what"])


if __name__ == "__main__":
    unittest.main()
