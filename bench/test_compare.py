"""The measurements work, at the smallest scale that there is: what they find is not judged."""

import contextlib
import io
import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import charts
import compare
import load
import machine
import page
import peers
import runs
from harness import REPOSITORY, Failed

DEBUG_BINARY = REPOSITORY / "target" / "debug" / "remofile"
EXAMPLES = DEBUG_BINARY.parent / "examples"


def scratch(case):
    directory = tempfile.TemporaryDirectory()
    case.addCleanup(directory.cleanup)
    return Path(directory.name).resolve()


class SmallestTest(unittest.TestCase):
    def setUp(self):
        self.assertTrue(DEBUG_BINARY.is_file(), f"{DEBUG_BINARY} is missing: 'make test-rust' builds it")
        self.directory = scratch(self)

    def compare(self, *arguments):
        words = ["compare.py", "--smallest", "--remofile", str(DEBUG_BINARY), "--directory", str(self.directory), *arguments]
        output, errors = io.StringIO(), io.StringIO()
        with mock.patch.object(sys, "argv", words), contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = compare.main()
        self.assertEqual((status, errors.getvalue()), (0, ""))
        return output.getvalue()

    def test_a_page_with_tables_and_charts_is_written(self):
        said = self.compare("--no-load", "--peers", "cp,rsync daemon,vsftpd", "--output", str(self.directory / "page"))
        text = (self.directory / "page" / "benchmarks.md").read_text()
        for title in compare.SMALLEST[0].titles().values():
            self.assertIn(title, text)
            self.assertIn(title, said)
        self.assertIn(machine.describe()["kernel"], text)
        self.assertIn("processor seconds a GiB", text)
        pictures = sorted((self.directory / "page" / "benchmarks").glob("*.svg"))
        self.assertEqual(len(pictures), len(runs.EVERY_WORK))
        for picture in pictures:
            ElementTree.parse(picture)
            self.assertIn(f"(benchmarks/{picture.name})", text)
        self.assertEqual([path.name for path in self.directory.iterdir()], ["page"], "nothing is left behind")

    def test_what_is_said_after_the_measurements_stays(self):
        directory = self.directory / "page"
        directory.mkdir()
        (directory / "benchmarks.md").write_text(f"# Ours\n\n{page.BEGIN}\nold\n{page.END}\n\n## Tried\n")
        self.compare("--no-load", "--peers", "cp", "--work", "large up", "--output", str(directory))
        text = (directory / "benchmarks.md").read_text()
        self.assertTrue(text.startswith("# Ours\n") and text.endswith("\n\n## Tried\n"), text)
        self.assertNotIn("old", text)

    def test_many_clients_and_open_files_are_measured_from_rust(self):
        if not (EXAMPLES / "crowd").is_file():
            self.skipTest("the examples are not built: 'cargo build -p remofile-core --examples'")
        found = load.measure(DEBUG_BINARY, self.directory, compare.SMALLEST[1])
        text = "\n".join(load.table(found))
        self.assertIn("2 clients that each move 1 MiB", text)
        self.assertEqual(found["ask"]["operations"], 12)
        self.assertEqual(found["open"]["reads"], 200)


class PeersTest(unittest.TestCase):
    def test_what_is_not_installed_is_left_out_with_a_word(self):
        places = peers.Places(scratch(self))

        class Nowhere(peers.Copy):
            name, needs = "nowhere", ("a-program-that-nobody-has",)

        runs.make_sources(places, compare.SMALLEST[0])
        found, absent = runs.measure([peers.Copy(places), Nowhere(places)], places, compare.SMALLEST[0], ["large up"])
        self.assertEqual(absent, {"nowhere": "a-program-that-nobody-has is missing"})
        self.assertEqual(list(found["large up"]), ["cp"])

    def test_a_peer_that_fails_has_a_reason_in_place_of_its_runs(self):
        places = peers.Places(scratch(self))

        class Broken(peers.Copy):
            name = "broken"

            @property
            def commands(self):
                return {"large up": peers.Command(["sh", "-c", "echo no such luck >&2; exit 7"])}

        class Forgetful(peers.Copy):
            name = "forgetful"

            @property
            def commands(self):
                return {"large up": peers.Command(["true"])}

        runs.make_sources(places, compare.SMALLEST[0])
        found, _ = runs.measure([Broken(places), Forgetful(places)], places, compare.SMALLEST[0], ["large up"])
        self.assertEqual(found["large up"]["broken"], "broken ended with status 7: no such luck")
        self.assertIn("is missing", found["large up"]["forgetful"])

    @unittest.skipUnless(sys.platform.startswith("linux"), "it needs Linux, where a process tells what it took")
    def test_what_the_processes_of_a_server_took_counts(self):
        code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(20_000_000))']); print(flush=True); input()"
        import subprocess

        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            try:
                process.stdout.readline()
                self.assertGreater(runs.processor_seconds(process.pid), 0.05)
            finally:
                process.kill()


class PageTest(unittest.TestCase):
    def test_a_page_without_its_marks_is_left_as_it_is(self):
        for text in ("# Benchmarks\n", f"{page.BEGIN}\n", f"{page.END}\n{page.BEGIN}\n"):
            with self.assertRaises(Failed):
                page.replaced(text, "new")

    def test_the_page_of_this_repository_has_its_marks(self):
        text = (REPOSITORY / "docs" / "benchmarks.md").read_text()
        self.assertIn("\nnew\n", page.replaced(text, "new"))


class MachineTest(unittest.TestCase):
    def test_the_file_system_is_that_of_the_innermost_mount(self):
        mounts = scratch(self) / "mounts"
        mounts.write_text("a / ext4 rw 0 0\nb /dev/shm tmpfs rw 0 0\nc /srv/a\\040b xfs rw 0 0\nd /dev/shm ramfs rw 0 0\n")
        for directory, kind in {"/": "ext4", "/dev": "ext4", "/dev/shm": "ramfs", "/srv/a b/c": "xfs"}.items():
            self.assertEqual(machine.file_system(directory, mounts), kind, directory)
        self.assertEqual(machine.file_system("/", os.devnull), "unknown")

    def test_a_machine_is_described(self):
        self.assertEqual(list(machine.describe()), ["processors", "memory", "kernel"])


class ChartsTest(unittest.TestCase):
    def test_bars_are_as_long_as_their_values_and_names_are_harmless(self):
        root = ElementTree.fromstring(charts.bars("a < b", [("slow & old", 4.0), ("Remofile", 1.0)]))
        bars = [(bar.get("class"), int(bar.get("width"))) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]
        self.assertEqual([kind for kind, _ in bars], ["own", "other"])
        self.assertAlmostEqual(bars[1][1] / bars[0][1], 4, places=1)
        texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("slow & old", texts)
        self.assertIn("4.00 s", texts)


if __name__ == "__main__":
    unittest.main()
