#!/usr/bin/env python3
"""Moves files through a proxy that cuts, freezes, flips, duplicates and reorders at random bytes.

Each transfer ends in success, and then both sides are equal, or in a failure that says what it is: never in a false success, a
half file, a wrong token that is right, or a command that does not end. After a failure the same command over a quiet line
completes. The handshake of one connection in a transfer is changed at most: two that look like a wrong token are taken for one.
Where a session has several connections one of them is harmed, or two, and any of their handshakes.
"""

import os
import queue
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from common import Failed, Server, compare, run
from proxy import Cut, Duplicate, Filter, Flip, Freeze, Proxy, Reorder

TRANSFERS_FULL, TRANSFERS_TENTH = 1000, 100
# Transfers at a time, each beside a server of its own: most of them wait for a time-out.
WORKERS = 6
# A session is dead after 10 s without a word; with its attempts and their pauses a transfer takes some times as long.
RUN_SECONDS = 150
# The time-out of every second transfer, and how much longer than that it may take to end.
TIMEOUT_MILLISECONDS, GRACE_SECONDS = 4_000, 6
RETRIES = 3
# Of the first bytes most are handshakes and questions, in which every byte matters.
FIRST_BYTES = 900
# Connections of a session that has several, and the chance that a second one is harmed.
LANES = 4
SECOND_LANE = 0.3
# The statuses with which a transfer may fail: for one reason, for some files, for the time.
FAILURES = {1, 23, 30}


class Kind:
    """A kind of transfer: its command, whether it goes up, and its way."""

    def __init__(self, name, goes_up, arguments, what, lanes=1):
        self.name, self.goes_up, self.arguments, self.what, self.lanes = name, goes_up, arguments, what, lanes
        self.options = ["--transfers", str(lanes)] if lanes > 1 else []


KINDS = (
    Kind("upload", True, ["upload", "{local}/{what}", "/"], "small"),
    Kind("upload", True, ["upload", "{local}/{what}", "/"], "middling"),
    Kind("upload-plain", True, ["upload", "--no-encryption", "{local}/{what}", "/"], "middling"),
    Kind("upload-tree", True, ["upload", "-r", "{local}/{what}", "/"], "tree"),
    Kind("download", False, ["download", "/{what}", "{local}"], "small"),
    Kind("download", False, ["download", "/{what}", "{local}"], "middling"),
    Kind("download-tree", False, ["download", "-r", "/{what}", "{local}"], "tree"),
    Kind("sync-local", True, ["sync", "local", "{local}/{what}", "/{what}"], "tree"),
    Kind("sync-remote", False, ["sync", "remote", "--remote-first", "/{what}", "{local}/{what}"], "tree"),
    Kind("upload-lanes", True, ["upload", "{local}/{what}", "/"], "large", LANES),
    Kind("download-lanes", False, ["download", "/{what}", "{local}"], "large", LANES),
)


def make_content(path, chance):
    """Writes what is transferred; the number of bytes of each."""
    sizes = {"small": 3_000, "middling": 2_500_000, "large": 12_000_000}
    for name, size in sizes.items():
        (path / name).write_bytes(chance.randbytes(size))
    for number in range(40):
        size = chance.choice([0, 1, 500, 20_000])
        file = path / "tree" / f"d{number % 3}" / f"f{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(chance.randbytes(size))
        sizes["tree"] = sizes.get("tree", 0) + size
    return sizes


def make_harm(chance, size, spares_handshake):
    """A filter that does harm at a random byte, and its name."""
    at = chance.randrange(FIRST_BYTES if chance.random() < 0.4 else size + FIRST_BYTES)
    if spares_handshake:
        at += FIRST_BYTES
    length = chance.choice([1, 7, 100, 3_000])
    harm = chance.choice([
        lambda: Cut(at),
        lambda: Freeze(at, chance.choice([None, 1])),
        lambda: Flip(at, 1 << chance.randrange(8)),
        lambda: Flip(at, chance.randrange(1, 256)),
        lambda: Duplicate(at, length),
        lambda: Reorder(at, length),
    ])()
    return harm, f"{type(harm).__name__.lower()} at {at}"


class Line:
    """The harm of one transfer: to some connections, in one direction or both; the others are quiet."""

    def __init__(self, chance, size, goes_up, lanes):
        self.harms, self.told = {}, []
        if lanes > 1:
            harmed = chance.sample(range(lanes), 2 if chance.random() < SECOND_LANE else 1)
        else:
            harmed = range(chance.choice([1, 1, 2, 3]))
        for number in harmed:
            pair = [Filter(), Filter()]
            # Mostly in the direction of the content.
            directions = chance.choice([[0 if goes_up else 1]] * 3 + [[1 if goes_up else 0], [0, 1]])
            for direction in directions:
                is_content = direction == (0 if goes_up else 1)
                bytes_of_it = size // lanes if is_content else FIRST_BYTES
                pair[direction], told = make_harm(chance, bytes_of_it, lanes == 1 and number > 0)
                self.told.append(f"connection {number} {('up', 'down')[direction]}: {told}")
            self.harms[number] = tuple(pair)

    def conduct(self, number):
        """The filters of a connection."""
        return self.harms.get(number) or (Filter(), Filter())


