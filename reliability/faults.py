#!/usr/bin/env python3
"""A fault at the system calls of the real thing: each call that touches the files of an operation fails once.

strace counts the calls that an operation makes below the directories in question, on the side that the faults are for. Then the
operation runs again and again, each time with another call answered by another error instead of being made. The same in
process, with every call and every error, and with short reads and writes, is in store/local/fault_campaign.rs.

After each fault: an exit status of 0 means that both sides are as they should be and that no staging directory is left; no file
is half of one; the server lives; and the same command again succeeds and leaves nothing behind.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, namedtuple
from pathlib import Path

from common import Failed, Server, Skipped, run

ERRORS = ["EIO", "ENOSPC", "EDQUOT", "EMFILE", "EINTR"]
CALLS = (
    "openat,openat2,newfstatat,fstat,statx,getdents64,readlinkat,mkdirat,symlinkat,linkat,renameat,renameat2,unlinkat,fchmod,"
    "fchmodat,utimensat,ftruncate,lseek,flock,fcntl,fsync,fdatasync,syncfs,read,pread64,write,pwrite64"
)
CALL = re.compile(r"^(\d+) +([a-z0-9_]+)\(")
RESUMED = re.compile(r"<\.\.\. [a-z0-9_]+ resumed>")
# Cases of each operation, side and option of the server's at most, chosen by the seed.
TENTH_CASES, FULL_CASES = 4, 60
SECONDS = 60
LARGE_BYTES = 2 << 20
OLD = 1_000_000_000

# `remote` and `local` make what is there before, `ends` tells what is done when the command fails because it was done
# before: a file that was moved is not there to be moved again.
Operation = namedtuple("Operation", "name arguments remote local ends is_transfer", defaults=(False, True))
Site = namedtuple("Site", "call number")


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (OLD, OLD))


def large(byte):
    return bytes([byte]) * LARGE_BYTES


def nothing(_):
    pass


def small_tree(top):
    for number in range(3):
        write(top / "tree" / f"f{number}", b"new %d" % number)
    write(top / "tree" / "below" / "large", large(7))
    (top / "tree" / "empty").mkdir()


def old_tree(top):
    write(top / "tree" / "f1", b"something old")
    write(top / "tree" / "below" / "large", large(9) + b"old")
    write(top / "tree" / "extra", b"to be deleted")
    write(top / "tree" / "gone" / "deep", b"to be deleted, too")


def new_files(top):
    write(top / "a", b"a new one")
    write(top / "large", large(1))


def old_files(top):
    write(top / "a", b"an old one")
    write(top / "large", large(2) + b"longer")


OPERATIONS = [
    Operation("upload", ["upload", "{local}/a", "{local}/large", "/"], nothing, new_files),
    Operation("upload over", ["upload", "--on-conflict", "replace", "{local}/a", "{local}/large", "/"], old_files, new_files),
    Operation("upload -r", ["upload", "-r", "--on-conflict", "replace", "{local}/tree", "/"], nothing, small_tree),
    Operation("download", ["download", "/a", "/large", "{local}"], new_files, nothing),
    Operation("download over", ["download", "--on-conflict", "replace", "/a", "/large", "{local}"], new_files, old_files),
    Operation("download -r", ["download", "-r", "--on-conflict", "replace", "/tree", "{local}"], small_tree, nothing),
    Operation(
        "sync local", ["sync", "local", "--delete", "--backup-dir", "/kept", "{local}/tree", "/tree"], old_tree, small_tree,
    ),
    Operation(
        "sync remote",
        ["sync", "remote", "--remote-first", "--delete", "--backup-dir", "kept", "/tree", "{local}/tree"],
        small_tree, old_tree,
    ),
    Operation("remove -r", ["remove", "-r", "/tree"], small_tree, nothing, True, False),
    Operation("move", ["move", "/tree/f1", "/tree/below/moved"], small_tree, nothing, True, False),
    Operation("move over", ["move", "--replace", "/a", "/large"], new_files, nothing, True, False),
    Operation("file -u", ["file", "-u", "a"], old_files, nothing, False, False),
    Operation("file", ["file", "new"], nothing, nothing, True, False),
    Operation("directory", ["directory", "--parents", "new/below"], nothing, nothing, True, False),
]


def contents(top):
    """Returns what users see below a directory: paths, with the contents of files."""
    found = {}
    for path in sorted(top.rglob("*")):
        name = path.relative_to(top)
        # A sync stages in the directory that it fills.
        if ".remofile" not in name.parts:
            found[str(name)] = path.read_bytes() if path.is_file() else None
    return found


def staged(top):
    """Returns the content of a staging directory, where a failed flush is remembered."""
    below = sorted(str(path.relative_to(top)) for path in top.rglob(".remofile/**/*"))
    remembered = {".remofile/unflushed", ".remofile/unflushed/ranges"}
    if not below and (top / ".remofile").exists():
        return [".remofile (empty)"]
    return [] if ".remofile/unflushed/ranges" in below and set(below) <= remembered else below


def end_tracer(tracer):
    """Has strace leave the server alone. It may miss a signal that comes just before it waits, so it gets more than one."""
    deadline = time.monotonic() + SECONDS
    while True:
        tracer.send_signal(signal.SIGINT)
        try:
            tracer.communicate(timeout=1)
            return
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                tracer.kill()
                tracer.communicate()
                raise


class Scene:
    """A server with its directory, the directory of its client, and the operation that is tried."""

    def __init__(self, campaign, place, fsync):
        self.campaign, self.fsync = campaign, fsync
        self.remote, self.local = place / "remote", place / "local"
        self.log = place / "log"
        self.server = None
        self.remote.mkdir(parents=True)
        self.local.mkdir()

    def start(self):
        self.server = Server(self.campaign.binary, self.remote, "--fsync", self.fsync).__enter__()

    def end(self):
        if self.server is not None:
            server, self.server = self.server, None
            server.process.kill()
            server.__exit__(Failed, None, None)

    def restart(self):
        self.end()
        self.start()

    def prepare(self, operation):
        for top, make in ((self.remote, operation.remote), (self.local, operation.local)):
            for path in top.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            make(top)

    def command(self, operation):
        arguments = [argument.format(local=self.local) for argument in operation.arguments]
        return [str(self.campaign.binary), *arguments]

    def execute(self, command):
        environment = {**self.server.environment, "XDG_STATE_HOME": "/dev/null/none"}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL, check=False,
        )

    def traced(self, operation, side, *options):
        """Runs an operation with strace on one side; returns what came of it."""
        strace = ["strace", "-f", "-qq", "-y", "-o", str(self.log), "-e", f"trace={CALLS}", "-e", "signal=none", *options]
        if side == "client":
            return self.execute([*strace, *self.command(operation)])
        tracer = subprocess.Popen([*strace, "-p", str(self.server.process.pid)], stderr=subprocess.PIPE, text=True)
        try:
            self.await_tracer(tracer)
            return self.execute(self.command(operation))
        finally:
            end_tracer(tracer)

    def await_tracer(self, tracer):
        """Waits until strace has all threads of the server."""
        tasks = Path(f"/proc/{self.server.process.pid}/task")
        deadline = time.monotonic() + SECONDS
        while True:
            statuses = [(task / "status").read_text() for task in tasks.iterdir()]
            if all(f"TracerPid:\t{tracer.pid}\n" in status for status in statuses):
                return
            if tracer.poll() is not None:
                raise Skipped(f"strace cannot follow a process here: {tracer.stderr.read().strip()}")
            if time.monotonic() > deadline:
                raise Failed("strace did not attach to the server")
            time.sleep(0.005)

    def sites(self, operation, side):
        """Runs an operation without faults. Returns the calls that touch its files, and what both sides are then."""
        self.prepare(operation)
        before = contents(self.remote), contents(self.local)
        done = self.traced(operation, side)
        if done.returncode != 0:
            raise Failed(f"without a fault it ended with status {done.returncode}: {done.stderr.strip()}")
        counts, sites = Counter(), set()
        for line in self.log.read_text(errors="replace").splitlines():
            found = CALL.match(line)
            if found and not RESUMED.search(line):
                thread, call = found.groups()
                counts[thread, call] += 1
                if str(self.remote.parent) in line:
                    sites.add(Site(call, counts[thread, call]))
        self.check_left(True)
        return sorted(sites), before, (contents(self.remote), contents(self.local))

    def check_left(self, is_patient):
        """Nothing is left in the staging directories. The session of a client that is gone may have to end first."""
        deadline = time.monotonic() + (5 if is_patient else 0)
        while True:
            left = staged(self.remote) + staged(self.local)
            if not left:
                return
            if time.monotonic() > deadline:
                raise Failed(f"left behind: {', '.join(left)}")
            time.sleep(0.01)

    def check_contents(self, expected, when):
        for side, top, wanted in zip(("server", "client"), (self.remote, self.local), expected):
            found = contents(top)
            for name in sorted(found.keys() | wanted.keys()):
                if name not in found or name not in wanted or found[name] != wanted[name]:
                    state = "missing" if name not in found else "extra" if name not in wanted else "another"
                    raise Failed(f"{when}, but on the {side} {name} is {state}")

    def check_whole(self, before, after):
        """No file is half of one: its content is one of those that it, or what it is made of, has."""
        whole = {content for tree in (*before, *after) for content in tree.values()}
        for side, top in (("server", self.remote), ("client", self.local)):
            for name, content in contents(top).items():
                if content not in whole:
                    raise Failed(f"half of a file is visible on the {side}: {name} ({len(content)} bytes)")


def try_fault(scene, operation, side, site, error, before, after):
    """Runs an operation with one fault; returns whether it was told as a failure."""
    scene.prepare(operation)
    fault = f"inject={site.call}:error={error}:when={site.number}"
    done = scene.traced(operation, side, "-e", fault)
    if scene.server.process.poll() is not None:
        raise Failed(f"the server ended with status {scene.server.process.returncode}")
    if done.returncode < 0 or "panicked" in done.stderr:
        raise Failed(f"the client crashed with status {done.returncode}: {done.stderr.strip()}")
    if done.returncode == 0:
        scene.check_contents(after, "told of success")
        scene.check_left(side == "client")
        return False
    scene.check_whole(before, after)
    again = scene.execute(scene.command(operation))
    if again.returncode != 0 and not operation.ends:
        raise Failed(
            f"ended with status {done.returncode} ({done.stderr.strip()}), and once more without a fault with "
            f"{again.returncode}: {again.stderr.strip()}"
        )
    scene.check_contents(after, f"ended with {done.returncode} ({done.stderr.strip()}), and once more with {again.returncode}")
    scene.check_left(True)
    return True


def campaign_of(campaign):
    if shutil.which("strace") is None:
        raise Skipped("strace is missing")
    known, told = 0, 0
    with campaign.place() as place:
        for fsync in campaign.scaled(["none", "end", "each"], ["end"]):
            scene = Scene(campaign, Path(place) / fsync, fsync)
            try:
                for operation in OPERATIONS:
                    for side in ("client", "server") if operation.is_transfer else ("server",):
                        counts = try_side(campaign, scene, operation, side)
                        known, told = known + counts[0], told + counts[1]
            finally:
                scene.end()
    campaign.measured = f"{known} calls x {len(ERRORS)} errors known, {campaign.cases} tried, {told} of them told as failures"


def try_side(campaign, scene, operation, side):
    """Tries faults of an operation on one side. Returns the number of its calls, and how many faults were told."""
    prefix = f"{operation.name}/{side}/{scene.fsync}"
    if campaign.only and not any(only.startswith(prefix + "/") for only in campaign.only):
        return 0, 0
    scene.restart()
    try:
        sites, before, after = scene.sites(operation, side)
    except Failed as failure:
        campaign.fail(prefix, str(failure))
        return 0, 0
    pairs = [(site, error) for site in sites for error in ERRORS]
    chosen = pairs
    if not campaign.only:
        chosen = campaign.chance(prefix).sample(pairs, min(len(pairs), campaign.scaled(FULL_CASES, TENTH_CASES)))
    campaign.say(f"{prefix}: {len(sites)} calls, {len(chosen)} faults")
    told = 0
    for site, error in chosen:
        failures = len(campaign.failures)
        name = f"{prefix}/{site.call}/{site.number}/{error}"
        told += bool(campaign.check(name, try_fault, scene, operation, side, site, error, before, after))
        if len(campaign.failures) > failures:
            scene.restart()
    return len(sites), told


if __name__ == "__main__":
    sys.exit(run("faults", __doc__, campaign_of))
