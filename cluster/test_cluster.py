"""Tests of what the trials check with, and one node of Garage, where its program is on this machine."""

import contextlib
import io
import tempfile
import types
import unittest
import unittest.mock
from pathlib import Path

from processes import Failed, Process, find_program, free_ports, run
from garage import BUCKET, Garage, garage_binary
from history import Tried, without_unread
from linearizable import NEVER, READ, WRITE, Event
from rclone import Rclone
from setup import commands, install_azurite
from throughput import Measured
from trees import expect_same, local_tree, sizes_of_listing


def is_there(find):
    try:
        find()
    except Failed:
        return False
    return True


class SetupTest(unittest.TestCase):
    def test_packages_are_installed_when_another_program_has_ended_that_installs(self):
        with unittest.mock.patch("shutil.which", return_value=None):
            packages = next(commands())
        self.assertIn("DPkg::Lock::Timeout=120", packages)
        self.assertEqual(packages[-3:], ["etcd-server", "rclone", "fuse3"])


    def test_without_npm_azurite_is_left_out_and_nothing_fails(self):
        said = io.StringIO()
        with unittest.mock.patch("shutil.which", return_value=None), contextlib.redirect_stdout(said):
            with unittest.mock.patch("setup.is_there", return_value=False):
                install_azurite()
        self.assertIn("Azurite is left out", said.getvalue())


class ChecksTest(unittest.TestCase):
    def test_trees_that_differ_are_told_by_their_first_differences(self):
        expect_same("it", {"a": 1}, {"a": 1})
        with self.assertRaisesRegex(Failed, "2 files differ: a: 1 and 2; b: None and 3"):
            expect_same("it", {"a": 1}, {"a": 2, "b": 3})

    def test_a_listing_is_read_as_a_local_tree_is(self):
        with tempfile.TemporaryDirectory() as place:
            (Path(place) / "d").mkdir()
            (Path(place) / "d" / "f").write_bytes(b"12")
            text = '{"path": "/d", "type": "directory", "size": 0}\n{"path": "/d/f", "type": "file", "size": 2}\n'
            self.assertEqual(local_tree(Path(place)), sizes_of_listing(text))

    def test_of_what_nobody_saw_little_is_kept_and_what_was_read_is(self):
        lost = [("/a", Event(WRITE, str(number), number, NEVER)) for number in range(10)]
        kept = without_unread("/a", [*lost, ("/a", Event(READ, "9", 20, 21))], {"9"})
        self.assertEqual([event.value for _, event in kept], ["0", "1", "9", "9"])
        self.assertEqual(len(without_unread("/b", lost, set())), 10)

    def test_a_client_whose_operation_fails_goes_on_and_does_not_claim_that_it_was_done(self):
        with tempfile.TemporaryDirectory() as place:
            server = types.SimpleNamespace(binary="/bin/false", environment={})
            client = Tried(1, server, Path(place), None, 0)
            client._write("/a", "1-1")
            client._read("/a")
            client._remove("/a")
        self.assertEqual(client.unanswered, 3)
        self.assertEqual([(event.kind, event.end) for _, event in client.events], [(WRITE, NEVER), ("remove", NEVER)])

    def test_a_measurement_tells_all_and_the_ratio_to_the_faster_one(self):
        measured = Measured()
        for program, seconds in (("remofile", 2.0), ("rclone", 3.0), ("aws", 4.0)) * 2:
            measured.add("large", program, seconds)
        measured.add("small", "remofile", 1.0)
        measured.add("small", "rclone", 2.0)
        self.assertEqual(list(measured.lines()), [
            "large: Remofile 2.00 s, rclone 3.00 s, aws 4.00 s: 1.50 times as fast (of 2 rounds)",
            "small: Remofile 1.00 s, rclone 2.00 s: 2.00 times as fast (of 1 rounds)",
        ])

    def test_a_program_that_ends_at_once_is_told_with_what_it_said(self):
        with tempfile.TemporaryDirectory() as place:
            process = Process("it", ["/bin/sh", "-c", "echo oh no; exit 3"], Path(place) / "log", free_ports(1)[0])
            with self.assertRaisesRegex(Failed, "it ended at once with status 3: oh no"):
                process.start()
        with self.assertRaisesRegex(Failed, "cluster-setup"):
            find_program("no-such-program")
        with self.assertRaisesRegex(Failed, "status 1"):
            run(["/bin/false"])


@unittest.skipUnless(is_there(garage_binary), "Garage is not on this machine: 'make cluster-setup' installs it")
class OneNodeTest(unittest.TestCase):
    @unittest.skipUnless(is_there(lambda: find_program("rclone")), "rclone is not on this machine")
    def test_a_node_keeps_what_rclone_writes_also_when_it_is_killed(self):
        with tempfile.TemporaryDirectory() as place:
            source = Path(place) / "source"
            source.mkdir()
            (source / "file").write_bytes(b"content")
            with Garage(Path(place) / "garage", nodes=1) as garage:
                rclone = Rclone(garage)
                rclone.run("copy", source, rclone.place("unit"))
                garage.processes[0].kill()
                garage.processes[0].start()
                self.assertEqual(rclone.tree(rclone.place("unit")).keys(), {"file"})
                rclone.check(source, rclone.place("unit"))
                self.assertIn(BUCKET, garage.command(0, "bucket", "list"))


if __name__ == "__main__":
    unittest.main()