class Place:
    """A server, and the directories of the transfers over it: what is transferred, and where it goes."""

    def __init__(self, campaign, path, content):
        self.content, self.target = content, path / "target"
        self.home = path / "home"
        self.target.mkdir(parents=True)
        # Both directions have the same content, so the server that is uploaded to is not the one that is downloaded from.
        self.up = Server(campaign.binary, self.target, "--no-encryption")
        self.down = Server(campaign.binary, content, "--no-encryption", "--read-only")

    def clear(self):
        """Empties the target for the next transfer."""
        for path in list(self.target.iterdir()):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def transfer(place, kind, sizes, chance):
    """Makes one transfer over a bad line, and again over a quiet one if it failed; what it came to."""
    place.clear()
    server = place.up if kind.goes_up else place.down
    local = place.content if kind.goes_up else place.target
    command = [argument.format(local=local, what=kind.what) for argument in kind.arguments]
    command += ["--retries", str(RETRIES), *kind.options]
    timeout = TIMEOUT_MILLISECONDS if chance.random() < 0.7 else None
    line = Line(chance, sizes[kind.what], kind.goes_up, kind.lanes)
    try:
        with Proxy(server.port, line.conduct) as proxy:
            status, said, seconds = run_client(place, server, command, proxy.port, timeout)
        check_outcome(place, kind, status, said, seconds, timeout)
        if status != 0:
            again, said, _ = run_client(place, server, command, server.port, None)
            if again != 0:
                raise Failed(f"it ended with status {status}, and over a quiet line with {again}: {said}")
            compare(place.content / kind.what, place.target / kind.what)
    except Failed as failure:
        raise Failed(f"{failure} ({' '.join(command)}; {'; '.join(line.told)})") from None
    return status


def run_client(place, server, command, port, timeout):
    """Runs the client; its exit status, what it said, and how many seconds it took."""
    environment = {**server.environment, "REMOFILE_PORT": str(port), "XDG_STATE_HOME": str(place.home)}
    limit = ["--timeout", str(timeout)] if timeout else []
    start = time.monotonic()
    done = subprocess.run(
        [server.binary, *command, *limit], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=RUN_SECONDS, check=False,
    )
    return done.returncode, done.stderr.strip(), time.monotonic() - start


def check_outcome(place, kind, status, said, seconds, timeout):
    """Fails if what the client tells is not so."""
    if status == 0:
        compare(place.content / kind.what, place.target / kind.what)
        return
    if status not in FAILURES:
        raise Failed(f"it ended with status {status}: {said}")
    if not said:
        raise Failed(f"it ended with status {status} and without a word")
    if "panicked" in said:
        raise Failed(f"it ended with status {status} and panicked: {said}")
    if timeout and seconds > timeout / 1000 + GRACE_SECONDS:
        raise Failed(f"it took {seconds:.1f} s with a time-out of {timeout} ms")
    for directory, names, found in os.walk(place.target):
        names[:] = [name for name in names if name != ".remofile"]
        for name in found:
            path = Path(directory, name)
            compare(place.content / path.relative_to(place.target), path)


def work(campaign, path, content, sizes, cases, outcomes):
    """Makes transfers until there are no more; each worker has servers of its own."""
    place = Place(campaign, path, content)
    with place.up, place.down:
        while True:
            try:
                number = cases.get_nowait()
            except queue.Empty:
                return
            chance, kind = campaign.chance(number), KINDS[number % len(KINDS)]
            outcomes.append(campaign.check(str(number), transfer, place, kind, sizes, chance))


def body(campaign):
    cases, outcomes = queue.Queue(), []
    for number in range(campaign.scaled(TRANSFERS_FULL, TRANSFERS_TENTH)):
        if campaign.wants(str(number)):
            cases.put(number)
    with campaign.place() as directory:
        content = Path(directory, "content")
        content.mkdir()
        sizes = make_content(content, random.Random(f"{campaign.seed}/content"))
        workers = [
            threading.Thread(target=work, args=(campaign, Path(directory, str(number)), content, sizes, cases, outcomes))
            for number in range(WORKERS)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    if not cases.empty():
        raise Failed("a server could not be started, or did not end")
    good = outcomes.count(0)
    campaign.measured = f"{good:,} succeeded, {len(outcomes) - good - outcomes.count(None):,} failed and said so"
    campaign.say(campaign.measured)


if __name__ == "__main__":
    sys.exit(run("network", __doc__, body))
