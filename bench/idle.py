#!/usr/bin/env python3
"""Opens 10,000 authenticated sessions that do nothing, and measures what they cost the server and one client among them.

It fails unless the server stays within 200 MiB and 32 threads, has no more than one descriptor for each session (and 64
of its own), and every session answers when all of them are asked at once. How long calls take is printed as a ratio to
the same calls on a server without other sessions: of a session that asks again at once, of one that was parked, and of
`remofile list` in a process of its own.

usage: idle.py [--sessions N] [--calls N] [--remofile PATH] [--idle PATH]
"""

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from harness import MIB, RELEASE_BINARY, Failed, Server, end_on_signals

RELEASE_EXAMPLE = RELEASE_BINARY.parent / "examples" / "idle"
MEMORY_ALLOWED_BYTES = 200 * MIB
THREADS_ALLOWED = 32
DESCRIPTORS_ALLOWED = 64
# A session is parked when it has done nothing for so long, and a while later its worker has ended.
PARKED_SECONDS = 0.4
WORKERS_END_SECONDS = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=10_000, metavar="N", help="idle sessions (default 10000)")
    parser.add_argument("--calls", type=int, default=50, metavar="N", help="of each kind that are timed (default 50)")
    parser.add_argument("--remofile", type=Path, default=RELEASE_BINARY, metavar="PATH", help="the command to run")
    parser.add_argument("--idle", type=Path, default=RELEASE_EXAMPLE, metavar="PATH", help="the example `idle`")
    arguments = parser.parse_args()
    end_on_signals()
    try:
        return measure(arguments)
    except Failed as failure:
        print(f"The measurement failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def measure(arguments):
    if sys.platform != "linux":
        raise Failed("it needs Linux, where a process tells what it holds")
    allow_descriptors(arguments.sessions)
    with tempfile.TemporaryDirectory(prefix="remofile-idle-") as directory:
        (Path(directory) / "file").write_bytes(b"content")
        with Server(arguments.remofile.resolve(), directory) as server:
            pid = server.process.pid
            print(f"{'server':34} {'memory':>10} {'threads':>8} {'descriptors':>12}")
            show("at its start", Cost(pid))
            alone = time_calls(arguments, server)
            with Sessions(arguments.idle, server, arguments.sessions) as sessions:
                time.sleep(WORKERS_END_SECONDS)
                idle = show(f"with {arguments.sessions} idle sessions", Cost(pid))
                among = time_calls(arguments, server)
                start = time.perf_counter()
                sessions.ask()
                seconds = time.perf_counter() - start
                show("as all of them were asked", Cost(pid))
                time.sleep(WORKERS_END_SECONDS)
                again = show("and when they are idle again", Cost(pid))
    print(f"\nAll of them asked at once were answered in {seconds:.2f} s.\n")
    print(f"{'call':34} {'alone':>10} {'among them':>11} {'ratio':>6}")
    for name, before in alone.items():
        print(f"{name:34} {before * 1000:7.2f} ms {among[name] * 1000:8.2f} ms {among[name] / before:6.2f}")
    broken = [cost for cost in (idle, again) if not cost.is_allowed(arguments.sessions)]
    if broken:
        raise Failed(f"idle sessions cost too much: {', '.join(map(str, broken))}")
    return 0


def allow_descriptors(sessions):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # The server keeps a quarter of its descriptors for sessions at work, and one address has three quarters of the rest.
    if hard < sessions * 2:
        raise Failed(f"a process may open {hard} files here: --sessions can be {hard // 2} at most")


class Cost:
    """Returns what a process holds now."""

    def __init__(self, pid):
        status = Path(f"/proc/{pid}/status").read_text()
        self.memory = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024
        self.threads = int(re.search(r"Threads:\s+(\d+)", status)[1])
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))

    def is_allowed(self, sessions):
        return (
            self.memory <= MEMORY_ALLOWED_BYTES
            and self.threads <= THREADS_ALLOWED
            and self.descriptors <= sessions + DESCRIPTORS_ALLOWED
        )

    def __str__(self):
        return f"{self.memory / MIB:.1f} MiB, {self.threads} threads, {self.descriptors} descriptors"


def show(name, cost):
    print(f"{name:34} {cost.memory / MIB:6.1f} MiB {cost.threads:8} {cost.descriptors:12}", flush=True)
    return cost


class Sessions:
    """Sessions in a process of their own."""

    def __init__(self, binary, server, count):
        if not Path(binary).is_file():
            raise Failed(f"{binary} is missing: build it with 'cargo build --release --example idle'")
        command = [binary, server.port, server.environment["REMOFILE_TOKEN"], str(count)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        try:
            self._expect("ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self._expect("answered")

    def _expect(self, word):
        if self.process.stdout.readline().strip() != word:
            raise Failed("the process with the sessions has ended")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def time_calls(arguments, server):
    """The seconds that calls take: the middle of many."""
    with Sessions(arguments.idle, server, 1) as one:
        at_once = [timed(one.ask) for _ in range(20 * arguments.calls)]
        parked = []
        for _ in range(arguments.calls):
            time.sleep(PARKED_SECONDS)
            parked.append(timed(one.ask))
    lists = [server.timed("list", "/") for _ in range(arguments.calls)]
    calls = {"a call, and the next at once": at_once, "a call of a parked session": parked, "remofile list": lists}
    return {name: statistics.median(seconds) for name, seconds in calls.items()}


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
