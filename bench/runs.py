"""Pieces of work, done by each peer in turn: seconds from process start to exit, and seconds of processors on each side."""

import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from harness import MIB, Failed, compare, write_random_file

SMALL_FILE_BYTES = 4096
FILES_PER_DIRECTORY = 100
EDIT_BYTES = 10 * 1024
OLD_TIME = 1_000_000_000
SERVER_ENDS_SECONDS = 2
COPY_BYTES = 4 * MIB

LARGE = ("large up", "large down")
SMALL = ("small up", "small down", "unchanged up")
DELTAS = ("edited up", "edited down", "shifted up")
EVERY_WORK = LARGE + SMALL + DELTAS


@dataclass(frozen=True)
class Scale:
    """The amounts that are measured."""

    rounds: int
    large_bytes: int
    small_files: int
    edits: int

    def titles(self):
        """Each piece of work in words."""
        large = size(self.large_bytes)
        many = f"{self.small_files:,} files of {SMALL_FILE_BYTES // 1024} KiB"
        return {
            "large up": f"{large} up",
            "large down": f"{large} down",
            "small up": f"{many} up",
            "small down": f"{many} down",
            "unchanged up": f"{many}, unchanged, up",
            "edited up": f"{large}, {self.edits:,} edits of {EDIT_BYTES // 1024} KiB, up",
            "edited down": f"{large}, {self.edits:,} edits of {EDIT_BYTES // 1024} KiB, down",
            "shifted up": f"{large}, a byte put in front, up",
        }


def size(count):
    return f"{count // (1024 * MIB)} GiB" if count % (1024 * MIB) == 0 else f"{count // MIB} MiB"


def make_sources(places, scale):
    """A large file of random bytes and a tree of small ones."""
    (places.sources / "one").mkdir(parents=True)
    places.arrived.mkdir()
    write_random_file(places.sources / "one" / "large", scale.large_bytes)
    for number in range(scale.small_files):
        directory = places.sources / "small" / f"d{number // FILES_PER_DIRECTORY:03d}"
        if number % FILES_PER_DIRECTORY == 0:
            directory.mkdir(parents=True)
        (directory / f"f{number:06d}").write_bytes(os.urandom(SMALL_FILE_BYTES))


def prepare(work, places, scale, number):
    """Makes the destination what it is before the work. Round by round the same memory is used, so that it is warm."""
    shutil.rmtree(places.arrived)
    places.arrived.mkdir()
    if work in DELTAS:
        (places.arrived / "one").mkdir()
        old = places.arrived / "one" / "large"
        write_old(work, places.sources / "one" / "large", old, scale, number)
        os.utime(old, (OLD_TIME, OLD_TIME))
    elif work == "unchanged up":
        # With their times.
        shutil.copytree(places.sources / "small", places.arrived / "small")


def write_old(work, source, old, scale, number):
    with source.open("rb") as reader, old.open("wb") as writer:
        # The new version has a byte in front that the old one lacks.
        reader.seek(1 if work == "shifted up" else 0)
        shutil.copyfileobj(reader, writer, COPY_BYTES)
        if work == "shifted up":
            return
        choose = random.Random(number)
        for _ in range(scale.edits):
            writer.seek(choose.randrange(max(1, scale.large_bytes - EDIT_BYTES)))
            writer.write(choose.randbytes(EDIT_BYTES))


def verify(work, places):
    """Compares what has arrived with its source, byte by byte."""
    if work in LARGE:
        compare(places.sources / "one" / "large", places.arrived / "large")
    elif work in SMALL:
        compare(places.sources / "small", places.arrived / "small")
    else:
        compare(places.sources / "one", places.arrived / "one")


@dataclass(frozen=True)
class Taken:
    """Seconds of one run: by the clock, and of processors in the client and the server."""

    seconds: float
    client: float
    server: float


def measure(makers, places, scale, works=EVERY_WORK, on_disk=False, progress=lambda _: None):
    """Runs every peer in turn, round by round, so that drift of the machine hits all alike; the first round does not count.

    Returns the runs of each peer for each piece of work, and why peers are missing. A peer that fails has its reason in
    place of its runs.
    """
    with ExitStack() as stack:
        peers, absent = start(makers, stack)
        found = {}
        for work in works:
            runs = found[work] = {peer.name: [] for peer in peers if work in peer.commands}
            for number in range(scale.rounds + 1):
                for peer in peers:
                    if not isinstance(runs.get(peer.name), list):
                        continue
                    progress(f"{work}, round {number} of {scale.rounds}: {peer.name}")
                    try:
                        prepare(work, places, scale, number)
                        if on_disk:
                            # What was written to prepare it is not to be waited for in the run.
                            os.sync()
                        taken = run(peer, peer.commands[work])
                        verify(work, places)
                    except Failed as failure:
                        if peer.name == "Remofile":
                            raise
                        runs[peer.name] = str(failure)
                        continue
                    if number:
                        runs[peer.name].append(taken)
        return found, absent


def start(makers, stack):
    peers, absent = [], {}
    for peer in makers:
        missing = peer.missing()
        if missing:
            absent[peer.name] = f"{missing} is missing"
            continue
        try:
            peers.append(stack.enter_context(peer))
        except (Failed, OSError, subprocess.CalledProcessError) as error:
            if peer.name == "Remofile":
                raise
            absent[peer.name] = str(error)
    return peers, absent


def run(peer, command):
    """Runs a client once; Failed if it does not succeed."""
    pid = peer.process.pid if peer.process else None
    before = processor_seconds(pid)
    environment = {**os.environ, "LC_ALL": "C", **command.environment}
    began = time.perf_counter()
    client = subprocess.Popen(
        list(map(str, command.words)), env=environment, stdin=subprocess.PIPE if command.standard_input else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    if command.standard_input:
        client.stdin.write(command.standard_input)
        client.stdin.close()
    try:
        said = client.stderr.read()
        _, status, usage = os.wait4(client.pid, 0)
        seconds = time.perf_counter() - began
    except BaseException:
        client.kill()
        raise
    client.returncode = os.waitstatus_to_exitcode(status)
    client.stderr.close()
    if client.returncode != 0:
        raise Failed(f"{peer.name} ended with status {client.returncode}: {said.strip()[-500:]}")
    return Taken(seconds, usage.ru_utime + usage.ru_stime, processor_seconds(pid) - before)


def processor_seconds(pid):
    """Seconds of processors that a server and the processes that it had for its clients have taken so far."""
    if pid is None or not sys.platform.startswith("linux"):
        return 0.0
    deadline = time.monotonic() + SERVER_ENDS_SECONDS
    # Those of a child count when it has ended; one that lingers would be missed.
    while children(pid) and time.monotonic() < deadline:
        time.sleep(0.002)
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")


def children(pid):
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []


def summary(runs):
    """Median and least seconds of some runs, and the mean of the processors' on each side."""
    return {
        "median": statistics.median(run.seconds for run in runs),
        "least": min(run.seconds for run in runs),
        # Servers are measured in hundredths of seconds: the mean of several runs says more than their median.
        "client": statistics.fmean(run.client for run in runs),
        "server": statistics.fmean(run.server for run in runs),
        "runs": [run.seconds for run in runs],
    }
