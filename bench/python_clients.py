#!/usr/bin/env python3
"""Measures the Python package beside paramiko and asyncssh: the same work, in turn, in one run, over loopback.

Run it with a Python that has all three, and the package built for release; `make bench-python` sees to that. Their
server is OpenSSH's where it is installed, and otherwise asyncssh's own. The table is in the notation of Markdown.
"""

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncssh
import paramiko

from remofile import Client, generate_token

COMMAND = Path(sys.executable).parent / "remofile"
READ = 4096


class Remofile:
    """The package that is measured."""

    def __init__(self, port, token):
        self._client = Client("127.0.0.1", port, token)

    def upload(self, source, name):
        self._client.upload_file(source, "/", name)

    def download(self, name, destination):
        self._client.download_file(f"/{name}", destination.parent, destination.name)

    def upload_many(self, directory, name):
        self._client.upload_directory(directory, "/", name)

    def list(self, name):
        return len(self._client.list_files(f"/{name}"))

    def stat(self, names):
        return [self._client.stat(f"/{name}").st_size for name in names]

    def read_at(self, name, offsets):
        with self._client.open(f"/{name}", "rb", buffering=READ) as file:
            return [file.seek(offset) and len(file.read(READ)) for offset in offsets]

    def write(self, name, piece, count):
        with self._client.open(f"/{name}", "wb") as file:
            for _ in range(count):
                file.write(piece)

    def close(self):
        self._client.close()


class Paramiko:
    def __init__(self, port, key, root):
        self._root = root
        self._transport = paramiko.Transport(("127.0.0.1", port))
        self._transport.connect(username="bench", pkey=paramiko.Ed25519Key.from_private_key_file(str(key)))
        self._sftp = paramiko.SFTPClient.from_transport(self._transport)

    def upload(self, source, name):
        self._sftp.put(str(source), f"{self._root}/{name}")

    def download(self, name, destination):
        self._sftp.get(f"{self._root}/{name}", str(destination))

    def upload_many(self, directory, name):
        self._sftp.mkdir(f"{self._root}/{name}")
        for path in directory.iterdir():
            self._sftp.put(str(path), f"{self._root}/{name}/{path.name}")

    def list(self, name):
        return len(self._sftp.listdir_attr(f"{self._root}/{name}"))

    def stat(self, names):
        return [self._sftp.stat(f"{self._root}/{name}").st_size for name in names]

    def read_at(self, name, offsets):
        with self._sftp.open(f"{self._root}/{name}", "rb", bufsize=READ) as file:
            return [file.seek(offset) or len(file.read(READ)) for offset in offsets]

    def write(self, name, piece, count):
        with self._sftp.open(f"{self._root}/{name}", "wb") as file:
            file.set_pipelined(True)
            for _ in range(count):
                file.write(piece)

    def close(self):
        self._transport.close()


class Asyncssh:
    """asyncssh, with a loop that ends with each piece of work: what is asked of it at once goes beside each other."""

    def __init__(self, port, key, root):
        self._root, self._loop = root, asyncio.new_event_loop()
        options = {"username": "bench", "client_keys": [str(key)], "known_hosts": None, "config": None, "agent_path": None}
        self._connection = self._run(asyncssh.connect("127.0.0.1", port, **options))
        self._sftp = self._run(self._connection.start_sftp_client())

    def _run(self, work):
        return self._loop.run_until_complete(work)

    def upload(self, source, name):
        self._run(self._sftp.put(str(source), f"{self._root}/{name}"))

    def download(self, name, destination):
        self._run(self._sftp.get(f"{self._root}/{name}", str(destination)))

    def upload_many(self, directory, name):
        self._run(self._sftp.put(str(directory), f"{self._root}/{name}", recurse=True))

    def list(self, name):
        return len(self._run(self._sftp.readdir(f"{self._root}/{name}")))

    def stat(self, names):
        async def one_by_one():
            return [(await self._sftp.stat(f"{self._root}/{name}")).size for name in names]

        return self._run(one_by_one())

    def read_at(self, name, offsets):
        async def read():
            async with self._sftp.open(f"{self._root}/{name}", "rb") as file:
                return [len(await file.read(READ, offset)) for offset in offsets]

        return self._run(read())

    def write(self, name, piece, count):
        async def write():
            async with self._sftp.open(f"{self._root}/{name}", "wb") as file:
                for _ in range(count):
                    await file.write(piece)

        self._run(write())

    def close(self):
        self._connection.close()
        self._run(self._connection.wait_closed())
        self._loop.close()


def serve_remofile(root, token):
    server = subprocess.Popen([COMMAND, "run", root, "0", token], stdout=subprocess.PIPE, text=True)
    for line in server.stdout:
        if found := re.search(r":(\d+)\b", line):
            return server, int(found[1])
    sys.exit("the server did not start")


