#!/usr/bin/env python3
"""Kills the client or the server at random points of transfers and syncs, and runs the same command again.

The point is a number of bytes, of those that pass in both directions when nothing happens; where the server works on its own,
some time later. After each kill no file is half: it
is the old one, the new one or not there. The next client is answered, and the same command completes, within a second more than
it takes undisturbed, whether it comes from the same user or another one. Then both sides are equal and nothing is left in
`.remofile`.
"""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from common import MIB, Failed, Server, compare, run
from proxy import Filter, Proxy

POINTS_FULL, POINTS_TENTH = 200, 10
RUN_SECONDS = 60
# What the next client may wait, beyond what it takes undisturbed.
ALLOWED_SECONDS = 1.0
# How often it has to wait longer in a row to be no chance.
TRIES = 4
LARGE_BYTES = 24 * MIB
TREE_FILES = 250


class Operation:
    """A command, and what is on both sides before it."""

    def __init__(self, name, goes_up, arguments, new, old=None, source=None, lasts=False):
        self.name, self.goes_up, self.arguments, self.new, self.old = name, goes_up, arguments, new, old
        # A directory at the server with the new version in it, before and after, and whether the server works on its own.
        self.source, self.lasts = source, lasts

    def prepare(self, content, place):
        """Makes the directory of one run that is written to: it has the old version, if there is one."""
        target = place / "target"
        target.mkdir()
        if self.old:
            copy(content.path / self.old, target / self.new)
        if self.source:
            copy(content.path / "new" / self.new, target / self.source / self.new)
        return target

    def served(self, content, target):
        return target if self.goes_up else content.path / "new"

    def command(self, content, target):
        local = content.path / "new" if self.goes_up else target
        return [argument.format(local=local) for argument in self.arguments]

    def environment(self, content):
        """Variables of the client: its editor puts the new version in the place of what it is given."""
        return {"VISUAL": f"cp '{content.path / 'new' / self.new}'"}


OPERATIONS = (
    Operation("upload", True, ["upload", "{local}/large", "/"], "large"),
    Operation("upload-tree", True, ["upload", "-r", "{local}/tree", "/"], "tree"),
    Operation("download", False, ["download", "/large", "{local}"], "large"),
    Operation("download-tree", False, ["download", "-r", "/tree", "{local}"], "tree"),
    Operation("sync-local", True, ["sync", "local", "--delete", "{local}/tree", "/tree"], "tree", "old/tree"),
    Operation("sync-remote", False, ["sync", "remote", "--remote-first", "--delete", "/tree", "{local}/tree"], "tree", "old/tree"),
    Operation("upload-lanes", True, ["upload", "--transfers", "4", "{local}/large", "/"], "large"),
    Operation("download-lanes", False, ["download", "--transfers", "4", "/large", "{local}"], "large"),
    Operation("replace", True, ["upload", "--on-conflict", "replace", "{local}/large", "/"], "large", "old/large"),
    Operation("edit", True, ["edit", "/large"], "large", "old/large"),
    Operation("copy", True, ["copy", "--on-conflict", "newer", "/source/large", "/"], "large", source="source", lasts=True),
    Operation(
        "copy-tree", True, ["copy", "-r", "--on-conflict", "newer", "/source/tree", "/"], "tree", source="source", lasts=True,
    ),
)


class Content:
    """The old and the new version of everything that is transferred."""

    def __init__(self, path, chance):
        self.path = path
        new, old = path / "new", path / "old"
        for version in (new, old):
            write(version / "large", chance, LARGE_BYTES)
        for number in range(TREE_FILES):
            name, kind = Path("tree", f"d{number % 7}", f"f{number}"), number % 5
            size = chance.choice([0, 1, 700, 9_000, 60_000])
            if kind != 0:
                write(new / name, chance, size)
            if kind == 1:
                copy(new / name, old / name)
            elif kind != 2:
                write(old / name, chance, size)
        # What --delete has to empty before a file takes its place.
        write(new / "tree" / "place", chance, 5_000)
        write(old / "tree" / "place" / "deep" / "file", chance, 10)
        self.versions = {}
        for version in (new, old):
            for file in files(version):
                self.versions.setdefault(file.relative_to(version), set()).add(digest(file))
        self.all = set().union(*self.versions.values())

    def check_whole(self, target):
        """Fails if a file is neither its old nor its new version."""
        for file in files(target):
            name = file.relative_to(target)
            if name.parts[0] == "source":
                # What is copied is looked at in the end.
                continue
            # A file that waits for a directory in its place has a name of its own.
            allowed = self.all if ".arriving-" in name.name else self.versions.get(name, set())
            try:
                if digest(file) not in allowed:
                    raise Failed(f"{name} is neither old nor new: it has {file.stat().st_size} bytes")
            except FileNotFoundError:
                # The server may still be at work.
                continue


