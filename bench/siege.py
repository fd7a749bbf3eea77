#!/usr/bin/env python3
"""Besieges a server from two addresses of this machine while a client far away lists its directory, and fails
unless the client is served every time and the server's memory stays within 64 MiB of what it holds when idle.

First 10,000 connections of each kind are opened and left open: idle ones, garbage, half greetings, and wrong tokens in
the native handshake and over ZeroMQ. Then each kind comes as a flood of 10,000 a second, or as many as this machine makes,
in bursts that fill a server's room at once, for as long as the client needs for its calls. Attackers are 127.0.0.2 and 127.0.0.3, the client is 127.0.0.1.

usage: siege.py [--connections N] [--rate N] [--calls N] [--seconds N] [--round-trip MS] [--remofile PATH]
"""

import argparse
import asyncio
import errno
import multiprocessing
import os
import re
import resource
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from harness import MIB, RELEASE_BINARY, Failed, Server, end_on_signals, peak_memory_bytes

ATTACKERS = ("127.0.0.2", "127.0.0.3")
CLIENT = "127.0.0.1"
MEMORY_ALLOWED_BYTES = 64 * MIB
CALL_SECONDS = 30
SAMPLE_SECONDS = 0.02
# Connections that each attacker of a flood keeps open, and how long one waits before it may open more.
FLOOD_OPEN = 4000
# Connections that each attacker of a flood opens at once.
FLOOD_BURST = 1000
TICK_SECONDS = 0.002
# Connections that are begun before those are looked at that were not open at once.
BATCH = 100
RESET = struct.pack("ii", 1, 0)
# Leaves the choice of the port to connect(), which may use one for several destinations.
IP_BIND_ADDRESS_NO_PORT = 24

MAGIC = b"\x89RMF\r\n\x1a\n"


def wrong_token():
    """A preface with an identifier that nobody has, and what could be the first message of the handshake."""
    return MAGIC + bytes([2, 2, 0, 0]) + os.urandom(16) + struct.pack(">H", 96) + os.urandom(96)


def wrong_routing_id():
    """ZeroMQ's greeting and READY, and a request of protocol 1, in one go."""
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16 + 32)
    identity = os.urandom(8).hex().encode()
    properties = ((b"Socket-Type", b"REQ"), (b"Identity", identity))
    metadata = b"".join(
        bytes([len(name)]) + name + struct.pack(">I", len(value)) + value for name, value in properties
    )
    ready = b"\x05READY" + metadata
    request = b"\x80\x04K\x01\x8c\x01/\x86."
    return greeting + b"\x04" + bytes([len(ready)]) + ready + b"\x01\x00" + b"\x00" + bytes([len(request)]) + request


KINDS = {
    "idle": lambda: b"",
    "garbage": lambda: os.urandom(64),
    "half greeting": lambda: MAGIC + bytes([2, 2, 0, 0]) + os.urandom(8),
    "wrong token": wrong_token,
    "wrong token, ZeroMQ": wrong_routing_id,
}


