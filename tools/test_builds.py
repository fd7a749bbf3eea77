"""Tests that each crate is built once in `make test`: for the tests, the commands, the Python package and the library for C.

Cargo builds a crate again when it, or something that it depends on, has other features. It says nothing of that, and the build
of the library alone takes a processor half a minute.
"""

import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINDINGS = {"remofile-c", "remofile-python"}


def with_features(edges, *selection):
    """Returns what cargo would build: names and versions of packages, each with its features."""
    command = ["cargo", "tree", "--locked", "--edges", edges, "--prefix", "none", "--format", "{p} {f}", *selection]
    told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    lines = {line.removesuffix(" (*)") for line in told.splitlines()}
    # What nothing else depends on may have features of its own.
    return {line for line in lines if line.partition(" ")[0] not in BINDINGS}


class Features(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tests = with_features("normal,build,dev", "--workspace")

    def check(self, *selection):
        self.assertEqual(sorted(with_features("normal,build", *selection) - self.tests), [], "is built once more than for the tests")

    def test_the_library_for_c_is_built_of_what_the_tests_are(self):
        self.check("--package", "remofile-c", "--features", "as-in-tests")

    def test_the_commands_of_the_wheel_are_what_the_tests_have_built(self):
        self.check("--package", "remofile", "--package", "remofile-python", "--features", "remofile-python/as-in-tests")

    def test_the_python_module_is_built_of_what_the_tests_are(self):
        self.check("--package", "remofile-python", "--features", "as-in-tests")


if __name__ == "__main__":
    unittest.main()
