#!/usr/bin/env python3
"""Takes what is for debuggers out of programs, and keeps it beside each as PROGRAM.debug.

The names of functions stay in the program, so that a backtrace tells them. With PROGRAM.debug in its directory, a
backtrace tells files and lines, too. Without a program that can do it (objcopy, llvm-objcopy, or the one that comes with
Rust) everything stays as it is, which is said on standard error.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path


def find_objcopy():
    """The program that copies object files, and what it needs in its environment; None if there is none."""
    for name in (os.environ.get("OBJCOPY"), "objcopy", "llvm-objcopy"):
        if name and shutil.which(name):
            return name, {}
    root = Path(subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip())
    own = next(root.glob("lib/rustlib/*/bin/rust-objcopy"), None)
    # It does not find its libraries by itself.
    return (own, {"LD_LIBRARY_PATH": str(root / "lib")}) if own else None


def separate(program, tool, environment):
    """Replaces the program by one without debug information, which names the file that has it."""
    symbols = program.with_name(f"{program.name}.debug")
    small = program.with_name(f"{program.name}.small")
    copy = {"check": True, "cwd": program.parent, "env": {**os.environ, **environment}}
    subprocess.run([tool, "--only-keep-debug", program.name, symbols.name], **copy)
    symbols.chmod(0o644)
    subprocess.run([tool, "--strip-debug", f"--add-gnu-debuglink={symbols.name}", program.name, small.name], **copy)
    # Not in place: cargo has the same file under another name.
    os.replace(small, program)
    return symbols


def has_symbols_apart(program):
    return b".gnu_debuglink\0" in program.read_bytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("programs", nargs="+", type=Path, metavar="PROGRAM")
    arguments = parser.parse_args()
    found = find_objcopy()
    if found is None:
        print("objcopy is missing: the programs keep what is for debuggers, and are larger", file=sys.stderr)
        return
    for program in arguments.programs:
        if not has_symbols_apart(program):
            before = program.stat().st_size
            symbols = separate(program, *found)
            print(f"{program}: {program.stat().st_size / 1e6:.1f} MB ({before / 1e6:.1f} MB with {symbols.name})")


if __name__ == "__main__":
    main()
