#!/usr/bin/env python3
"""Cuts a line at random bytes while a large file moves over it, and fails unless every result is identical to its
source and no cut costs more than one credit window of bytes sent twice.

Every run of the command is made with '--retries 0' over a proxy of its own that resets the connection at a random
byte; the next run goes on where that one broke off, until the file is there. Then the next file moves, the other
way. What a cut costs is what passed the line in the file's direction less what the next run had not to be sent.

usage: cuts.py [--cuts N] [--mebibytes N] [--seed N] [--directory DIR] [--remofile PATH] [--proxy PATH]

PROXY is called as 'PROXY LISTEN_PORT TARGET_PORT --rtt 0 --drop-after BYTES', resets its connections when so many
bytes have gone up, and prints 'up=BYTES down=BYTES conns=N' when SIGTERM ends it. Without one, a proxy of this
script's own is used, which counts the direction that matters.
"""

import argparse
import json
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from harness import MIB, RELEASE_BINARY, Failed, Server, compare, end_on_signals, write_random_file

CREDIT_WINDOW = 16 * MIB
# Handshakes, headers, questions and what the proxy itself holds.
SLACK = 2 * MIB
RESET = struct.pack("ii", 1, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=200, metavar="N", help="cuts to make in all (default 200)")
    parser.add_argument("--mebibytes", type=int, default=256, metavar="N", help="size of the file (default 256)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), metavar="N", help="for the same cuts again")
    parser.add_argument("--directory", type=Path, metavar="DIR", help="where to work (default TMPDIR)")
    parser.add_argument("--remofile", type=Path, default=RELEASE_BINARY, metavar="PATH", help="the command to run")
    parser.add_argument("--proxy", type=Path, metavar="PATH", help="see above")
    arguments = parser.parse_args()
    end_on_signals()
    try:
        with tempfile.TemporaryDirectory(prefix="remofile-cuts-", dir=arguments.directory) as directory:
            print(campaign(arguments, Path(directory)))
    except Failed as failure:
        print(f"The line was cut, and: {failure} (seed {arguments.seed})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def campaign(arguments, directory):
    chance = random.Random(arguments.seed)
    size = arguments.mebibytes * MIB
    local, served, returned = (directory / name for name in ("local", "served", "returned"))
    for path in (local, served, returned):
        path.mkdir()
    write_random_file(local / "file", size)
    cuts, transfers, worst = 0, 0, 0
    with Server(arguments.remofile.resolve(), served, "--file-size-limit", str(2 * size)) as server:
        while cuts < arguments.cuts:
            for upward in (True, False):
                command = ["upload", local / "file", "/"] if upward else ["download", "/file", returned]
                made, cost = move(arguments, server, command, upward, size, chance)
                cuts, transfers, worst = cuts + made, transfers + 1, max(worst, cost)
                compare(local / "file", (served if upward else returned) / "file")
            (returned / "file").unlink()
            server.run("remove", "/file")
    return (
        f"{cuts} cuts in {transfers} transfers of {arguments.mebibytes} MiB: every result is identical, "
        f"and the dearest cut cost {worst / MIB:.1f} MiB (the credit window has {CREDIT_WINDOW // MIB})."
    )


def move(arguments, server, command, upward, size, chance):
    """Moves the file with as many cuts as it takes; how many, and the most that one cost in bytes."""
    cuts, worst, passed, before = 0, 0, 0, 0
    while True:
        line = Line(arguments.proxy, server.port, upward, chance.randrange(1, size // 6))
        with line:
            environment = {**server.environment, "REMOFILE_PORT": str(line.port)}
            done = subprocess.run(
                [server.binary, *map(str, command), "--retries", "0", "--json"],
                env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300,
            )
        summary = {}
        for row in done.stdout.splitlines():
            event = json.loads(row)
            if event.get("event") == "start":
                resumed = event.get("offset", 0)
                cost = passed - (resumed - before)
                if cuts and cost > CREDIT_WINDOW + SLACK:
                    raise Failed(f"a cut cost {cost} bytes: {passed} had passed, from {before} it got to {resumed}")
                worst, before, passed = max(worst, cost if cuts else 0), resumed, 0
            if event.get("event") == "summary":
                summary = event
        passed += line.passed
        if done.returncode == 0:
            if summary.get("files", 0) + summary.get("present", 0) != 1:
                raise Failed(f"the last run says {summary}")
            return cuts, worst
        if done.returncode not in (1, 30):
            raise Failed(f"status {done.returncode}: {done.stderr.strip()}")
        cuts += 1


class Line:
    """A line that is reset when so many bytes have passed it; `passed` tells how many did, when it is over."""

    def __init__(self, proxy, target, upward, limit):
        self.target, self.upward, self.limit, self.passed, self.proxy = int(target), upward, limit, 0, proxy

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        if self.proxy:
            self.listener.close()
            # Downloads send little up: questions, then the credit that they grant, some 60 bytes for 4 MiB.
            limit = self.limit if self.upward else 1500 + self.limit // (64 * 1024)
            command = [sys.executable, self.proxy, str(self.port), str(self.target), "--drop-after", str(limit)]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            self._await_listener()
        else:
            self.thread = threading.Thread(target=self._forward, daemon=True)
            self.thread.start()
        return self

    def _await_listener(self):
        while self.process.poll() is None:
            with open("/proc/net/tcp", encoding="ascii") as table:
                if any(f":{self.port:04X} 00000000:0000 0A" in row for row in table):
                    return
        raise Failed("the proxy ended at once")

    def __exit__(self, *_):
        if self.proxy:
            self.process.send_signal(signal.SIGTERM)
            said = self.process.communicate(timeout=60)[0]
            found = re.search(r"up=(\d+) down=(\d+)", said)
            self.passed = int(found.group(1 if self.upward else 2)) if found else 0
        else:
            self.listener.close()
            self.thread.join(60)

    def _forward(self):
        try:
            client = self.listener.accept()[0]
        except OSError:
            return
        server = socket.create_connection(("127.0.0.1", self.target))
        ends = [(client, server, self.upward), (server, client, not self.upward)]
        pumps = [threading.Thread(target=self._pump, args=(*end, (client, server)), daemon=True) for end in ends]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()

    def _pump(self, source, sink, counts, both):
        try:
            while data := source.recv(65536):
                if counts:
                    self.passed += len(data)
                    if self.passed > self.limit:
                        for end in both:
                            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                        break
                sink.sendall(data)
        except OSError:
            pass
        for end in both:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


if __name__ == "__main__":
    sys.exit(main())
