import io
import json
import unittest
from contextlib import redirect_stdout

import soak

REPORT = {"campaign": "kills", "cases": 1200, "failures": [], "skipped": None, "seconds": 12.3}


class ReportTest(unittest.TestCase):
    def test_only_a_whole_report_is_one(self):
        self.assertEqual(soak.parse_report(json.dumps(REPORT)), REPORT)
        for line in ["", "text", "7", "[]", '{"campaign": "kills"}']:
            self.assertIsNone(soak.parse_report(line))


class TableTest(unittest.TestCase):
    def test_a_row_tells_how_it_went(self):
        failed = {**REPORT, "failures": [{"case": "1", "what": "no"}]}
        skipped = {**REPORT, "cases": 0, "skipped": "no root"}
        rows = soak.table([REPORT, failed, skipped, {**REPORT, "measured": "0.2 s"}]).splitlines()
        self.assertEqual(len({len(row) for row in rows}), 1)
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]
        self.assertEqual(cells[0], ["kills", "1,200", "0", "12", "passed"])
        self.assertEqual([row[-1] for row in cells[1:]], ["failed", "skipped: no root", "passed; 0.2 s"])


class RunTest(unittest.TestCase):
    def run_shell(self, text, limit=60):
        output = io.StringIO()
        with redirect_stdout(output):
            status, last = soak.run_bounded(["/bin/sh", "-c", text], limit)
        return status, last, output.getvalue()

    def test_what_is_said_is_handed_on_but_for_the_report(self):
        status, last, said = self.run_shell(f"echo one; echo '{json.dumps(REPORT)}'; exit 1")
        self.assertEqual((status, said), (1, "one\n"))
        self.assertEqual(soak.parse_report(last), REPORT)

    def test_what_does_not_end_is_ended_with_all_that_it_started(self):
        status, _, _ = self.run_shell("sleep 1000 & wait", limit=0.1)
        self.assertIsNone(status)

    def test_a_command_that_fails_is_a_failure_of_its_row(self):
        with redirect_stdout(io.StringIO()):
            self.assertEqual(soak.run_command("x", "exit 3", 60)["failures"][0]["case"], "exit 3")
            self.assertEqual(soak.run_command("x", "true", 60)["failures"], [])

    def test_a_campaign_that_is_missing_is_a_failure(self):
        row = soak.run_campaign("nothing of this name", None)
        self.assertEqual(len(row["failures"]), 1)
        self.assertIn("is missing", row["failures"][0]["what"])
        self.assertIn("failed", soak.table([row]))


if __name__ == "__main__":
    unittest.main()
