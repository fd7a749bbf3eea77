#!/usr/bin/env python3
"""The compiler of CI: compiles a crate as cargo says, with clippy's lints, and checks the documentation of a library.

Cargo starts it in place of rustc (`RUSTC_WORKSPACE_WRAPPER`) for each crate of the workspace. `cargo clippy` and `cargo doc` would read
all crates, dependencies too, once more than the tests have them read.

usage: linting_compiler.py RUSTC ARGUMENT...
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

LINTS = ["-D", "warnings"]
# Arguments of rustc, each with a value, that say what to generate, and where. rustdoc takes all others that cargo gives.
OF_CODE = ("--emit", "--out-dir", "-C", "--codegen", "-o")


def documents(arguments):
    """Reports whether the arguments compile a library, and neither tests nor a program, nor ask for what rustc knows."""
    if "--test" in arguments or any(argument.startswith("--print") for argument in arguments):
        return False
    return any("lib" in value for value in values(arguments, "--crate-type"))


def values(arguments, option):
    """Returns the values of an option, which stand behind it or behind its equals sign."""
    following = zip(arguments, arguments[1:])
    return [value for name, value in following if name == option] + [
        argument.partition("=")[2] for argument in arguments if argument.startswith(f"{option}=")
    ]


def for_rustdoc(arguments):
    """Returns the arguments with which rustdoc reads what rustc compiles with these."""
    kept, rest = [], iter(arguments)
    for argument in rest:
        if argument.startswith(tuple(f"{option}=" for option in OF_CODE)):
            continue
        if argument in OF_CODE:
            next(rest)
        else:
            kept.append(argument)
    return kept


def run(command):
    """Runs a command that has what this process has open: cargo's tokens for more threads are among it."""
    return subprocess.run(command, close_fds=False).returncode


def document(rustc, arguments):
    """Has rustdoc read a library, and returns its status. Nobody wants the pages."""
    rustdoc = str(Path(rustc).with_name("rustdoc")) if os.sep in rustc else "rustdoc"
    with tempfile.TemporaryDirectory(prefix="remofile-doc-") as pages:
        return run([rustdoc, *for_rustdoc(arguments), *LINTS, "--out-dir", pages])


def main():
    rustc, *arguments = sys.argv[1:]
    root = subprocess.run([rustc, "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
    compiled = run([Path(root, "bin", "clippy-driver"), rustc, *arguments, *LINTS])
    if compiled == 0 and documents(arguments):
        return document(rustc, arguments)
    return compiled


if __name__ == "__main__":
    sys.exit(main())
