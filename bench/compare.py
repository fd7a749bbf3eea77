#!/usr/bin/env python3
"""Measures Remofile beside whatever peers are installed, and writes docs/benchmarks.md: tables and charts, and on what machine.

The same pieces of work are done by cp, the rsync daemon, rsync over ssh, scp, sftp, vsftpd and rclone, each against a server of its
own on loopback, in turn, round by round; a first round that does not count warms everything up. Then many clients use
one server at once, and open files are read and written from Rust. Works in memory (/dev/shm) and in the directory for
temporary files, if those are two file systems. Every result is compared with its source, byte by byte.

usage: compare.py [--quick | --smallest] [--rounds N] [--large MIB] [--directory DIR]... [--peers NAMES] [--work NAMES]
                  [--clients N] [--client-mebibytes N] [--no-load] [--no-costs] [--remofile PATH] [--output DIR] [--json]
"""

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
import costs
import load
import machine
import page
import peers
import runs
from harness import MIB, RELEASE_BINARY, REPOSITORY, Failed, end_on_signals

# The source, its old version, what is staged beside it, and what a server or client keeps beside that.
COPIES = 4
FULL = (
    runs.Scale(rounds=5, large_bytes=1024 * MIB, small_files=10_000, edits=1_000),
    load.Load(clients=100, mebibytes=1024, at_once=4, sessions=1_000, operations=100, open_mebibytes=1024, reads=20_000),
)
QUICK = (
    runs.Scale(rounds=1, large_bytes=64 * MIB, small_files=500, edits=64),
    load.Load(clients=20, mebibytes=16, at_once=4, sessions=100, operations=20, open_mebibytes=64, reads=1_000),
)
SMALLEST = (
    runs.Scale(rounds=1, large_bytes=MIB, small_files=5, edits=2),
    load.Load(clients=2, mebibytes=1, at_once=1, sessions=3, operations=4, open_mebibytes=1, reads=200),
)


def main():
    arguments = parse_arguments()
    scale, load_scale = SMALLEST if arguments.smallest else QUICK if arguments.quick else FULL
    scale = replace(scale, **chosen(rounds=arguments.rounds, large_bytes=arguments.large and arguments.large * MIB))
    load_scale = replace(load_scale, **chosen(clients=arguments.clients, mebibytes=arguments.client_mebibytes))
    end_on_signals()
    try:
        results = measure(arguments, scale, load_scale)
        if arguments.output:
            page.write(arguments.output, results)
    except Failed as failure:
        print(f"The measurement failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    progress("")
    print(json.dumps(results, indent=2) if arguments.json else page.as_text(results))
    if arguments.output and not arguments.json:
        print(f"\nWritten to {arguments.output / page.PAGE}.")
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="a run of a minute, to see that it works")
    sizes.add_argument("--smallest", action="store_true", help="a run of seconds, for tests")
    parser.add_argument("--rounds", type=positive, metavar="N", help="rounds that count (default 5)")
    parser.add_argument("--large", type=positive, metavar="MIB", help="the size of the large file (default 1024)")
    parser.add_argument("--directory", type=Path, action="append", metavar="DIR", help="where to work; may be given again")
    parser.add_argument("--peers", metavar="NAMES", help="only these, parts of names between commas; Remofile is always there")
    parser.add_argument("--work", metavar="NAMES", help="only this work, parts of names between commas")
    parser.add_argument("--clients", type=positive, metavar="N", help="clients that move a file each (default 100)")
    parser.add_argument("--client-mebibytes", type=positive, metavar="N", help="the size of each of those files (default 1024)")
    parser.add_argument("--no-load", action="store_true", help="without many clients and open files")
    parser.add_argument("--no-costs", action="store_true", help="without counts of system calls and instructions")
    parser.add_argument("--remofile", type=Path, default=RELEASE_BINARY, metavar="PATH", help="the command to measure")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where to write the page (default docs; nowhere for small runs)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    arguments = parser.parse_args()
    is_small = arguments.quick or arguments.smallest or arguments.work or arguments.peers or arguments.large
    if arguments.output is None and not is_small:
        arguments.output = REPOSITORY / "docs"
    return arguments


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it is at least 1")
    return number


def chosen(**values):
    return {name: value for name, value in values.items() if value is not None}


def measure(arguments, scale, load_scale):
    binary = arguments.remofile.resolve()
    if not binary.is_file():
        raise Failed(f"{binary} is missing: build it with 'make build'")
    works = [work for work in runs.EVERY_WORK if is_chosen(work, arguments.work)]
    if not works:
        raise Failed(f"no work has a name with '{arguments.work}'; there are {', '.join(runs.EVERY_WORK)}")
    results = {
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "versions": machine.versions(),
        "remofile": subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.split()[1],
        "rounds": scale.rounds,
        "large_bytes": scale.large_bytes,
        "titles": scale.titles(),
        "places": [],
    }
    directories = arguments.directory or choose_directories(scale)
    if arguments.quick or arguments.smallest:
        # One place shows that it works.
        directories = directories[:1]
    for directory in directories:
        results["places"].append(measure_place(arguments, binary, directory, scale, works))
    if not arguments.no_load:
        with scratch(directories[0]) as root:
            results["load"] = load.measure(binary, root, load_scale, progress)
    if not arguments.no_costs and not arguments.quick and not arguments.smallest:
        results["costs"], results["not_counted"] = {}, []
        for counter in (costs.SystemCalls, costs.Instructions):
            progress(f"counting {counter.name}")
            try:
                results["costs"][counter.name] = costs.measure(binary, counter)
            except costs.Missing as missing:
                results["not_counted"].append(f"{counter.name}: {missing}")
    return results


def choose_directories(scale):
    """Memory and the directory for temporary files, as far as they have room and are two file systems."""
    needed = COPIES * (scale.large_bytes + scale.small_files * 2 * runs.SMALL_FILE_BYTES)
    candidates = [Path("/dev/shm"), Path(tempfile.gettempdir())]
    found = {}
    for directory in candidates:
        if directory.is_dir() and os.access(directory, os.W_OK) and shutil.disk_usage(directory).free > needed:
            found.setdefault(directory.stat().st_dev, directory)
    if not found:
        raise Failed(f"no directory has {needed // MIB} MiB free: name one with --directory")
    return list(found.values())


def measure_place(arguments, binary, directory, scale, works):
    kind = machine.file_system(directory)
    with scratch(directory) as root:
        places = peers.Places(root)
        progress(f"making files in {directory}")
        runs.make_sources(places, scale)
        on_disk = kind != "tmpfs"
        kinds = peers.EVERY_PEER + (peers.ON_DISKS if on_disk else ())
        makers = [peers.Remofile(places, binary)]
        makers += [maker(places) for maker in kinds if is_chosen(maker.name, arguments.peers)]
        found, absent = runs.measure(makers, places, scale, works, on_disk, progress)
    return {
        "directory": str(directory),
        "file_system": kind,
        "peers": {peer.name: peer.protection for peer in makers},
        "works": page.summed_up(found),
        "absent": absent,
    }


def is_chosen(name, wanted):
    return wanted is None or any(part.strip().lower() in name.lower() for part in wanted.split(","))


class scratch(tempfile.TemporaryDirectory):
    """A directory of its own below another one, as a path without links."""

    def __init__(self, parent):
        super().__init__(prefix="remofile-bench-", dir=parent, ignore_cleanup_errors=True)

    def __enter__(self):
        return Path(super().__enter__()).resolve()


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
