#!/usr/bin/env python3
"""Lets 32 clients write, read and remove the same few names at once, each operation a command of its own.

Every read has to be one whole version. In the end what all of them saw of each path has to be linearizable (linearizable.py): as
if operations had happened one at a time, each between its beginning and its end. Some writers are killed on the way: what they
wrote may be there or not, but not halfway.
"""

import dataclasses
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from common import Failed, Server, run
from linearizable import NEVER, READ, REMOVE, WRITE, Event, explain

CLIENTS = 32
SECONDS_FULL, SECONDS_TENTH = 600, 20
PATHS = ("/a", "/b", "/d/a", "/d/b", "/d/e/a")
# Shares of reads and writes; the rest removes. One operation in fifty is a write that is killed.
READS, WRITES, KILLED = 0.5, 0.38, 0.02
RUN_SECONDS = 90


def content_of(value):
    """The content of a version: its name, and bytes that follow from it."""
    size = int(hashlib.sha256(value.encode()).hexdigest()[:4], 16) % 20_000
    return value.encode() + b"\n" + random.Random(value).randbytes(size)


def value_of(content):
    """The name of the version that this is the content of, if it is whole."""
    value = content.split(b"\n", 1)[0].decode(errors="replace")
    if not value or content_of(value) != content:
        raise Failed(f"a read had {len(content)} bytes that are no version: {content[:40]!r}")
    return value


class Client:
    """One client: what it does until the time is over, and what came of it."""

    def __init__(self, number, server, place, chance, deadline):
        self.number, self.server, self.place, self.chance, self.deadline = number, server, place, chance, deadline
        self.events, self.failures = [], []
        self.environment = {**server.environment, "XDG_STATE_HOME": str(place / "home")}

    def work(self):
        """Makes operations until the time is over."""
        writes = 0
        while time.monotonic() < self.deadline and not self.failures:
            path, share = self.chance.choice(PATHS), self.chance.random()
            try:
                if share < READS:
                    self._read(path)
                elif share < READS + WRITES:
                    writes += 1
                    self._write(path, f"{self.number}-{writes}")
                else:
                    self._remove(path)
            except Failed as failure:
                self.failures.append(str(failure))
            except subprocess.TimeoutExpired as error:
                self.failures.append(f"it did not end within {error.timeout} s: {' '.join(map(str, error.cmd))}")

    def _read(self, path):
        begin, done = self._run("cat", path)
        if done.returncode == 0:
            self._note(path, READ, value_of(done.stdout), begin)
        else:
            self._expect_nothing(path, begin, done)

    def _remove(self, path):
        begin, done = self._run("remove", path)
        if done.returncode == 0:
            self._note(path, REMOVE, None, begin)
        else:
            self._expect_nothing(path, begin, done)

    def _write(self, path, value):
        local = self.place / Path(path).name
        local.write_bytes(content_of(value))
        # Without --no-resume two versions of one size and time would be the same file.
        command = ["upload", "--on-conflict", "replace", "--no-resume", "-q", local, str(Path(path).parent)]
        if self.chance.random() < KILLED / WRITES:
            self._write_and_kill(path, value, command)
            return
        begin, done = self._run(*command)
        if done.returncode != 0:
            self._note(path, WRITE, value, begin, NEVER)
            raise Failed(f"a write of {path} ended with status {done.returncode}: {done.stderr.decode().strip()}")
        self._note(path, WRITE, value, begin)

    def _write_and_kill(self, path, value, command):
        begin = time.monotonic()
        process = subprocess.Popen(
            [self.server.binary, *command], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(self.chance.uniform(0, 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        # The server may store it later, as it may have read all of it.
        self._note(path, WRITE, value, begin, NEVER if process.returncode != 0 else None)

    def _run(self, *arguments):
        begin = time.monotonic()
        done = subprocess.run(
            [self.server.binary, *arguments], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=RUN_SECONDS, check=False,
        )
        return begin, done

    def _expect_nothing(self, path, begin, done):
        """Notes that nothing was there, if that is what the command says."""
        said = done.stderr.decode(errors="replace").strip()
        if "not found" not in said and "no such file" not in said.lower():
            raise Failed(f"{done.args[1]} {path} ended with status {done.returncode}: {said}")
        self._note(path, READ, None, begin)

    def _note(self, path, kind, value, begin, end=None):
        end = time.monotonic() if end is None else end
        self.events.append((path, Event(kind, value, begin, end, self.number)))


def events_of(path, clients):
    """The operations of all clients on a path."""
    return [event for client in clients for name, event in client.events if name == path]


def check_path(path, clients, is_regular=False):
    """Fails if what all clients saw of a path cannot have happened one at a time, or on a regular register (linearizable.py)."""
    events = events_of(path, clients)
    left = explain(events, is_regular)
    if left:
        lines = [f"client {event.client} {event.kind} {event.value} [{event.begin:.4f}, {event.end:.4f}]" for event in left]
        kept = keep(path, events)
        asked = "those of a regular register" if is_regular else "linearizable"
        raise Failed(
            f"{len(events)} operations are not {asked}, all of them are in {kept}; the explanations end near: {'; '.join(lines)}"
        )


def keep(path, events):
    """Writes events to a file that stays, and returns its name: another run would be another history."""
    name = path.strip("/").replace("/", "-")
    with tempfile.NamedTemporaryFile("w", prefix=f"remofile-history-{name}-", suffix=".json", delete=False) as file:
        json.dump([dataclasses.asdict(event) for event in events], file)
        return file.name


def check_left(served):
    """Fails if anything but the paths is left."""
    allowed = {Path(path).relative_to("/") for path in PATHS}
    found = [path.relative_to(served) for path in served.rglob("*") if path.is_file()]
    others = [str(path) for path in found if path not in allowed]
    if others:
        raise Failed(f"this is left: {others[:5]}")


def body(campaign):
    seconds = campaign.scaled(SECONDS_FULL, SECONDS_TENTH)
    with campaign.place() as directory:
        served = Path(directory, "served")
        (served / "d" / "e").mkdir(parents=True)
        with Server(campaign.binary, served) as server:
            clients, deadline = [], time.monotonic() + seconds
            for number in range(CLIENTS):
                place = Path(directory, str(number))
                place.mkdir()
                clients.append(Client(number, server, place, campaign.chance(f"client {number}"), deadline))
            threads = [threading.Thread(target=client.work) for client in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for client in clients:
            for failure in client.failures:
                campaign.fail(f"client {client.number}", failure)
        for path in PATHS:
            campaign.check(path, check_path, path, clients)
        campaign.check("what is left", check_left, served)
    operations = sum(len(client.events) for client in clients)
    campaign.cases = operations
    campaign.measured = f"{operations:,} operations of {CLIENTS} clients on {len(PATHS)} paths in {seconds} s"
    campaign.say(campaign.measured)


if __name__ == "__main__":
    sys.exit(run("clients", __doc__, body))
