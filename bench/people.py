#!/usr/bin/env python3
"""Lets many clients use one server at once, and measures what they cost each other.

First a hundred clients upload a hundred files of 64 KiB each: into directories of their own, then all into one directory under
names of their own. None may be told that the server is in use. The same work is done by one client with
`--transfers 4`, and by a hundred rsync clients to its daemon, if there is one. Then readers and writers use the
same names, while a large upload and a `sync` of many files run again and again: no reader may see a mixture of two
versions. What a small upload takes there depends on the disk: a plain write and its flush beside `cp` tell how much.
Without --quick it takes some ten minutes and 25 GiB, with it 9 GiB.

usage: people.py [--quick] [--rounds N] [--directory PATH] [--remofile PATH] [--people PATH]
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from harness import MIB, RELEASE_BINARY, Failed, Server, end_on_signals

RELEASE_EXAMPLE = RELEASE_BINARY.parent / "examples" / "people"
CLIENTS = 100
FILES_OF_EACH = 100
FILE_BYTES = 64 * 1024
P99_ALLOWED_MILLISECONDS = 50.0
RSYNC_BEGINS_SECONDS = 10
PLAIN_PAUSE_SECONDS = 0.1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20 s of readers and writers, small background work")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of the hundred clients (default 3)")
    parser.add_argument("--remofile", type=Path, default=RELEASE_BINARY, metavar="PATH", help="the command to run")
    parser.add_argument("--people", type=Path, default=RELEASE_EXAMPLE, metavar="PATH", help="the example `people`")
    parser.add_argument("--skip-clients", action="store_true", help="readers and writers only")
    parser.add_argument("--directory", type=Path, metavar="PATH", help="where it is done (default: that for temporary files)")
    arguments = parser.parse_args()
    end_on_signals()
    try:
        with tempfile.TemporaryDirectory(prefix="remofile-people-", dir=arguments.directory) as directory:
            if not arguments.skip_clients:
                with tempfile.TemporaryDirectory(prefix="clients-", dir=directory) as clients:
                    measure_clients(arguments, Path(clients))
            return measure_readers_and_writers(arguments, Path(directory))
    except Failed as failure:
        print(f"The measurement failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def measure_clients(arguments, scratch):
    sources = [make_files(scratch / f"client-{number}", number) for number in range(CLIENTS)]
    all_files = scratch / "all"
    all_files.mkdir()
    for source in sources:
        for file in source.iterdir():
            os.link(file, all_files / file.name)
    os.sync()
    ways = {
        "one client, --transfers 4": lambda: upload_alone(arguments, scratch, all_files),
        "100 clients, a directory each": lambda: upload_together(arguments, scratch, sources, lambda number: f"/{number}"),
        "100 clients, one directory": lambda: upload_together(arguments, scratch, sources, lambda number: "/together"),
    }
    if shutil.which("rsync"):
        ways["100 rsync clients, a directory each"] = lambda: rsync_together(scratch, sources)
    seconds = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            seconds[name].append(way())
    alone = statistics.median(seconds["one client, --transfers 4"])
    print(f"{'10,000 files of 64 KiB':36} {'seconds':>8} {'ratio':>6}")
    for name, taken in seconds.items():
        print(f"{name:36} {statistics.median(taken):8.2f} {statistics.median(taken) / alone:6.2f}")


def make_files(directory, number):
    directory.mkdir()
    for index in range(FILES_OF_EACH):
        (directory / f"{number}-{index}").write_bytes(os.urandom(FILE_BYTES))
    return directory


def make_root(scratch):
    """Makes a directory to serve, which stays as long as `scratch`.

    What is removed costs those who come next: ext4 without a journal passes over numbers of files that were removed in the last
    minutes, one by one, for each new file.
    """
    return Path(tempfile.mkdtemp(prefix="root-", dir=scratch))


def upload_alone(arguments, scratch, directory):
    root = make_root(scratch)
    with Server(arguments.remofile.resolve(), root) as server:
        seconds = server.timed("upload", "-r", "--transfers", "4", "--quiet", directory, "/")
        check(root, CLIENTS * FILES_OF_EACH)
        return seconds


def upload_together(arguments, scratch, sources, destination):
    root = make_root(scratch)
    with Server(arguments.remofile.resolve(), root) as server:
        for number in range(CLIENTS):
            (root / destination(number)[1:]).mkdir(exist_ok=True)
        start = time.perf_counter()
        clients = [
            server.start_client("upload", "--quiet", *sorted(source.iterdir()), destination(number))
            for number, source in enumerate(sources)
        ]
        outcomes = [(client.communicate()[1], client.returncode) for client in clients]
        seconds = time.perf_counter() - start
        failed = [f"status {status}: {errors.strip()}" for errors, status in outcomes if status != 0]
        if failed:
            raise Failed(f"{len(failed)} of {CLIENTS} clients failed, the first with {failed[0]}")
        told = [errors.strip() for errors, _ in outcomes if errors.strip()]
        if told:
            raise Failed(f"{len(told)} of {CLIENTS} clients were told something, the first: {told[0]}")
        check(root, CLIENTS * FILES_OF_EACH)
        return seconds


def rsync_together(scratch, sources):
    root = make_root(scratch)
    with tempfile.TemporaryDirectory(prefix="remofile-rsync-") as place:
        configuration = Path(place, "rsyncd.conf")
        port = free_port()
        user = "uid = root\ngid = root\n" if os.geteuid() == 0 else ""
        configuration.write_text(
            f"address = 127.0.0.1\nport = {port}\n{user}use chroot = no\nmax connections = 0\n"
            f"[m]\npath = {root}\nread only = no\n"
        )
        daemon = subprocess.Popen(["rsync", "--daemon", "--no-detach", f"--config={configuration}"])
        try:
            await_port(port)
            start = time.perf_counter()
            clients = [
                subprocess.Popen(["rsync", "-a", f"{source}/", f"rsync://127.0.0.1:{port}/m/{number}/"])
                for number, source in enumerate(sources)
            ]
            statuses = [client.wait() for client in clients]
            seconds = time.perf_counter() - start
        finally:
            daemon.terminate()
            daemon.wait()
        if any(statuses):
            raise Failed("an rsync client failed")
        check(root, CLIENTS * FILES_OF_EACH)
        return seconds


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def await_port(port):
    deadline = time.monotonic() + RSYNC_BEGINS_SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise Failed("rsync's daemon does not begin") from None
            time.sleep(0.05)


def check(root, expected):
    found = sum(1 for path in root.rglob("*") if path.is_file())
    if found != expected:
        raise Failed(f"{found} files arrived instead of {expected}")


def measure_readers_and_writers(arguments, scratch):
    seconds, large_bytes, many = (20, 512 * MIB, 2_000) if arguments.quick else (300, 10 * 1024 * MIB, 100_000)
    large, tree = scratch / "large", scratch / "tree"
    write_large(large, large_bytes)
    tree.mkdir()
    for number in range(many):
        directory = tree / str(number // 1000)
        directory.mkdir(exist_ok=True)
        (directory / str(number)).write_bytes(number.to_bytes(8, "big") * 64)
    root = scratch / "root"
    (root / "people").mkdir(parents=True)
    (root / "tree").mkdir()
    with Server(arguments.remofile.resolve(), root) as server:
        token = server.environment["REMOFILE_TOKEN"]
        command = [arguments.people.resolve(), server.port, token, "64", "16", str(seconds)]
        with (
            Repeated(lambda: server.run("upload", "--quiet", large, "/"), lambda: server.run("remove", "/large")),
            Repeated(lambda: server.run("sync", "local", "--quiet", tree, "/tree"), lambda: server.run("remove", "-r", "/tree")),
        ):
            people = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if people.returncode != 0:
        raise Failed(f"a reader or writer failed: {people.stderr.strip()}")
    print(f"64 readers and 16 writers for {seconds} s: {people.stdout.strip()}")
    shutil.rmtree(root)
    plain = measure_plain_writes(large, scratch, seconds / 10)
    print(f"A plain write with its flush beside `cp` of the large file: p99-ms {plain:.1f}")
    words = people.stdout.split()
    p99 = float(words[words.index("p99-ms") + 1])
    if p99 >= max(P99_ALLOWED_MILLISECONDS, plain) and not arguments.quick:
        print(f"p99 of a small upload is {p99} ms, not under {P99_ALLOWED_MILLISECONDS} ms.", file=sys.stderr)
        return 1
    return 0


class Repeated:
    """Work that is done again and again on a thread of its own, until the `with` block ends and the last round is done."""

    def __init__(self, work, undo):
        self.work, self.undo = work, undo
        self.is_over, self.failure = threading.Event(), None
        self.thread = threading.Thread(target=self._repeat)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.is_over.set()
        self.thread.join()
        if self.failure and kind is None:
            raise self.failure

    def _repeat(self):
        try:
            while not self.is_over.is_set():
                self.work()
                self.undo()
        except Exception as failure:
            self.failure = failure


def measure_plain_writes(large, scratch, seconds):
    """Returns the p99 in milliseconds of a small file that is written, flushed and renamed beside copies of a large one."""
    copy, content, taken = scratch / "copy", os.urandom(FILE_BYTES), []
    end = time.perf_counter() + seconds
    with Repeated(lambda: shutil.copyfile(large, copy), copy.unlink):
        while time.perf_counter() < end:
            start = time.perf_counter()
            with open(scratch / "small.temporary", "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            (scratch / "small.temporary").rename(scratch / "small")
            directory = os.open(scratch, os.O_RDONLY)
            os.fsync(directory)
            os.close(directory)
            taken.append(time.perf_counter() - start)
            time.sleep(PLAIN_PAUSE_SECONDS)
    return sorted(taken)[len(taken) * 99 // 100] * 1000


def write_large(path, size):
    block = os.urandom(MIB)
    with open(path, "wb") as file:
        for _ in range(size // MIB):
            file.write(block)


if __name__ == "__main__":
    sys.exit(main())
