#!/usr/bin/env python3
"""Counts what an operation costs each side: system calls with strace, instructions with valgrind's callgrind.

Counts do not depend on how busy a machine is, so tests compare them with limits (`test_costs.py`). Every count is a difference: of a
transfer and a smaller one, or of a command that does something and one that does not. So starting a process and connecting
are in none of them but in those called a whole command. What the allocator and threads ask of the kernel is left out of
the system calls, since it depends on time.

usage: costs.py [--remofile PATH] [--instructions] [--json]
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from harness import MIB, RELEASE_BINARY, Failed, Server, end_on_signals, write_random_file

SECONDS = 300
SUMMARY_LINE = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(\w+)$", re.MULTILINE)
INSTRUCTIONS = re.compile(r"^(?:summary|totals):\s*(\d+)", re.MULTILINE)
# Memory and threads: how often these are called depends on time, not on what is done. fcntl is how a build for tests makes
# sure that what it closes is open.
NOT_COUNTED = frozenset(
    "brk mmap munmap mremap madvise mprotect futex sched_yield restart_syscall rt_sigprocmask rt_sigaction sigaltstack clone3 "
    "fcntl clone set_robust_list rseq exit exit_group gettid getpid prctl clock_nanosleep membarrier rt_sigreturn sched_getaffinity".split()
)


# Times that a whole command is counted: on a busy machine what a peer sends comes in more pieces, each with a read of its own, so the
# fewest are what it costs.
ROUNDS = 4


class Missing(Exception):
    """The program that counts is not installed, or does not work here."""


@dataclass(frozen=True)
class Sizes:
    """A small and a large number of files and of MiB, the difference of which is divided by."""

    files: tuple = (200, 1200)
    mebibytes: tuple = (16, 80)


@dataclass
class Count:
    """The counts of either side: system calls by their names, or instructions."""

    client: Counter
    server: Counter

    def less(self, other, divisor=1):
        """Returns how much more this is than another one, for each of some units."""
        return {side: (sum(getattr(self, side).values()) - sum(getattr(other, side).values())) / divisor for side in ("client", "server")}


def fewest(counts):
    """The fewest of several counts of the same, for each side."""
    found = [count.less(Count(Counter(), Counter())) for count in counts]
    return {side: min(one[side] for one in found) for side in ("client", "server")}


class Bench:
    """A server with files to move, and ways to count what its commands cost."""

    def __init__(self, binary, directory, sizes):
        self.binary, self.root = Path(binary), Path(directory) / "root"
        self.sources, self.back = Path(directory) / "sources", Path(directory) / "back"
        self.sizes = sizes
        for path in (self.root, self.sources, self.back):
            path.mkdir()
        for count in sizes.files:
            (self.sources / f"files-{count}").mkdir()
            for number in range(count):
                (self.sources / f"files-{count}" / f"f{number:06d}").write_bytes(os.urandom(4096))
        for mebibytes in sizes.mebibytes:
            write_random_file(self.sources / f"large-{mebibytes}", mebibytes * MIB)
        (self.sources / "small").write_bytes(os.urandom(4096))
        for number in range(ROUNDS):
            (self.sources / f"small-{number}").write_bytes(os.urandom(4096))

    def counts(self, counter):
        """The cost of each operation, on each side."""
        with counter(self) as count:
            # The first session has the server begin threads and load what it needs.
            count("list", "/")
            costs = {
                "one stat, the whole command": fewest(count("stat", "/") for _ in range(ROUNDS)),
                "one upload of 4 KiB, the whole command": fewest(
                    count("upload", self.sources / f"small-{number}", "/") for number in range(ROUNDS)
                ),
            }
            few, many = self.sizes.files
            up, down, unchanged = {}, {}, {}
            for number in self.sizes.files:
                up[number] = count("upload", "-r", self.sources / f"files-{number}", "/")
                down[number] = count("download", "-r", f"/files-{number}", self.back)
                unchanged[number] = count("sync", "local", self.sources / f"files-{number}", f"/files-{number}")
            for name, of in (("a small file up", up), ("a small file down", down), ("a file that is unchanged", unchanged)):
                costs[name] = of[many].less(of[few], many - few)
            little, much = self.sizes.mebibytes
            for name, words in (
                ("a MiB up", lambda number: ("upload", self.sources / f"large-{number}", "/")),
                ("a MiB down", lambda number: ("download", f"/large-{number}", self.back)),
            ):
                costs[name] = count(*words(much)).less(count(*words(little)), much - little)
            return costs


    def transfer_counts(self, counter):
        """The cost of a command that looks at one file, and of a small file and a MiB, each way: what they cost more than one small
        file does."""
        files, mebibytes = self.sizes.files[-1], self.sizes.mebibytes[-1]
        # Where everything takes fifty times as long, the line seems to be a long one, on which further connections would help.
        alone = ("--transfers", "1")
        with counter(self) as count:
            costs = {"one stat, the whole command": count("stat", "/").less(Count(Counter(), Counter()))}
            for way, words in (
                ("up", lambda name: ("upload", *alone, "-r", self.sources / name, "/")),
                ("down", lambda name: ("download", *alone, "-r", f"/{name}", self.back)),
            ):
                one = count(*words("small"))
                costs[f"a small file {way}"] = count(*words(f"files-{files}")).less(one, files)
                costs[f"a MiB {way}"] = count(*words(f"large-{mebibytes}")).less(one, mebibytes)
        return costs


class SystemCalls:
    """Counts system calls with strace."""

    name, sizes = "system calls", Sizes()

    def __init__(self, bench):
        self.bench, self.log = bench, bench.root.parent / "calls"
        if shutil.which("strace") is None:
            raise Missing("strace is not installed")

    def __enter__(self):
        self.server = Server(self.bench.binary, self.bench.root)
        self.server.__enter__()
        return self

    def __exit__(self, *error):
        self.server.__exit__(*error)

    def __call__(self, *arguments):
        environment = {**self.server.environment, "XDG_STATE_HOME": "/dev/null/none"}
        command = [self.bench.binary, *map(str, arguments)]
        # Both in one run would slow the client down while the server is waited for, and count more reads of less.
        client = self._of_client(command, environment)
        self._undo(arguments)
        server = self._of_server(command, environment)
        return Count(client, server)

    def _undo(self, arguments):
        """Removes what an upload or a download has made, so that the same can be done again."""
        if arguments[0] == "upload":
            remove(self.bench.root / Path(arguments[-2]).name)
        elif arguments[0] == "download":
            remove(self.bench.back / Path(arguments[-2]).name)

    def _of_client(self, command, environment):
        run(["strace", "-f", "-c", "-qq", "-o", self.log, *command], environment)
        return self._read()

    def _of_server(self, command, environment):
        tracer = subprocess.Popen(
            ["strace", "-f", "-c", "-qq", "-o", self.log, "-p", str(self.server.process.pid)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        try:
            self._await(tracer)
            run(command, environment)
        finally:
            tracer.send_signal(signal.SIGINT)
            try:
                tracer.wait(SECONDS)
            except subprocess.TimeoutExpired:
                tracer.kill()
                tracer.wait()
            tracer.stderr.close()
        return self._read()

    def _await(self, tracer):
        tasks = Path(f"/proc/{self.server.process.pid}/task")
        deadline = time.monotonic() + SECONDS
        while not all(f"TracerPid:\t{tracer.pid}\n" in (task / "status").read_text() for task in tasks.iterdir()):
            if tracer.poll() is not None:
                raise Missing(f"strace cannot follow a process here: {tracer.stderr.read().strip()}")
            if time.monotonic() > deadline:
                raise Failed("strace did not attach to the server")
            time.sleep(0.005)

    def _read(self):
        text = self.log.read_text(encoding="ascii", errors="replace")
        return counted(text)


def counted(summary):
    """The system calls in a summary of `strace -c`, without those that depend on time."""
    found = Counter({name: int(count) for count, name in SUMMARY_LINE.findall(summary) if name != "total"})
    return Counter({name: count for name, count in found.items() if name not in NOT_COUNTED})


class CountedServer(Server):
    """A server in valgrind, where everything takes fifty times as long."""

    start_seconds = stop_seconds = SECONDS


class Instructions:
    """Counts instructions with callgrind: of the client in each run, of the server from its start to its end."""

    # Everything takes fifty times as long.
    name, sizes = "instructions", Sizes(files=(100, 300), mebibytes=(2, 6))

    def __init__(self, bench):
        self.bench = bench
        if shutil.which("valgrind") is None:
            raise Missing("valgrind is not installed")

    def __enter__(self):
        scratch = self.bench.root.parent
        self.log = scratch / "instructions"
        self.wrapper = scratch / "counted-server"
        self.wrapper.write_text(f'#!/bin/sh\nexec valgrind {" ".join(self._options())} {self.bench.binary} "$@"\n', encoding="utf-8")
        self.wrapper.chmod(0o700)
        self._base = None
        return self

    def __exit__(self, *_):
        pass

    def __call__(self, *arguments):
        # A server for each, since callgrind writes what it counted when a process ends.
        server = self._of_server(arguments)
        if self._base is None:
            self._base = self._of_server(None)
        return Count(Counter({"instructions": self._client}), Counter({"instructions": server - self._base}))

    def _of_server(self, arguments):
        with CountedServer(self.wrapper, self.bench.root) as server:
            if arguments is not None:
                environment = {**server.environment, "XDG_STATE_HOME": "/dev/null/none"}
                own = self.log.with_suffix(".client")
                run(["valgrind", *self._options(own), self.bench.binary, *arguments], environment)
                self._client = self._read(own)
        return self._read(self.log)

    def _options(self, log=None):
        return ["--tool=callgrind", "-q", f"--callgrind-out-file={log or self.log}"]

    def _read(self, log):
        match = INSTRUCTIONS.search(log.read_text(encoding="utf-8", errors="replace"))
        if match is None:
            raise Missing("callgrind counted nothing")
        return int(match.group(1))


class ClientInstructions(Instructions):
    """Counts instructions of the client alone, which sends uploads and receives downloads by the same code as a server: in a quarter of
    the time."""

    name, sizes = "instructions of the client", Sizes(files=(200,), mebibytes=(8,))

    def __enter__(self):
        self.log = self.bench.root.parent / "instructions"
        self.server = Server(self.bench.binary, self.bench.root)
        self.server.__enter__()
        return self

    def __exit__(self, *error):
        self.server.__exit__(*error)

    def __call__(self, *arguments):
        environment = {**self.server.environment, "XDG_STATE_HOME": "/dev/null/none"}
        run(["valgrind", *self._options(), self.bench.binary, *arguments], environment)
        return Count(Counter({"instructions": self._read(self.log)}), Counter())


def run(command, environment):
    done = subprocess.run(
        list(map(str, command)), env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False,
    )
    if done.returncode != 0:
        raise Failed(f"'{' '.join(map(str, command))}' ended with status {done.returncode}: {done.stderr.strip()[-500:]}")


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def measure(binary, counter, sizes=None):
    """Returns what `counter` counts of every operation. Missing if it cannot."""
    sizes = sizes or counter.sizes
    with tempfile.TemporaryDirectory(prefix="remofile-costs-") as directory:
        return Bench(binary, Path(directory).resolve(), sizes).counts(counter)


def measure_transfers(binary):
    """The instructions that a client needs to look at one file, and for a small file and a MiB, each way. Missing if they cannot be counted."""
    with tempfile.TemporaryDirectory(prefix="remofile-costs-") as directory:
        bench = Bench(binary, Path(directory).resolve(), ClientInstructions.sizes)
        return {work: count["client"] for work, count in bench.transfer_counts(ClientInstructions).items()}


def table(costs):
    """The counts as lines of Markdown: `costs` has those of each counter."""
    names = list(costs)
    yield f"| what | {' | '.join(f'{name}, {side}' for name in names for side in ('client', 'server'))} |"
    yield f"|---|{'--:|' * (2 * len(names))}"
    for work in costs[names[0]]:
        cells = [shown(costs[name][work][side]) for name in names for side in ("client", "server")]
        yield f"| {work} | {' | '.join(cells)} |"


def shown(count):
    return f"{count:,.0f}" if count >= 100 else f"{count:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--remofile", type=Path, default=RELEASE_BINARY, metavar="PATH", help="the command to count")
    parser.add_argument("--instructions", action="store_true", help="count instructions, too, which takes minutes")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    end_on_signals()
    try:
        counters = [SystemCalls, Instructions] if arguments.instructions else [SystemCalls]
        costs = {counter.name: measure(arguments.remofile.resolve(), counter) for counter in counters}
    except (Failed, Missing) as failure:
        print(f"Nothing was counted: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(json.dumps(costs, indent=2) if arguments.json else "\n".join(table(costs)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
