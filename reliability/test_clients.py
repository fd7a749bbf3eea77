"""Tests of what the campaign of clients tells of a history that cannot have been."""

import json
import os
import re
import unittest
from types import SimpleNamespace

from clients import check_path
from common import Failed
from linearizable import READ, WRITE, Event


class CheckPathTest(unittest.TestCase):
    def test_the_events_of_a_history_that_cannot_have_been_are_kept(self):
        one = SimpleNamespace(events=[("/d/a", Event(WRITE, "1-1", 0, 1, 1)), ("/b", Event(WRITE, "1-2", 1, 2, 1))])
        other = SimpleNamespace(events=[("/d/a", Event(READ, None, 2, 3, 2))])
        with self.assertRaises(Failed) as raised:
            check_path("/d/a", [one, other])
        kept = re.search(r"all of them are in (\S+);", str(raised.exception)).group(1)
        self.addCleanup(os.remove, kept)
        with open(kept) as file:
            events = json.load(file)
        self.assertEqual([(event["client"], event["kind"], event["value"]) for event in events], [(1, WRITE, "1-1"), (2, READ, None)])

    def test_a_history_that_can_have_been_is_none_to_tell(self):
        one = SimpleNamespace(events=[("/a", Event(WRITE, "1-1", 0, 1, 1)), ("/a", Event(READ, "1-1", 1, 2, 1))])
        self.assertIsNone(check_path("/a", [one]))


if __name__ == "__main__":
    unittest.main()
