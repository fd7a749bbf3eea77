"""What the wheel holds beside the module."""

import re
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import remofile
from remofile import exceptions


@pytest.mark.parametrize("name", ["remofile", "rmf"])
def test_the_commands_are_in_the_wheel(name):
    command = Path(sys.executable).parent / name
    said = subprocess.run([command, "--version"], check=True, capture_output=True, text=True).stdout
    assert said.split()[-1] == remofile.__version__ == version("remofile")


def test_fsspec_finds_the_protocol():
    found = entry_points()
    group = found.select(group="fsspec.specs") if hasattr(found, "select") else found["fsspec.specs"]
    assert {entry.name: entry.value for entry in group}["remofile"] == "remofile.fs:RemofileFileSystem"


def test_it_says_that_it_is_typed():
    assert (Path(remofile.__file__).parent / "py.typed").exists()


def test_the_documentation_has_every_exception_and_its_bases():
    text = (Path(__file__).parents[3] / "docs/python.md").read_text(encoding="utf-8")
    table = re.search(r"^## Errors\n\n(?:\|.*\n){2}((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None
    rows = [[set(re.findall(r"`(\w+)`", cell)) for cell in row.split("|")[1:3]] for row in table[1].splitlines()]
    told = {name: bases for names, bases in rows for name in names}
    found = {
        name: {base.__name__ for base in getattr(exceptions, name).__bases__} - {"RemofileException", "Exception"}
        for name in exceptions.__all__
    }
    assert told == found
