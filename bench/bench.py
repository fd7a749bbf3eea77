#!/usr/bin/env python3
"""Measures transfers on loopback beside cp: seconds from process start to exit, and ratios to cp.

Works in memory (/dev/shm) where that has space, so that the disk is not what is measured. Every
round runs every variant once, so that drift of the machine hits all alike; a first round that is
not counted warms the memory up. Every result is compared with its source, byte by byte. Peak
memory is read in a run of its own, because reading it takes time from what is measured.

usage: bench.py [--quick] [--rounds N] [--directory DIR] [--remofile PATH] [--json]
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from harness import MIB, RELEASE_BINARY, Failed, Server, compare, end_on_signals, peak_memory_bytes, write_random_file

SMALL_FILE_BYTES = 4096
FILES_PER_DIRECTORY = 100
SAMPLE_SECONDS = 0.002


@dataclass(frozen=True)
class Plan:
    """The amounts that are measured."""

    rounds: int
    large_bytes: int
    small_files: int
    list_runs: int


FULL = Plan(rounds=5, large_bytes=1024 * MIB, small_files=10_000, list_runs=50)
QUICK = Plan(rounds=2, large_bytes=64 * MIB, small_files=1_000, list_runs=10)


@dataclass(frozen=True)
class Places:
    """The directories: where the sources are, what is served, and where downloads and copies go."""

    sources: Path
    served: Path
    downloads: Path
    copies: Path

    @classmethod
    def create(cls, directory):
        places = cls(*(directory / name for name in ("sources", "served", "downloads", "copies")))
        for path in (places.sources, places.served, places.downloads, places.copies):
            path.mkdir()
        return places


def main():
    arguments = parse_arguments()
    plan = QUICK if arguments.quick else FULL
    if arguments.rounds:
        plan = Plan(arguments.rounds, plan.large_bytes, plan.small_files, plan.list_runs)
    end_on_signals()
    try:
        parent = arguments.directory or choose_directory(plan)
        with tempfile.TemporaryDirectory(prefix="remofile-bench-", dir=parent, ignore_cleanup_errors=True) as directory:
            places = Places.create(Path(directory))
            results = measure(arguments.remofile.resolve(), places, plan)
    except Failed as failure:
        print(f"The measurement failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(json.dumps(results, indent=2) if arguments.json else as_table(results))
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"rounds that count (default {FULL.rounds})")
    parser.add_argument("--directory", type=Path, metavar="DIR", help="where to work (default /dev/shm, else TMPDIR)")
    parser.add_argument("--remofile", type=Path, default=RELEASE_BINARY, metavar="PATH", help="the command to measure")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("--rounds is at least 1")
    return arguments


def choose_directory(plan):
    """Memory where it has space for four copies of everything, else the directory for temporary files."""
    needed = 4 * (plan.large_bytes + plan.small_files * 2 * SMALL_FILE_BYTES)
    for directory in (Path("/dev/shm"), Path(tempfile.gettempdir())):
        if directory.is_dir() and os.access(directory, os.W_OK) and shutil.disk_usage(directory).free > needed:
            return directory
    raise Failed(f"no directory has {needed // MIB} MiB free: name one with --directory")


def measure(binary, places, plan):
    progress("making the files")
    write_random_file(places.sources / "large", plan.large_bytes)
    write_small_files(places.sources / "small", plan.small_files)
    results = {
        "directory": str(places.sources.parent.parent),
        "rounds": plan.rounds,
        "large_bytes": plan.large_bytes,
        "small_files": plan.small_files,
        "small_file_bytes": SMALL_FILE_BYTES,
    }
    with Server(binary, places.served) as server:
        results["workloads"] = [measure_workload(server, places, plan, name) for name in ("large", "small")]
        results["list_milliseconds"] = measure_list(server, plan.list_runs)
    # A server of its own, so that its peak is that of one large file and nothing else.
    with Server(binary, places.served) as server:
        results["peak_memory_bytes"] = measure_memory(server, places)
    return results


def write_small_files(tree, count):
    for number in range(count):
        directory = tree / f"d{number // FILES_PER_DIRECTORY:03d}"
        if number % FILES_PER_DIRECTORY == 0:
            directory.mkdir(parents=True)
        (directory / f"f{number:06d}").write_bytes(os.urandom(SMALL_FILE_BYTES))


def measure_workload(server, places, plan, name):
    """The seconds of cp, upload and download of one source, round by round."""
    source = places.sources / name
    variants = {
        "cp": (places.copies, lambda: timed(["cp", "-r", source, places.copies])),
        "upload": (places.served, lambda: server.timed("upload", "-r", source, "/")),
        "download": (places.downloads, lambda: server.timed("download", "-r", f"/{name}", places.downloads)),
    }
    seconds = {variant: [] for variant in variants}
    for number in range(plan.rounds + 1):
        progress(f"{name}: round {number} of {plan.rounds}" if number else f"{name}: warming up")
        for variant, (destination, run) in variants.items():
            # Only now, so that the memory of the last result is still warm.
            remove(destination / name)
            taken = run()
            compare(source, destination / name)
            if number:
                seconds[variant].append(taken)
    for destination in (places.copies, places.downloads, places.served):
        remove(destination / name)
    return {"name": name, "variants": {variant: summary(taken, seconds["cp"]) for variant, taken in seconds.items()}}


def summary(seconds, cp_seconds):
    median = statistics.median(seconds)
    return {
        "median_seconds": median,
        "min_seconds": min(seconds),
        "ratio_to_cp": median / statistics.median(cp_seconds),
        "seconds": seconds,
    }


def measure_list(server, runs):
    """Milliseconds from process start to exit of listing the root directory."""
    progress(f"list: {runs} runs")
    server.run("list")
    taken = [server.timed("list") * 1000 for _ in range(runs)]
    return {"median": statistics.median(taken), "min": min(taken), "runs": runs}


def measure_memory(server, places):
    """Peak resident memory of both sides, in bytes, while the large file moves."""
    progress("memory")
    source = places.sources / "large"
    upload = peak_of_client(server, "upload", source, "/")
    compare(source, places.served / "large")
    download = peak_of_client(server, "download", "/large", places.downloads)
    compare(source, places.downloads / "large")
    return {"server": peak_memory_bytes(server.process.pid), "upload": upload, "download": download}


def peak_of_client(server, *arguments):
    process = server.start_client(*arguments)
    peak = 0
    while process.poll() is None:
        peak = max(peak, peak_memory_bytes(process.pid) or 0)
        time.sleep(SAMPLE_SECONDS)
    _, errors = process.communicate()
    if process.returncode != 0:
        raise Failed(f"'remofile {arguments[0]}' ended with status {process.returncode}:\n{errors.strip()}")
    return peak


def timed(command):
    start = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - start


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def as_table(results):
    descriptions = {
        "large": f"one file of {results['large_bytes'] // MIB} MiB",
        "small": f"{results['small_files']:,} files of {results['small_file_bytes'] // 1024} KiB",
    }
    rows = [("", "", "median s", "min s", "to cp")]
    for workload in results["workloads"]:
        for variant, measured in workload["variants"].items():
            title = descriptions[workload["name"]] if variant == "cp" else ""
            numbers = (f"{measured['median_seconds']:.3f}", f"{measured['min_seconds']:.3f}", f"{measured['ratio_to_cp']:.2f}")
            rows.append((title, variant, *numbers))
    lines = [f"{results['rounds']} rounds in {results['directory']}, process start to exit", ""]
    lines += [f"{title:<24} {variant:<10} {median:>9} {least:>9} {ratio:>7}" for title, variant, median, least, ratio in rows]
    listing, memory = results["list_milliseconds"], results["peak_memory_bytes"]
    lines += ["", f"list, start to exit: median {listing['median']:.1f} ms, min {listing['min']:.1f} ms of {listing['runs']} runs"]
    shown = ", ".join(f"{side} {peak / MIB:.1f} MiB" for side, peak in memory.items())
    lines += [f"peak memory while the large file moves: {shown}"]
    return "\n".join(lines)


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
