"""Recordings: an operation carried out on a disk whose every write and flush is logged, and the images made of that.

An image is what a disk may have after its power failed: everything before the last flush, and a part of what was written
after it. At 4096 bytes a write may be torn.
"""

import ctypes
import os
import random
import shlex
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from block_log import FLUSH, MIB, libc, mount, unmount
from common import Failed, Server
from crash_operations import OPERATIONS, look, write_files

BLOCK = 4096
CHUNK = 16 * BLOCK
COMMAND_SECONDS = 120
ROOT = "root"
# Flushes of others on the same disk after the last command.
FLUSHES_AFTER = 4
WRITE_BACK = 2


class FileSystem(NamedTuple):
    name: str
    mebibytes: int
    command: tuple
    options: str


FILE_SYSTEMS = {
    "ext4": FileSystem(
        "ext4", 64, ("mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=8", "-E", "lazy_itable_init=0,lazy_journal_init=0"), ""
    ),
    # The smallest that mkfs.xfs makes.
    "xfs": FileSystem("xfs", 300, ("mkfs.xfs", "-q", "-f"), "nouuid"),
}


def empty_writes(file_system):
    """Returns the writes that make an empty file system of a disk of zeros."""
    with tempfile.TemporaryDirectory() as directory:
        image = Path(directory, "image")
        with open(image, "wb") as file:
            file.truncate(file_system.mebibytes * MIB)
        subprocess.run([*file_system.command, image], check=True, stdout=subprocess.DEVNULL)
        with open(image, "rb") as file:
            parts = iter(lambda: file.read(CHUNK), b"")
            return [(number * CHUNK, part) for number, part in enumerate(parts) if part.strip(b"\0")]


@contextmanager
def mounted(disk, file_system):
    """Mounts the disk, and yields the directory that the operations work in."""
    with tempfile.TemporaryDirectory(prefix="remofile-crash-") as directory:
        mount(disk.device, directory, file_system.name, file_system.options)
        try:
            yield Path(directory, ROOT)
        finally:
            unmount(directory)


class Boots:
    """The program as it is after one boot of the machine, and after the next ones, `programs`: the identity of the boot
    that it reads is one that is given here."""

    SCRIPT = """#!/bin/sh
exec unshare --mount sh -c 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"' {boot} {binary} "$@"
"""

    def __init__(self, directory, binary):
        self.programs = [self._make(Path(directory), binary, name) for name in ("first", "second", "third")]

    def _make(self, directory, binary, name):
        boot, script = directory / f"boot-{name}", directory / f"remofile-{name}"
        boot.write_text(f"{name}-boot\n", encoding="ascii")
        words = {"boot": shlex.quote(str(boot)), "binary": shlex.quote(str(Path(binary).resolve()))}
        script.write_text(self.SCRIPT.format(**words), encoding="utf-8")
        script.chmod(0o755)
        return script


class Case(NamedTuple):
    """An operation on a file system under an option of durability; `number` tells those of one kind apart."""

    file_system: str
    operation: str
    fsync: str
    number: int

    def __str__(self):
        return "/".join(map(str, self))

    def rng(self, seed, purpose):
        return random.Random(f"{seed} {self} {purpose}")

    def make_operation(self, seed):
        return OPERATIONS[self.operation](self.rng(seed, "trees"))


class Recording(NamedTuple):
    """The writes of an operation to a disk that had the writes `base` before. `states[n]` is what was there when `n` commands
    were done, and `acknowledged[n]` how long the log was then."""

    base: list
    log: list
    states: list
    acknowledged: list
    end: int


class Sides:
    """Both sides of an operation: `failing` is the directory on the disk that fails, `other` that of the other side."""

    def __init__(self, operation, boot, failing, other, option):
        on_server = operation.side == "server"
        server_root, self.local = (failing, other) if on_server else (other, failing)
        self.operation, self.boot = operation, boot
        self.server = Server(boot, server_root, *(option if on_server else ()))
        self.client_options = [] if on_server else option

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *exception):
        self.server.__exit__(*exception)

    def commands(self):
        return [[*command, *self.client_options] for command in self.operation.commands(self.local)]

    def run(self, command):
        """Runs a command of the client and returns its exit status and what it said."""
        environment = {**self.server.environment, "XDG_STATE_HOME": "/dev/null/none"}
        done = subprocess.run(
            [self.boot, *map(str, command)], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=COMMAND_SECONDS, check=False,
        )
        return done.returncode, done.stdout.strip()


