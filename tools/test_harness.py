import tempfile
import unittest
from pathlib import Path

from harness import Failed, compare, parse_export, parse_serving


class ParseExportTest(unittest.TestCase):
    def test_values_are_read_as_a_shell_reads_them(self):
        for line, expected in [
            ("export REMOFILE_PORT=6768\n", ("REMOFILE_PORT", "6768")),
            ("  $ export REMOFILE_TOKEN='a b' # the token", ("REMOFILE_TOKEN", "a b")),
            ('export REMOFILE_TOKEN="it\'s"', ("REMOFILE_TOKEN", "it's")),
            ("export REMOFILE_TOKEN=", ("REMOFILE_TOKEN", "")),
        ]:
            self.assertEqual(parse_export(line), expected)

    def test_other_lines_are_none(self):
        for line in ["", "listening on 127.0.0.1:1", "export PATH=/", "export REMOFILE_TOKEN='open"]:
            self.assertIsNone(parse_export(line))


class ParseServingTest(unittest.TestCase):
    def test_the_port_is_that_of_the_address(self):
        for line in ["Serving /srv/files on [::]:45495\n", "Serving /a on b:1 on 127.0.0.1:45495"]:
            self.assertEqual(parse_serving(line), ("REMOFILE_PORT", "45495"))
        self.assertIsNone(parse_serving("The tokens are those in /etc/tokens:1"))


class CompareTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.one, self.other = Path(directory.name, "one"), Path(directory.name, "other")
        for tree in (self.one, self.other):
            (tree / "sub").mkdir(parents=True)
            (tree / "sub" / "file").write_bytes(b"x" * (1 << 20) + b"yz")

    def test_equal_trees_are_counted(self):
        self.assertEqual(compare(self.one, self.other), (1, (1 << 20) + 2))

    def test_a_changed_byte_is_found(self):
        (self.other / "sub" / "file").write_bytes(b"x" * (1 << 20) + b"yy")
        self.assertRaises(Failed, compare, self.one, self.other)

    def test_a_shorter_missing_or_added_file_is_found(self):
        (self.other / "sub" / "file").write_bytes(b"x" * (1 << 20))
        self.assertRaises(Failed, compare, self.one, self.other)
        (self.other / "sub" / "file").unlink()
        self.assertRaises(Failed, compare, self.one, self.other)
        (self.one / "sub" / "file").unlink()
        (self.other / "more").write_bytes(b"")
        self.assertRaises(Failed, compare, self.one, self.other)


if __name__ == "__main__":
    unittest.main()