def write(path, chance, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(chance.randbytes(size))


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def files(tree):
    """The files of a tree that may change meanwhile, but for those in `.remofile`."""
    for directory, names, found in os.walk(tree):
        names[:] = [name for name in names if name != ".remofile"]
        yield from (Path(directory, name) for name in found)


def digest(path):
    return hashlib.blake2b(path.read_bytes()).digest()


class Victim(Server):
    """A server that may be killed."""

    def kill(self):
        self.process.kill()
        self.process.wait()

    def _stop(self):
        return 0 if self.process.poll() == -signal.SIGKILL else super()._stop()


class Passing(Filter):
    """Counts what passes in both directions, and calls a function when it is so much."""

    def __init__(self, trigger):
        super().__init__()
        self.trigger = trigger

    def feed(self, data):
        while data:
            allowed = self.trigger.take(len(data))
            piece, data = data[:allowed], data[allowed:]
            yield piece


class Trigger:
    """A function that is called when so many bytes have passed."""

    def __init__(self, at, function):
        self.at, self.function, self.passed = at, function, 0
        self._lock = threading.Lock()

    def take(self, wanted):
        """Returns how many bytes may pass now, of those that are wanted; calls the function if the point is reached."""
        with self._lock:
            if self.at is not None and self.passed == self.at:
                self.function()
            left = wanted if self.at is None or self.passed >= self.at else min(wanted, self.at - self.passed)
            self.passed += left
            return left


def client(server, home, arguments, port=None, environment=None):
    """Starts a client whose state is in a directory of its own."""
    environment = {**server.environment, **(environment or {}), "XDG_STATE_HOME": str(home)}
    if port:
        environment["REMOFILE_PORT"] = str(port)
    return subprocess.Popen(
        [server.binary, *map(str, arguments)], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )


def finish(process):
    """Waits for a client; its exit status and what it said."""
    try:
        said = process.communicate(timeout=RUN_SECONDS)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, said.strip()


def timed(server, home, arguments, environment=None):
    """Runs a client that must succeed; the seconds that it took."""
    start = time.monotonic()
    status, said = finish(client(server, home, arguments, environment=environment))
    if status != 0:
        raise Failed(f"'{' '.join(map(str, arguments))}' ended with status {status}: {said}")
    return time.monotonic() - start


class Slow(Failed):
    """Returns what took longer than it should. On a machine that has others to serve this may be chance."""


class Undisturbed:
    """Measures an operation when nothing happens: bytes, and seconds of it and of a listing."""

    def __init__(self, campaign, content, operation):
        with campaign.place() as directory:
            place = Path(directory)
            target = operation.prepare(content, place)
            with Victim(campaign.binary, operation.served(content, target)) as server:
                trigger = Trigger(None, None)
                with Proxy(server.port, lambda _: (Passing(trigger), Passing(trigger))) as proxy:
                    start = time.monotonic()
                    command, environment = operation.command(content, target), operation.environment(content)
                    status, said = finish(client(server, place / "home", command, proxy.port, environment))
                    self.seconds = time.monotonic() - start
                if status != 0:
                    raise Failed(f"{operation.name} fails undisturbed: {said}")
                self.list_seconds = timed(server, place / "home", ["list", "/"])
            self.bytes = trigger.passed
            check_end(content, operation, target)


def check_end(content, operation, target):
    """Fails if the target is not the new version, or if anything is left beside it."""
    left = sorted(str(path.relative_to(target)) for path in (target / ".remofile").rglob("*"))
    if left:
        raise Failed(f"this is left: {left[:5]}")
    shutil.rmtree(target / ".remofile", ignore_errors=True)
    compare(content.path / "new" / operation.new, target / operation.new)
    if operation.source:
        compare(content.path / "new" / operation.new, target / operation.source / operation.new)
    others = [path.name for path in target.iterdir() if path.name not in (operation.new, operation.source)]
    if others:
        raise Failed(f"there is more than was sent: {others[:5]}")


def kill_once(campaign, content, operation, undisturbed, case, waits):
    """Kills one side at one point, looks at what is there, and runs the same command again."""
    chance = campaign.chance(case)
    kills_client, is_same_user = chance.random() < 0.5, chance.random() < 0.5
    # Half of the points are where little passes, and much is decided.
    edge = min(undisturbed.bytes, 4_000)
    at = chance.choice([
        chance.randrange(undisturbed.bytes), undisturbed.bytes - 1 - chance.randrange(edge),
        chance.randrange(undisturbed.bytes), chance.randrange(edge),
    ])
    with campaign.place() as directory:
        place = Path(directory)
        target = operation.prepare(content, place)
        served, command = operation.served(content, target), operation.command(content, target)
        run = Run(place, command, operation.environment(content))
        delay = chance.random() * undisturbed.seconds if operation.lasts else 0
        with Victim(campaign.binary, served) as server:
            status = kill_at(server, run, at, kills_client, delay)
            content.check_whole(target)
            if status == 0:
                compare(content.path / "new" / operation.new, target / operation.new)
            if kills_client:
                run_again(server, run, is_same_user, undisturbed, waits)
        if not kills_client:
            with Victim(campaign.binary, served) as server:
                run_again(server, run, is_same_user, undisturbed, waits)
        check_end(content, operation, target)


def kill_patiently(campaign, content, operation, undisturbed, case, waits):
    """Kills once, and makes sure of what was slow: it is a failure if it is slow again, beside an undisturbed run of just now."""
    for is_last in [False] * (TRIES - 1) + [True]:
        now = []
        try:
            kill_once(campaign, content, operation, undisturbed, case, now)
        except Slow:
            if is_last:
                raise
            undisturbed = Undisturbed(campaign, content, operation)
            continue
        waits.extend(now)
        return


class Run:
    """A command, the place of its user's state, and its variables."""

    def __init__(self, place, command, environment):
        self.place, self.command, self.environment = place, command, environment
        # Only transfers are tried again by themselves.
        self.options = ["--retries", "0"] if command[0] in ("upload", "download", "sync", "copy") else []


def kill_at(server, run, at, kills_client, delay):
    """Runs the command, with the kill; its exit status."""
    started, processes, timers = threading.Event(), [], []

    def kill():
        started.wait()
        if kills_client:
            processes[0].kill()
        else:
            proxy.target = None
            server.kill()

    def kill_later():
        timers.append(threading.Timer(delay, kill))
        timers[0].start()

    trigger = Trigger(at, kill_later if delay else kill)
    with Proxy(server.port, lambda _: (Passing(trigger), Passing(trigger))) as proxy:
        command = [*run.command, *run.options]
        processes.append(client(server, run.place / "home", command, proxy.port, run.environment))
        started.set()
        status, said = finish(processes[0])
    for timer in timers:
        timer.join()
    expected = {0, 1, 23, 30} | ({-signal.SIGKILL} if kills_client else set())
    if status not in expected:
        raise Failed(f"the client ended with status {status}: {said}")
    return status


def run_again(server, run, is_same_user, undisturbed, waits):
    """Fails if the next client, or the command that is run again, has to wait."""
    home = run.place / "home" if is_same_user else run.place / "other home"
    listed = timed(server, home, ["list", "/"]) - undisturbed.list_seconds
    again = timed(server, home, run.command, run.environment) - undisturbed.seconds
    waits.extend([listed, again])
    if max(listed, again) > ALLOWED_SECONDS:
        raise Slow(f"the next client took {listed:.1f} s longer than undisturbed, the command itself {again:.1f} s")


def body(campaign):
    points = campaign.scaled(POINTS_FULL, POINTS_TENTH)
    waits = []
    with campaign.place() as directory:
        content = Content(Path(directory), random.Random(f"{campaign.seed}/content"))
        for operation in OPERATIONS:
            cases = [case for case in (f"{operation.name}-{number}" for number in range(points)) if campaign.wants(case)]
            if not cases:
                continue
            undisturbed = Undisturbed(campaign, content, operation)
            campaign.say(f"{operation.name}: {undisturbed.bytes:,} bytes and {undisturbed.seconds:.2f} s undisturbed")
            for case in cases:
                campaign.check(case, kill_patiently, campaign, content, operation, undisturbed, case, waits)
    if waits:
        campaign.measured = f"the next client took at most {max(0.0, *waits):.2f} s longer than undisturbed"
        campaign.say(campaign.measured)


if __name__ == "__main__":
    sys.exit(run("kills", __doc__, body))
