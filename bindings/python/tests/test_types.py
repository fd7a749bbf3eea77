"""Mistakes in programs that use the package: type checkers find each, and nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import remofile

PACKAGES = Path(remofile.__file__).parents[1]
PROGRAM = Path(__file__).with_name("typed_use.py")
MISTAKES = {number for number, line in enumerate(PROGRAM.read_text().splitlines(), 1) if "# mistake" in line}


def complaints(checker, directory):
    """The lines that a checker complains of."""
    module = pytest.importorskip(checker)
    assert module is not None
    if checker == "pyright" and subprocess.run([sys.executable, "-m", checker, "--version"], capture_output=True).returncode:
        pytest.skip("pyright fetches its program from the npm registry, which cannot be reached")
    program = shutil.copy(PROGRAM, directory)
    if checker == "mypy":
        command = ["--strict", "--no-error-summary", "--cache-dir", str(directory), program]
        # Where it is installed it is found by itself.
        is_installed = PACKAGES.name == "site-packages"
        environment = os.environ if is_installed else {**os.environ, "MYPYPATH": str(PACKAGES)}
    else:
        settings = {"extraPaths": [str(PACKAGES)], "typeCheckingMode": "standard"}
        (directory / "pyrightconfig.json").write_text(json.dumps(settings))
        command = ["--project", str(directory), "--pythonpath", sys.executable]
        environment = os.environ
    done = subprocess.run(
        [sys.executable, "-m", checker, *command], env=environment, cwd=directory, capture_output=True, text=True
    )
    found = re.findall(rf"{PROGRAM.name}:(\d+)(?::\d+)?(?: -|:) error: (.*)", done.stdout)
    assert found, done.stdout + done.stderr
    return {int(line): message for line, message in found}


@pytest.mark.parametrize("checker", ["mypy", "pyright", "basedpyright"])
def test_every_planted_mistake_is_found_and_nothing_else(checker, tmp_path):
    found = complaints(checker, tmp_path)
    assert found.keys() - MISTAKES == set(), found
    assert MISTAKES - found.keys() == set() and len(MISTAKES) >= 8
