"""What the wheel holds beside the module."""

import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import remofile


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