class Neighbour:
    """Another program on the same disk: it writes and flushes a file of its own all the time, which makes the file
    system write down what it knows. At times it has the system write files of the operation, as the system does itself.
    In every third recording it does nothing: then only what the operation flushes itself is on the disk in time."""

    def __init__(self, root, rng):
        self.root, self.rng = root, rng
        self.longest_pause = rng.choice((None, None, 0.0, 0.001, 0.004, 0.02))
        self.writes_back = rng.random() < 0.5
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._work)

    def __enter__(self):
        self.file = os.open(self.root.parent / "neighbour", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
        for _ in range(FLUSHES_AFTER):
            self.flush()
        os.close(self.file)

    def flush(self):
        os.pwrite(self.file, self.rng.randbytes(64), 0)
        os.fsync(self.file)

    def _work(self):
        if self.longest_pause is None:
            return
        while not self.is_over.wait(self.rng.uniform(0, self.longest_pause)):
            if self.writes_back and self.rng.random() < 0.3:
                write_back_some(self.root, self.rng)
            self.flush()


def write_back_some(root, rng):
    """Has the system begin to write the data of a few files, without waiting for it."""
    paths = [Path(place, name) for place, _, names in os.walk(root) for name in names]
    for path in rng.sample(paths, min(3, len(paths))):
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        libc.sync_file_range(file, ctypes.c_long(0), ctypes.c_long(0), WRITE_BACK)
        os.close(file)


def prepare(case, seed, disk, empty):
    """Returns the writes that make the disk on which the operation of a case begins."""
    disk.load(empty)
    disk.start_log()
    with mounted(disk, FILE_SYSTEMS[case.file_system]) as root:
        root.mkdir()
        write_files(root, case.make_operation(seed).before)
    return empty + [entry for entry in disk.stop_log() if entry is not FLUSH]


def record(case, seed, disk, base, program, other, option):
    """Carries out the operation of a case and returns the recording. `other` is an empty directory, `option` the durability
    in the words of the command."""
    operation = case.make_operation(seed)
    file_system = FILE_SYSTEMS[case.file_system]
    disk.load(base)
    disk.start_log()
    write_files(other, operation.other)
    with mounted(disk, file_system) as root:
        states, acknowledged = [look(root)], []
        rng = case.rng(seed, "neighbour")
        with Sides(operation, program, root, other, option) as sides:
            with Neighbour(root, rng):
                acknowledged.append(len(disk.log))
                for command in sides.commands():
                    status, said = sides.run(command)
                    if status != 0:
                        raise Failed(f"{case}: {' '.join(map(str, command))} ended with status {status}: {said}")
                    acknowledged.append(len(disk.log))
                    states.append(look(root))
            end = len(disk.log)
    check_end(case, operation, states[-1])
    return Recording(base, disk.stop_log(), states, acknowledged, end)


def check_end(case, operation, state):
    """Fails unless the operation, undisturbed, did what it is to do."""
    expected = operation.expected()
    if expected is None:
        return
    with tempfile.TemporaryDirectory() as directory:
        write_files(directory, expected)
        wanted = look(directory)
    odd = sorted(path for path, entry in wanted.items() if state.get(path) != entry)
    more = {entry.version for path, entry in state.items() if path not in wanted and entry.kind != "directory"}
    if odd or more - {entry.version for entry in wanted.values()}:
        raise Failed(f"{case}: without any crash these are not as expected: {odd[:5]}")


class Point(NamedTuple):
    """A moment at which the power fails: after `position` entries of the log, of which those before `flushed` are on the
    disk and of the others what `choose` picks."""

    flushed: int
    position: int
    kind: str


def points(recording, count, rng):
    """Returns moments: two of five at flushes, one when a command was acknowledged, the others anywhere."""
    begin = recording.acknowledged[0]
    flushes = [index + 1 for index in range(begin, recording.end) if recording.log[index] is FLUSH]
    chosen = [Point(position, position, "flush") for position in rng.sample(flushes, min(len(flushes), 2 * count // 5))]
    for position in rng.choices(recording.acknowledged[1:], k=count // 5):
        chosen.append(Point(flushed_before(recording, position), position, "acknowledged"))
    while len(chosen) < count:
        position = rng.randint(begin, recording.end)
        chosen.append(Point(flushed_before(recording, position), position, "between flushes"))
    return chosen


def flushed_before(recording, position):
    return max((index + 1 for index in range(position) if recording.log[index] is FLUSH), default=0)


def image(recording, point, rng):
    """Yields the writes that are on the disk when the power fails at this point."""
    yield from recording.base
    for entry in recording.log[:point.flushed]:
        if entry is not FLUSH:
            yield entry
    share = rng.choice((0.0, 0.2, 0.5, 0.8, 1.0))
    is_torn = rng.random() < 0.5
    for offset, data in recording.log[point.flushed:point.position]:
        if not is_torn:
            if rng.random() < share:
                yield offset, data
            continue
        for at in range(0, len(data), BLOCK):
            if rng.random() < share:
                yield offset + at, data[at:at + BLOCK]
