"""Tests of what the wheel holds beside the module."""

import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import entry_points, files, metadata, version
from pathlib import Path

import pytest

import remofile
from remofile import exceptions


@pytest.mark.parametrize("name", ["remofile", "rmf"])
def test_the_commands_are_in_the_wheel(name):
    command = Path(sys.executable).parent / name
    said = subprocess.run([command, "--version"], check=True, capture_output=True, text=True).stdout
    assert said.split()[-1] == remofile.__version__ == version("remofile")


def test_the_licences_are_in_the_wheel():
    found = {Path(file).name for file in files("remofile") if ".dist-info" in str(file)}
    assert {"LICENSE-MIT", "LICENSE-APACHE"} <= found and metadata("remofile")["License-Expression"] == "MIT OR Apache-2.0"


def test_the_program_is_in_the_wheel_once():
    sizes = {name: (Path(sys.executable).parent / name).stat().st_size for name in ("remofile", "rmf")}
    assert sizes["rmf"] * 4 < sizes["remofile"], sizes


def test_the_source_distribution_has_what_it_names(tmp_path, monkeypatch):
    pytest.importorskip("maturin")
    here = Path(__file__).parent.parent
    monkeypatch.chdir(here)
    # Maturin is a program beside this Python, perhaps in an environment that is not active.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": "build_backend"}
    program = f"import backend; print(backend.build_sdist({str(tmp_path)!r}))"
    made = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    with tarfile.open(tmp_path / made.stdout.split()[-1]) as archive:
        top = archive.getnames()[0].partition("/")[0]
        archive.extractall(tmp_path)
    root = tmp_path / top
    project = (root / "pyproject.toml").read_text()
    for path in re.findall(r'"(bindings/python[^"]*)"', project):
        assert (root / path).exists() or path.endswith("remofile.data"), path
    assert f"Version: {remofile.__version__}\n" in (root / "PKG-INFO").read_text()
    command = ["cargo", "metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    left_out = {"tests", "target", "__pycache__", ".git"}
    assert not [path for path in root.rglob("*") if path.name in left_out or path.suffix == ".so"]


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
        name: {base.__name__ for base in getattr(exceptions, name).__bases__ if not base.__name__.startswith("_")}
        - {"RemofileException", "Exception"}
        for name in exceptions.__all__
    }
    assert told == found