def serve_sftp(directory, key):
    """OpenSSH's server, or asyncssh's where there is none: its name, its process and its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        server = subprocess.Popen([sys.executable, __file__, "--serve", str(port), str(key)])
        wait_for(port)
        return "asyncssh", server, port
    settings = directory / "sshd_config"
    settings.write_text(
        f"HostKey {key}\nAuthorizedKeysFile {key}.pub\nPidFile none\nStrictModes no\nUsePAM no\nSubsystem sftp internal-sftp\n"
    )
    server = subprocess.Popen([program, "-D", "-f", settings, "-p", str(port), "-o", "ListenAddress=127.0.0.1"])
    wait_for(port)
    return "OpenSSH", server, port


def wait_for(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
    sys.exit("the server for SFTP did not start")


def serve(port, key):
    """The server of asyncssh, in a process of its own."""

    class Anybody(asyncssh.SSHServer):
        def begin_auth(self, username):
            return False

    async def run():
        await asyncssh.listen("127.0.0.1", port, server_factory=Anybody, server_host_keys=[key], sftp_factory=True)
        await asyncio.Event().wait()

    asyncio.run(run())


def work(client, prepared, name, sizes):
    """Seconds for each piece of work."""
    offsets, stats = prepared["offsets"], [f"{name}-many/{path.name}" for path in prepared["many"].iterdir()][:1000]
    pieces = {
        f"upload {sizes.mebibytes} MiB": lambda: client.upload(prepared["big"], f"{name}-big"),
        f"download {sizes.mebibytes} MiB": lambda: client.download(f"{name}-big", prepared["back"] / name),
        f"write {sizes.mebibytes} MiB to an open file": lambda: client.write(f"{name}-w", bytes(1 << 16), sizes.mebibytes * 16),
        f"upload {sizes.files} files of 1 KiB": lambda: client.upload_many(prepared["many"], f"{name}-many"),
        f"list {sizes.files} files": lambda: client.list(f"{name}-many"),
        f"{len(stats):,} times stat": lambda: client.stat(stats),
        f"{len(offsets):,} reads of 4 KiB": lambda: client.read_at(f"{name}-big", offsets),
    }
    found = {}
    for piece, call in pieces.items():
        began = time.perf_counter()
        call()
        found[piece] = time.perf_counter() - began
    return found


def prepare(directory, sizes):
    prepared = {name: directory / name for name in ("big", "many", "back", "remofile", "sftp")}
    for name in ("many", "back", "remofile", "sftp"):
        prepared[name].mkdir()
    with prepared["big"].open("wb") as file:
        for _ in range(sizes.mebibytes):
            file.write(os.urandom(1 << 20))
    for number in range(sizes.files):
        (prepared["many"] / f"{number:06}").write_bytes(os.urandom(1024))
    choose = random.Random(18)
    prepared["offsets"] = [choose.randrange(1, sizes.mebibytes << 20) for _ in range(sizes.reads)]
    return prepared


def measure(directory, sizes):
    """Median seconds of each client for each piece of work, in turn, and the name of the server for SFTP."""
    prepared, token, key = prepare(directory, sizes), generate_token(), directory / "key"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(key))
    asyncssh.read_private_key(str(key)).write_public_key(f"{key}.pub")
    own, port = serve_remofile(prepared["remofile"], token)
    kind, other, sftp_port = serve_sftp(directory, key)
    makers = {
        "remofile": lambda: Remofile(port, token),
        "paramiko": lambda: Paramiko(sftp_port, key, prepared["sftp"]),
        "asyncssh": lambda: Asyncssh(sftp_port, key, prepared["sftp"]),
    }
    rounds = {name: [] for name in makers}
    try:
        for _ in range(sizes.rounds):
            for name, make in makers.items():
                client = make()
                rounds[name].append(work(client, prepared, name, sizes))
                client.close()
                for place in ("remofile", "sftp", "back"):
                    for path in prepared[place].glob(f"{name}*"):
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
    finally:
        for server in (own, other):
            server.terminate()
            server.wait()
    return kind, {
        name: {piece: statistics.median(one[piece] for one in found) for piece in found[0]} for name, found in rounds.items()
    }


def show(kind, found):
    print(f"| seconds | {' | '.join(found)} |\n|---|{'---|' * len(found)}")
    for piece in found["remofile"]:
        print(f"| {piece} | {' | '.join(f'{client[piece]:.2f}' for client in found.values())} |")
    print(f"\nThe server of paramiko and asyncssh was {kind}'s.")


def main():
    if sys.argv[1:2] == ["--serve"]:
        return serve(int(sys.argv[2]), sys.argv[3])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mebibytes", type=int, default=256)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--reads", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=Path, help="where to work")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(dir=arguments.directory))
    try:
        kind, found = measure(directory, arguments)
    finally:
        shutil.rmtree(directory)
    if arguments.json:
        print(json.dumps({"server": kind, **found}))
    else:
        show(kind, found)


if __name__ == "__main__":
    main()
