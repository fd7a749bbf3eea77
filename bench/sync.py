#!/usr/bin/env python3
"""Measures `remofile sync` on loopback beside an rsync daemon: seconds, bytes on the wire, and ratios to rsync.

Works in memory (/dev/shm) where that has space, so that the disk is not what is measured. Every
round runs every variant once, so that drift of the machine hits all alike; a first round that is
not counted warms the memory up. Before every run the destination is made anew, as an old version
with an old time; after it, it is compared with the source, byte by byte. The rsync daemon does not
encrypt, Remofile does. Without rsync, Remofile is measured alone.

`remofile` decides by itself between sending what changed and whole files; `remofile delta` is told
--no-whole-file, as rsync is.

usage: sync.py [--quick] [--rounds N] [--entries N] [--directory DIR] [--remofile PATH] [--json]
"""

import argparse
import json
import os
import random
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from bench import SMALL_FILE_BYTES, choose_directory, peak_of_client, progress, remove, write_small_files
from harness import MIB, RELEASE_BINARY, Failed, Server, compare, end_on_signals, peak_memory_bytes, write_random_file

EDIT_BYTES = 10 * 1024
ENTRIES_PER_DIRECTORY = 1000
MEMORY_TARGET_BYTES = 200 * MIB
OLD_TIME = 1_000_000_000
RSYNC_START_SECONDS = 15
RSYNC_START_ATTEMPTS = 5
RSYNC_STOP_SECONDS = 15
DIRECTIONS = ("local", "remote")


@dataclass(frozen=True)
class Plan:
    """The amounts that are measured."""

    rounds: int
    large_bytes: int
    edits: int
    small_files: int
    entries: int = 0


FULL = Plan(rounds=3, large_bytes=1024 * MIB, edits=1_000, small_files=10_000)
QUICK = Plan(rounds=2, large_bytes=64 * MIB, edits=64, small_files=1_000)


@dataclass(frozen=True)
class Places:
    """The directories: what is served, and in it what is synchronised, what it was before, and what is made like it."""

    served: Path
    source: Path
    old: Path
    destination: Path
    nothing: Path

    @classmethod
    def create(cls, directory):
        places = cls(directory, *(directory / name for name in ("source", "old", "destination", "nothing")))
        for path in (places.source, places.old, places.destination, places.nothing):
            path.mkdir()
        return places

    def clear(self):
        for path in (self.source, self.old, self.destination):
            remove(path)
            path.mkdir()


@dataclass(frozen=True)
class Remofile:
    """`remofile sync` against a server of its own."""

    server: Server
    options: tuple = ()

    def synchronize(self, direction, source, destination):
        """Returns the seconds from process start to exit, and the bytes on the wire."""
        start = time.perf_counter()
        output = self.server.run("sync", direction, "--json", *self.options, *self.ends(direction, source, destination))
        seconds = time.perf_counter() - start
        done = json.loads(output.splitlines()[-1])
        return seconds, done["sent_bytes"] + done["received_bytes"]

    def ends(self, direction, source, destination):
        """The two paths, the remote one alone absolute, so that it is certain which that is."""
        served = self.server.directory
        if direction == "local":
            return source, f"/{destination.relative_to(served)}"
        return f"/{source.relative_to(served)}", os.path.relpath(destination)