@dataclass(frozen=True)
class Attack:
    """The doings of one attacker: so many connections at most, so many a second and at once, of which so many stay open."""

    kind: str
    port: int
    connections: int
    rate: float
    open: int
    seconds: float
    burst: int

    def due(self, seconds):
        """Returns how many connections there are to be after so many seconds."""
        return min(self.connections, int(seconds * self.rate) // self.burst * self.burst)


@dataclass
class Line:
    """A line of the table."""

    name: str
    connections: int
    rate: float
    served: int
    calls: int
    slowest: float
    memory: int

    def is_kept(self, idle):
        return self.served == self.calls and self.memory <= idle + MEMORY_ALLOWED_BYTES


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=10_000, metavar="N", help="of each kind (default 10000)")
    parser.add_argument("--rate", type=int, default=10_000, metavar="N", help="of a flood, a second (default 10000)")
    parser.add_argument("--calls", type=int, default=10, metavar="N", help="of the client in each attack (default 10)")
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="longest for an attack (default 60)")
    parser.add_argument("--round-trip", type=int, default=50, metavar="MS", help="of the client (default 50)")
    parser.add_argument("--remofile", type=Path, default=RELEASE_BINARY, metavar="PATH", help="the command to run")
    arguments = parser.parse_args()
    end_on_signals()
    try:
        return siege(arguments)
    except Failed as failure:
        print(f"The siege failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def siege(arguments):
    if sys.platform != "linux":
        raise Failed("it needs Linux, where all of 127.0.0.0/8 is this machine")
    with tempfile.TemporaryDirectory(prefix="remofile-siege-") as directory:
        (Path(directory) / "file").write_bytes(b"content")
        with Server(arguments.remofile.resolve(), directory) as server, DelayedLine(int(server.port), arguments.round_trip / 2000) as line:
            client = Client(server, line.port)
            alone = [client.call() for _ in range(3)]
            if None in alone:
                raise Failed(f"the client is not served though nobody attacks: {client.said}")
            idle = resident_bytes(server.process.pid)
            print(f"Alone a call takes {min(alone) * 1000:.0f} ms; the idle server holds {idle / MIB:.1f} MiB.\n")
            print(f"{'attack':30} {'connections':>11} {'a second':>9} {'served':>9} {'slowest':>9} {'peak':>10}")
            lines = [attack(arguments, server, client, kind, is_flood) for is_flood in (False, True) for kind in KINDS]
            # What was held and freed between two samples.
            peak = peak_memory_bytes(server.process.pid) or 0
    print(f"\nThe server's memory peaked at {peak / MIB:.1f} MiB, {(peak - idle) / MIB:+.1f} MiB from idle.")
    broken = [line.name for line in lines if not line.is_kept(idle)]
    if peak > idle + MEMORY_ALLOWED_BYTES:
        broken.append("the peak of all")
    if broken:
        detail = f" (a client said: {client.said})" if client.said else ""
        raise Failed(f"these lines do not hold: {', '.join(broken)}{detail}")
    print("The client was served every time, and the memory stayed within 64 MiB of idle.")
    return 0


def attack(arguments, server, client, kind, is_flood):
    """One line of the table: attackers on both addresses, and the client's calls meanwhile."""
    share = arguments.connections // len(ATTACKERS)
    rate = arguments.rate / len(ATTACKERS)
    steady = {"connections": share, "open": share, "burst": 1}
    limits = {"connections": sys.maxsize, "open": FLOOD_OPEN, "burst": FLOOD_BURST} if is_flood else steady
    plan = Attack(kind, int(server.port), rate=rate, seconds=arguments.seconds, **limits)
    context = multiprocessing.get_context("fork")
    stop = context.Event()
    attackers, pipes = [], []
    for address in ATTACKERS:
        ours, theirs = context.Pipe(duplex=False)
        pipes.append(ours)
        attackers.append(context.Process(target=besiege, args=(address, plan, stop, theirs), daemon=True))
    with MemoryWatch(server.process.pid) as watch:
        try:
            for attacker in attackers:
                attacker.start()
            for pipe in pipes:
                # The attack is on: a tenth of the connections was made.
                pipe.poll(arguments.seconds) and pipe.recv()
            times = [client.call() for _ in range(arguments.calls)]
            if not is_flood:
                wait_for_all(pipes, arguments.seconds)
        finally:
            stop.set()
        reports = [pipe.recv() for pipe in pipes if pipe.poll(CALL_SECONDS)]
        for attacker in attackers:
            attacker.join(CALL_SECONDS)
            attacker.kill()
    if len(reports) < len(pipes):
        raise Failed("an attacker did not report")
    made = sum(made for made, _ in reports)
    seconds = max(seconds for _, seconds in reports)
    name = f"{'flood, ' if is_flood else ''}{kind}"
    served = [time for time in times if time is not None]
    line = Line(name, made, made / seconds, len(served), len(times), max(served, default=0), watch.peak)
    print(
        f"{name:30} {made:11,} {line.rate:9,.0f} {line.served:4} of {line.calls:2}"
        f" {line.slowest * 1000:6.0f} ms {line.memory / MIB:6.1f} MiB",
        flush=True,
    )
    return line


def wait_for_all(pipes, seconds):
    """Until every attacker has made all of its connections."""
    deadline = time.monotonic() + seconds
    for pipe in pipes:
        if pipe.poll(max(0.0, deadline - time.monotonic())):
            pipe.recv()


def besiege(address, plan, stop, pipe):
    """An attacker: reports when it has begun, when all connections were made, and at its end how many in what time."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most_open = min(plan.open, hard - 64)
    attacker = Attacker(address, plan, most_open)
    began = time.monotonic()
    has_begun = is_whole = False
    lasted = 0.0
    while not stop.is_set() and time.monotonic() - began < plan.seconds + CALL_SECONDS:
        if not is_whole:
            lasted = time.monotonic() - began
            attacker.open(plan.due(lasted))
        is_late = attacker.begun < plan.due(time.monotonic() - began)
        attacker.go_on(0 if is_late and not is_whole else TICK_SECONDS)
        if not has_begun and attacker.made >= min(plan.connections, plan.rate) / 10:
            has_begun = True
            pipe.send("begun")
        if has_begun and not is_whole and attacker.made >= plan.connections:
            is_whole = True
            pipe.send("whole")
    attacker.close()
    pipe.send((attacker.made, lasted))


class Attacker:
    """Connections from one address, opened without waiting for any of them."""

    def __init__(self, address, plan, most_open):
        self.address, self.plan, self.most_open = address, plan, most_open
        self.begun = self.made = 0
        self.poll = select.epoll()
        self.connecting = {}
        self.held = deque()

    def open(self, wanted):
        """Begins connections until so many were begun."""
        wanted = min(wanted, self.begun + BATCH)
        while self.begun < wanted and len(self.connecting) < self.most_open:
            peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            # Closed by a reset: no port is kept for a connection that is over.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            peer.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            peer.bind((self.address, 0))
            status = peer.connect_ex((CLIENT, self.plan.port))
            if status not in (0, errno.EINPROGRESS):
                # No port is free at the moment.
                peer.close()
                return
            self.begun += 1
            # On this machine a connection is usually there at once.
            if not self.speak(peer):
                self.connecting[peer.fileno()] = peer
                self.poll.register(peer.fileno(), select.EPOLLOUT)

    def go_on(self, seconds):
        """Says what there is to say on connections that are open now."""
        for descriptor, _ in self.poll.poll(seconds):
            peer = self.connecting.pop(descriptor)
            self.poll.unregister(descriptor)
            if peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or not self.speak(peer):
                peer.close()
                self.begun -= 1

    def speak(self, peer):
        """Says what there is to say; whether the connection is open."""
        try:
            peer.getpeername()
            if said := KINDS[self.plan.kind]():
                peer.send(said)
        except ConnectionError:
            pass  # The server has closed it already.
        except OSError:
            return False
        self.made += 1
        self.held.append(peer)
        if len(self.held) + len(self.connecting) > self.most_open:
            self.held.popleft().close()
        return True

    def close(self):
        for peer in [*self.held, *self.connecting.values()]:
            peer.close()


class Client:
    """Calls of the command over a line with a delay."""

    def __init__(self, server, port):
        self.command = [str(server.binary), "list", "/"]
        self.environment = {**server.environment, "REMOFILE_HOSTNAME": CLIENT, "REMOFILE_PORT": str(port)}
        self.said = ""

    def call(self):
        """The seconds that a call took; None if it failed."""
        start = time.perf_counter()
        try:
            done = subprocess.run(
                self.command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=CALL_SECONDS, check=False,
            )
        except subprocess.TimeoutExpired:
            self.said = f"nothing for {CALL_SECONDS} s"
            return None
        if done.returncode != 0 or "file" not in done.stdout:
            self.said = done.stderr.strip()
            return None
        return time.perf_counter() - start


class MemoryWatch:
    """The most memory that a process held at any time that was looked at, in bytes."""

    def __init__(self, pid):
        self.pid, self.peak = pid, 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.stopped.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, resident_bytes(self.pid))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()


def resident_bytes(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        raise Failed("the server has ended") from None
    return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE).group(1)) * 1024


class DelayedLine:
    """A proxy in a process of its own that delivers everything so many seconds later, in both directions."""

    def __init__(self, target, one_way_seconds):
        self.target, self.one_way_seconds = target, one_way_seconds

    def __enter__(self):
        listener = socket.create_server((CLIENT, 0))
        self.port = listener.getsockname()[1]
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=lambda: asyncio.run(carry(listener, self.target, self.one_way_seconds)), daemon=True)
        self.process.start()
        listener.close()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.join()


async def carry(listener, target, one_way_seconds):
    async def connected(reader, writer):
        try:
            # Before the client has said anything: the server has it in its lobby for longer than over a real line.
            server_reader, server_writer = await asyncio.open_connection(CLIENT, target)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(
            delay(reader, server_writer, one_way_seconds), delay(server_reader, writer, one_way_seconds)
        )

    server = await asyncio.start_server(connected, sock=listener)
    await server.serve_forever()


async def delay(reader, writer, one_way_seconds):
    """Delivers what comes, and the end of it, when it has been under way long enough."""
    under_way = asyncio.Queue()

    async def deliver():
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if not data:
                writer.close()
                return
            writer.write(data)

    delivery = asyncio.create_task(deliver())
    try:
        while data := await reader.read(65536):
            under_way.put_nowait((time.monotonic() + one_way_seconds, data))
    except OSError:
        pass
    under_way.put_nowait((time.monotonic() + one_way_seconds, b""))
    await delivery


if __name__ == "__main__":
    sys.exit(main())
