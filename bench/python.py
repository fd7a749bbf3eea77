#!/usr/bin/env python3
"""Measures the Python package beside the command: uploads of 1 GiB in turn, importing, Ctrl-C.

Run it with a Python that has the package, built for release; `make bench-python` sees to that.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from remofile import Client, generate_token

COMMAND = Path(sys.executable).parent / "remofile"
IMPORT = "import time; began = time.perf_counter(); import remofile; print(time.perf_counter() - began)"


def seconds(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def importing(rounds):
    runs = [subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True) for _ in range(rounds)]
    return statistics.median(float(run.stdout) for run in runs)


def interrupting(call, after):
    """Seconds from a signal to the end of the call."""
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    sent = time.perf_counter() + after
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        call()
    except KeyboardInterrupt:
        return time.perf_counter() - sent
    sys.exit("the call ended before it was interrupted: use larger files")


def serve(root, token):
    server = subprocess.Popen([COMMAND, "run", root, "0", token], stdout=subprocess.PIPE, text=True)
    for line in server.stdout:
        found = re.search(r":(\d+)\b", line)
        if found:
            return server, int(found[1])
    sys.exit("the server did not start")


def uploads(source, root, port, token, rounds):
    """Median seconds of the command and of Python, in turn."""
    environment = {**os.environ, "REMOFILE_HOSTNAME": "127.0.0.1", "REMOFILE_PORT": str(port), "REMOFILE_TOKEN": token}
    command = [COMMAND, "upload", "--quiet", source, "/"]
    taken = {"command": [], "python": []}
    for _ in range(rounds):
        taken["command"].append(seconds(lambda: subprocess.run(command, env=environment, check=True)))
        (root / source.name).unlink()
        taken["python"].append(seconds(lambda: Client("127.0.0.1", port, token).upload_file(source, "/")))
        (root / source.name).unlink()
    return {name: statistics.median(values) for name, values in taken.items()}


def measure(directory, mebibytes, rounds):
    source, root = directory / "big", directory / "root"
    root.mkdir()
    with source.open("wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(1 << 20))
    token = generate_token()
    server, port = serve(root, token)
    try:
        found = {f"upload, {name}": value for name, value in uploads(source, root, port, token, rounds).items()}
        client = Client("127.0.0.1", port, token, wait=60)
        upload = [interrupting(lambda: client.upload_file(source, "/"), 0.1) for _ in range(rounds)]
    finally:
        server.terminate()
        server.wait()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client("127.0.0.1", silent.getsockname()[1], token)
        waiting = [interrupting(lambda: client.list_files("/"), 0.1) for _ in range(rounds)]
    found["ratio of the uploads"] = found["upload, python"] / found["upload, command"]
    return {**found, "import": importing(rounds), "Ctrl-C, uploading": max(upload), "Ctrl-C, waiting": max(waiting)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--directory", type=Path, help="where to work; needs three times the size")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(dir=arguments.directory))
    try:
        found = measure(directory, arguments.mebibytes, arguments.rounds)
    finally:
        shutil.rmtree(directory)
    if arguments.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:22} {value:8.4f}{'' if name.startswith('ratio') else ' s'}")


if __name__ == "__main__":
    main()
