#!/usr/bin/env python3
"""Repeats transfers against one server, and fails if its memory or its file descriptors grow.

Each cycle uploads a tree and a file, downloads both, compares every byte and removes them. What the
server holds after the first cycles is the measure for what it may hold at the end.

usage: soak.py [--seconds N] [--directory DIR] [--remofile PATH]
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from harness import MIB, RELEASE_BINARY, Failed, Server, compare, end_on_signals, peak_memory_bytes, write_random_file

WARM_UP_CYCLES = 5
REPORT_SECONDS = 30
TREE_FILES = 500
LARGE_BYTES = 64 * MIB
GROWTH_ALLOWED_BYTES = 8 * MIB
DESCRIPTORS_ALLOWED = 8


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=600, metavar="N", help="how long to repeat (default 600)")
    parser.add_argument("--directory", type=Path, metavar="DIR", help="where to work (default TMPDIR)")
    parser.add_argument("--remofile", type=Path, default=RELEASE_BINARY, metavar="PATH", help="the command to run")
    arguments = parser.parse_args()
    end_on_signals()
    try:
        with tempfile.TemporaryDirectory(
            prefix="remofile-soak-", dir=arguments.directory, ignore_cleanup_errors=True
        ) as directory:
            print(soak(arguments.remofile.resolve(), Path(directory), arguments.seconds))
    except Failed as failure:
        print(f"The soak test failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def soak(binary, directory, seconds):
    local, served, returned = (directory / name for name in ("local", "served", "returned"))
    for path in (local, served, returned):
        path.mkdir()
    write_tree(local / "tree")
    write_random_file(local / "large", LARGE_BYTES)
    deadline = time.monotonic() + seconds
    next_report = time.monotonic() + REPORT_SECONDS
    cycles, first = 0, None
    with Server(binary, served) as server:
        while time.monotonic() < deadline or cycles <= WARM_UP_CYCLES:
            cycle(server, local, returned)
            cycles += 1
            now = holdings(server.process.pid)
            if cycles == WARM_UP_CYCLES:
                first = now
            if time.monotonic() >= next_report:
                next_report += REPORT_SECONDS
                print(f"{cycles} cycles; the server peaked at {now[0] / MIB:.1f} MiB, {now[1]} descriptors", flush=True)
        check_growth(first, now)
    if leftovers := sorted(path.name for path in served.iterdir()):
        raise Failed(f"the served directory should be empty and holds {leftovers[:5]}")
    return f"{cycles} cycles; the server peaked at {now[0] / MIB:.1f} MiB and holds {now[1]} file descriptors"


def write_tree(tree):
    for number in range(TREE_FILES):
        path = tree / f"d{number % 10}" / f"file {number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(number * 37))


def cycle(server, local, returned):
    for name in ("tree", "large"):
        server.run("upload", "-r", local / name, "/")
        server.run("download", "-r", f"/{name}", returned)
        compare(local / name, returned / name)
        server.run("remove", "-r", f"/{name}")
    shutil.rmtree(returned / "tree")
    (returned / "large").unlink()


def holdings(pid):
    """Peak resident memory in bytes, and open file descriptors."""
    return peak_memory_bytes(pid) or 0, len(os.listdir(f"/proc/{pid}/fd"))


def check_growth(first, last):
    if last[0] > first[0] + GROWTH_ALLOWED_BYTES:
        raise Failed(f"the server's memory grew from {first[0] / MIB:.1f} to {last[0] / MIB:.1f} MiB")
    if last[1] > first[1] + DESCRIPTORS_ALLOWED:
        raise Failed(f"the server's file descriptors grew from {first[1]} to {last[1]}")


if __name__ == "__main__":
    sys.exit(main())
