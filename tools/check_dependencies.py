#!/usr/bin/env python3
"""Checks what the project depends on with cargo-deny: licences, duplicates, sources and advisories (see deny.toml).

The database of advisories is fetched anew each time. Without it the advisories are not checked, which is said on
standard error and does not fail; `--require-advisories` makes it fail, for a machine that has to reach it.

Exits with 1 if a check fails or cargo-deny is missing.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What is told of the code alone, and needs no database.
CHECKS = ["bans", "licenses", "sources"]
FETCH_SECONDS = 60
NOT_CHECKED = (
    "ADVISORIES WERE NOT CHECKED: their database could not be fetched ({why}).\n"
    "Run 'make lint' where github.com can be reached before a release."
)


def check(program, require_advisories, run=subprocess.run):
    """Runs the checks; the exit status, and what to say in the end."""
    command = [program, "--locked", "--workspace"]
    if failed(run, [*command, "check", "--hide-inclusion-graph", *CHECKS]):
        return 1, "cargo-deny: a dependency is not as deny.toml has it (see above)"
    why = why_not_fetched(run, [*command, "fetch", "db"])
    if why:
        return int(require_advisories), NOT_CHECKED.format(why=why)
    if failed(run, [*command, "check", "--disable-fetch", "advisories"]):
        return 1, "cargo-deny: a dependency has a known fault (see above)"
    return 0, "cargo-deny: licences, duplicates, sources and advisories are fine"


def failed(run, command):
    return run(command, cwd=ROOT).returncode != 0


def why_not_fetched(run, command):
    """Returns what kept the database from being fetched; nothing if it is here and new."""
    try:
        fetched = run(command, cwd=ROOT, timeout=FETCH_SECONDS, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        return f"no answer within {FETCH_SECONDS} s"
    if fetched.returncode == 0:
        return None
    lines = [line.strip() for line in fetched.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"status {fetched.returncode}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cargo-deny", default="cargo-deny", help="the program")
    parser.add_argument("--require-advisories", action="store_true", help="fail if they cannot be checked")
    arguments = parser.parse_args()
    try:
        status, told = check(arguments.cargo_deny, arguments.require_advisories)
    except FileNotFoundError:
        status, told = 1, f"{arguments.cargo_deny} is missing: cargo install --locked cargo-deny"
    print(told, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
