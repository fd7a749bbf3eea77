"""Processes of engines and servers, each with a log of its own, which trials kill, stop and start again."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "reliability"))
from harness import Failed

# A server waits for its object store for 90 s.
START_SECONDS = 120
STOP_SECONDS = 20
COMMAND_SECONDS = 60


def find_program(name, *places):
    """The path of a program: in one of the places, or where the shell finds it. Failed if there is none."""
    for place in places:
        if place and Path(place).is_file():
            return Path(place)
    found = shutil.which(name)
    if not found:
        raise Failed(f"there is no {name} on this machine: 'make cluster-setup' installs what is missing")
    return Path(found)


def free_ports(count):
    """Ports of this machine that nobody has now, each another one."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def accepts(port):
    """True if something accepts connections at a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def run(command, environment=None, seconds=COMMAND_SECONDS, log=False):
    """Runs a command that must succeed; what it wrote to standard output, or with `log` to standard error."""
    done = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
        check=False, env=environment,
    )
    if done.returncode != 0:
        shown = " ".join(str(word) for word in command[:6])
        raise Failed(f"'{shown}' ended with status {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stderr if log else done.stdout


class Process:
    """A process that may be started again with the same command."""

    def __init__(self, name, command, log, port, environment=None, says=""):
        self.name, self.command, self.log, self.port = name, [str(word) for word in command], Path(log), port
        self.environment, self.says, self.process = environment, says, None

    def start(self):
        """Starts it and waits until it has said what it says when it is ready, and its port accepts connections."""
        before = self.log.stat().st_size if self.log.is_file() else 0
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the script alone, which then ends what it has started.
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not (self.says.encode() in self.log.read_bytes()[before:] and accepts(self.port)):
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended at once with status {self.process.returncode}: {self.last_lines()}")
            if time.monotonic() > deadline:
                raise Failed(f"{self.name} accepts no connections after {START_SECONDS} s: {self.last_lines()}")
            time.sleep(0.05)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """Ends it without a chance to do anything more."""
        if self.is_running():
            self.process.kill()
            self.process.wait()

    def stop(self):
        """Asks it to end, and waits."""
        if not self.is_running():
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def freeze(self):
        """Stops its time: it keeps its connections and answers nothing, as behind a line that is cut."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def processor_seconds(self):
        """The seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def last_lines(self, count=5):
        """The last lines of its log, for messages."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.is_file() else []
        return " | ".join(lines[-count:]) or "it has said nothing"


class Group:
    """Processes that end together, with the `with` block."""

    def __init__(self):
        self.processes = []

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.stop()