class Rsync:
    """`rsync` against a daemon on a free port of this machine, with a password of its own, ended with the `with` block."""

    def __init__(self, directory):
        self.directory = directory
        self.environment = {**os.environ, "LC_ALL": "C", "RSYNC_PASSWORD": secrets.token_hex(16)}

    def __enter__(self):
        self._configuration = tempfile.TemporaryDirectory()
        try:
            for _ in range(RSYNC_START_ATTEMPTS):
                # Another process may take the port before the daemon does.
                if self._start():
                    return self
            raise Failed(f"the rsync daemon does not start:\n{self._log().strip()}")
        except BaseException:
            self._configuration.cleanup()
            raise

    def __exit__(self, *_):
        self._stop()
        self._configuration.cleanup()

    def synchronize(self, direction, source, destination, *options):
        """Returns the seconds from process start to exit, and the bytes on the wire."""
        remote = f"rsync://bench@127.0.0.1:{self.port}/bench"
        if direction == "local":
            ends = (f"{source}/", f"{remote}/{destination.relative_to(self.directory)}/")
        else:
            ends = (f"{remote}/{source.relative_to(self.directory)}/", f"{destination}/")
        command = ["rsync", "-rt", "--no-whole-file", "--stats", "--no-human-readable", *options, *ends]
        start = time.perf_counter()
        done = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            raise Failed(f"'{' '.join(command)}' ended with status {done.returncode}:\n{done.stderr.strip()}")
        return seconds, sum(map(int, re.findall(r"^Total bytes (?:sent|received): (\d+)", done.stdout, re.MULTILINE)))

    def _start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = ["rsync", "--daemon", "--no-detach", "--address=127.0.0.1", f"--port={self.port}"]
        self._process = subprocess.Popen(
            [*command, f"--config={self._configure()}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )
        try:
            return self._listens()
        except BaseException:
            self._stop()
            raise

    def _configure(self):
        directory = Path(self._configuration.name)
        users = directory / "users"
        users.touch(mode=0o600)
        users.write_text(f"bench:{self.environment['RSYNC_PASSWORD']}\n", encoding="utf-8")
        lines = ["use chroot = no", "reverse lookup = no", f"log file = {directory / 'log'}"]
        if os.geteuid() == 0:
            lines += ["uid = 0", "gid = 0"]
        lines += ["[bench]", f"path = {self.directory}", "read only = no", "auth users = bench", f"secrets file = {users}"]
        configuration = directory / "rsyncd.conf"
        configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return configuration

    def _listens(self):
        """True if the daemon came up; False if it ended."""
        deadline = time.monotonic() + RSYNC_START_SECONDS
        while self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            except OSError:
                if time.monotonic() > deadline:
                    raise Failed(f"the rsync daemon does not listen after {RSYNC_START_SECONDS} s") from None
                time.sleep(0.01)
        return False

    def _stop(self):
        self._process.terminate()
        try:
            self._process.wait(RSYNC_STOP_SECONDS)
        except BaseException as error:
            self._process.kill()
            self._process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise Failed(f"the rsync daemon did not end within {RSYNC_STOP_SECONDS} s of SIGTERM") from None
            raise

    def _log(self):
        log = Path(self._configuration.name, "log")
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""


def main():
    arguments = parse_arguments()
    plan = replace(QUICK if arguments.quick else FULL, entries=arguments.entries)
    if arguments.rounds:
        plan = replace(plan, rounds=arguments.rounds)
    end_on_signals()
    try:
        parent = arguments.directory or choose_directory(plan)
        with tempfile.TemporaryDirectory(prefix="remofile-sync-", dir=parent, ignore_cleanup_errors=True) as directory:
            places = Places.create(Path(directory).resolve())
            results = measure(arguments.remofile.resolve(), places, plan)
        progress("")
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
    parser.add_argument(
        "--entries", type=int, default=0, metavar="N", help="also synchronise and delete N empty files, such as 1000000"
    )
    parser.add_argument("--directory", type=Path, metavar="DIR", help="where to work (default /dev/shm, else TMPDIR)")
    parser.add_argument("--remofile", type=Path, default=RELEASE_BINARY, metavar="PATH", help="the command to measure")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("--rounds is at least 1")
    if arguments.entries < 0:
        parser.error("--entries is at least 0")
    return arguments


def measure(binary, places, plan):
    results = {
        "directory": str(places.served.parent),
        "rounds": plan.rounds,
        "large_bytes": plan.large_bytes,
        "edits": plan.edits,
        "edit_bytes": EDIT_BYTES,
        "small_files": plan.small_files,
        "small_file_bytes": SMALL_FILE_BYTES,
        "rsync": rsync_version(),
        "workloads": [],
    }
    with ExitStack() as stack:
        server = stack.enter_context(Server(binary, places.served))
        rsync = stack.enter_context(Rsync(places.served)) if results["rsync"] else None
        for name, prepare in (("unchanged", prepare_unchanged), ("edited", prepare_edited), ("shifted", prepare_shifted)):
            progress(f"{name}: making the files")
            prepare(places, plan)
            variants = {"rsync": rsync} if rsync else {}
            variants["remofile"] = Remofile(server)
            if name != "unchanged":
                variants["remofile delta"] = Remofile(server, ("--no-whole-file",))
            results["workloads"] += [measure_workload(variants, places, plan, name, direction) for direction in DIRECTIONS]
            places.clear()
        results["entries"] = measure_entries(binary, rsync, places, plan.entries) if plan.entries else None
    return results


def rsync_version():
    """The version of the rsync that is installed, else None."""
    if shutil.which("rsync") is None:
        return None
    said = subprocess.run(["rsync", "--version"], check=True, capture_output=True, text=True).stdout
    match = re.search(r"version v?(\S+)", said)
    return match.group(1) if match else "unknown"


def prepare_unchanged(places, plan):
    write_small_files(places.source / "small", plan.small_files)


def prepare_edited(places, plan):
    """One edit at a random place of each of as many equal parts of the file."""
    prepare_old(places, plan)
    shutil.copyfile(places.old / "large", places.source / "large")
    chance, part_bytes = random.Random(1), plan.large_bytes // plan.edits
    with open(places.source / "large", "r+b") as file:
        for number in range(plan.edits):
            file.seek(number * part_bytes + chance.randrange(part_bytes - EDIT_BYTES))
            file.write(os.urandom(EDIT_BYTES))


def prepare_shifted(places, plan):
    prepare_old(places, plan)
    with open(places.old / "large", "rb") as old, open(places.source / "large", "wb") as file:
        file.write(b"+")
        shutil.copyfileobj(old, file, MIB)


def prepare_old(places, plan):
    write_random_file(places.old / "large", plan.large_bytes)
    os.utime(places.old / "large", (OLD_TIME, OLD_TIME))


def measure_workload(variants, places, plan, name, direction):
    """Seconds and bytes on the wire of each variant, round by round."""
    measured = {variant: [] for variant in variants}
    for number in range(plan.rounds + 1):
        shown = f"round {number} of {plan.rounds}" if number else "warming up"
        for variant, command in variants.items():
            progress(f"{name}, sync {direction}: {shown}")
            remove(places.destination)
            shutil.copytree(places.source if name == "unchanged" else places.old, places.destination)
            taken = command.synchronize(direction, places.source, places.destination)
            compare(places.source, places.destination)
            if number:
                measured[variant].append(taken)
    return {
        "name": name,
        "direction": direction,
        "variants": {variant: summary(runs, measured.get("rsync")) for variant, runs in measured.items()},
    }


def summary(runs, rsync_runs):
    seconds, wire = zip(*runs)
    result = {
        "median_seconds": statistics.median(seconds),
        "min_seconds": min(seconds),
        "median_wire_bytes": statistics.median(wire),
        "seconds_to_rsync": None,
        "bytes_to_rsync": None,
        "seconds": seconds,
        "wire_bytes": wire,
    }
    if rsync_runs:
        rsync_seconds, rsync_wire = zip(*rsync_runs)
        result["seconds_to_rsync"] = result["median_seconds"] / statistics.median(rsync_seconds)
        result["bytes_to_rsync"] = result["median_wire_bytes"] / statistics.median(rsync_wire)
    return result


def measure_entries(binary, rsync, places, count):
    """Creating, finding unchanged and deleting `count` empty files: seconds, and peak memory of both sides."""
    require_inodes(places.served, count)
    progress(f"entries: making {count:,} files")
    for number in range(count):
        directory = places.source / f"d{number // ENTRIES_PER_DIRECTORY:06d}"
        if number % ENTRIES_PER_DIRECTORY == 0:
            directory.mkdir()
        (directory / f"f{number:08d}").touch()
    runs = []
    for direction in DIRECTIONS:
        for step, source in (("first", places.source), ("unchanged", places.source), ("deletion", places.nothing)):
            progress(f"entries, sync {direction}: {step}")
            # A server of its own, so that its peak is that of this step and nothing else.
            with Server(binary, places.served) as server:
                ends = Remofile(server).ends(direction, source, places.destination)
                start = time.perf_counter()
                client_bytes = peak_of_client(server, "sync", direction, "--delete", "-q", *ends)
                seconds = time.perf_counter() - start
                server_bytes = peak_memory_bytes(server.process.pid)
            compare_names(source, places.destination)
            peaks = {"client_peak_bytes": client_bytes, "server_peak_bytes": server_bytes}
            runs.append({"direction": direction, "step": step, "seconds": seconds, **peaks, "rsync_seconds": None})
        for run, source in zip(runs[-3:], (places.source, places.source, places.nothing)):
            if rsync:
                progress(f"entries, rsync, {direction}: {run['step']}")
                run["rsync_seconds"], _ = rsync.synchronize(direction, source, places.destination, "--delete")
                compare_names(source, places.destination)
    return {"count": count, "memory_target_bytes": MEMORY_TARGET_BYTES, "runs": runs}


def require_inodes(directory, count):
    free = os.statvfs(directory).f_favail
    # Some file systems make them as they go, and say 0.
    if 0 < free < 2.1 * count:
        raise Failed(f"{directory} has room for {free:,} files, {2.1 * count:,.0f} are needed: name another with --directory")


def compare_names(expected, actual):
    """As compare, for trees of empty files that are too many for it."""
    for one, other in zip_longest(walk(expected), walk(actual)):
        if one != other:
            raise Failed(f"{actual} differs from {expected} in the directory {(one or other)[0]}")


def walk(tree):
    """Each directory, with the names in it and the sizes of the files, in the order of the names."""
    for path, directories, files in os.walk(tree):
        directories.sort()
        sizes = sorted((name, os.lstat(os.path.join(path, name)).st_size) for name in files)
        yield os.path.relpath(path, tree), list(directories), sizes


def as_table(results):
    large = f"{results['large_bytes'] // MIB} MiB"
    descriptions = {
        "unchanged": f"{results['small_files']:,} files of {results['small_file_bytes'] // 1024} KiB, unchanged",
        "edited": f"{large}, {results['edits']:,} edits of {results['edit_bytes'] // 1024} KiB",
        "shifted": f"{large}, a byte put in front",
    }
    rows = [("", "", "", "median s", "min s", "to rsync", "wire bytes", "to rsync")]
    for workload in results["workloads"]:
        title, direction = descriptions[workload["name"]], workload["direction"]
        for variant, measured in workload["variants"].items():
            numbers = (f"{measured['median_seconds']:.3f}", f"{measured['min_seconds']:.3f}", ratio(measured["seconds_to_rsync"]))
            wire = (f"{measured['median_wire_bytes']:,.0f}", ratio(measured["bytes_to_rsync"]))
            rows.append((title, direction, variant, *numbers, *wire))
            title = direction = ""
    beside = f"rsync {results['rsync']} with --no-whole-file" if results["rsync"] else "rsync is not installed"
    lines = [f"{results['rounds']} rounds in {results['directory']}, process start to exit; {beside}", ""]
    lines += ["{:<36} {:<6} {:<14} {:>9} {:>8} {:>9} {:>14} {:>9}".format(*row).rstrip() for row in rows]
    return "\n".join(lines + entries_table(results["entries"]))


def entries_table(entries):
    if not entries:
        return []
    target = entries["memory_target_bytes"]
    rows = [("", "", "seconds", "rsync s", "client MiB", "server MiB")]
    for run in entries["runs"]:
        seconds = (f"{run['seconds']:.2f}", "-" if run["rsync_seconds"] is None else f"{run['rsync_seconds']:.2f}")
        peaks = [f"{run[side] / MIB:.1f}" for side in ("client_peak_bytes", "server_peak_bytes")]
        over = max(run["client_peak_bytes"], run["server_peak_bytes"]) > target
        rows.append((run["step"], run["direction"], *seconds, *peaks[:1], peaks[1] + ("  over the target" if over else "")))
    title = f"{entries['count']:,} empty files, once; peak memory (target: less than {target // MIB} MiB each)"
    return ["", title, *("{:<12} {:<8} {:>9} {:>9} {:>11} {:>11}".format(*row).rstrip() for row in rows)]


def ratio(value):
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
