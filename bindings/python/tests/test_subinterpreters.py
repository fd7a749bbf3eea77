"""Interpreters within the process."""

import subprocess
import sys

import pytest

PROGRAM = """
import {module} as interpreters

interpreter = interpreters.create()
try:
    print(interpreters.run_string(interpreter, "import remofile"))
except Exception as error:
    print(error)
"""


@pytest.mark.parametrize("module", ["_interpreters", "_xxsubinterpreters"])
def test_one_with_a_lock_of_its_own_says_why_it_cannot_import_the_package(module):
    if sys.version_info < (3, 12):
        pytest.skip("they share one lock")
    pytest.importorskip(module)
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(module=module)], capture_output=True, text=True)
    assert done.returncode == 0 and "use threads" in done.stdout and "processes" in done.stdout, done
