"""The harness of the interoperation tests: the server under test, its peers, and how to wait for something."""

import os
import pickle
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

import zmq
from remofile import Client
from remofile.protocol import Reason, Request, Response

REPOSITORY = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("REMOFILE_BINARY") or REPOSITORY / "target" / "debug" / "remofile").absolute()
TOKEN = "7HnGw8Kq2mXcVb5RtYpLzD"
DEADLINE_SECONDS = int(os.environ.get("INTEROP_DEADLINE", 20))
SERVING = re.compile(r"^Serving .* on \S+:(\d+)( |$)")

sys.path.insert(0, str(REPOSITORY / "bindings" / "examples"))

ACCEPTED, REFUSED, ERROR = Response.ACCEPTED, Response.REFUSED, Response.ERROR
BAD_REQUEST = (Response.ERROR, Reason.BAD_REQUEST)
CANCELLED = (Response.ACCEPTED, Reason.TRANSFER_CANCELLED)


class Server:
    """`remofile run -v DIRECTORY 0` until it is killed."""

    def __init__(self, directory, *options, **environment):
        self.configuration = tempfile.TemporaryDirectory()
        self.log = tempfile.TemporaryFile(mode="w+", errors="replace")
        self.lines = queue.Queue()
        self.process = subprocess.Popen(
            [BINARY, "run", "-v", *options, directory, "0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.log, text=True, env=clean_environment(self.configuration.name, **environment),
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            self.port = self._read_port()
        except BaseException:
            self.kill()
            self.forget()
            raise

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _read_port(self):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                line = self.lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no port was printed within {DEADLINE_SECONDS} s\n{self.said()}") from None
            if line is None:
                raise AssertionError(f"the server ended at once: status {self.process.wait()}\n{self.said()}")
            if found := SERVING.match(line):
                return int(found.group(1))

    def died(self):
        return self.process.poll() is not None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def forget(self):
        self.log.close()
        self.configuration.cleanup()

    def said(self):
        self.log.seek(0)
        return f"The server's log:\n{self.log.read()[-8000:].strip() or '(empty)'}"


class InteropTest(unittest.TestCase):
    """A test with a directory to serve (self.root), one for the client (self.local), and servers and clients."""

    def setUp(self):
        self.logs = []
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        # The real path, for what is compared with what a server prints.
        self.root, self.local = (Path(directory.name).resolve() / name for name in ("root", "local"))
        self.root.mkdir()
        self.local.mkdir()

    def run(self, result=None):
        """As ever, but a failure is followed by what the server said."""
        result = result or self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for log in getattr(self, "logs", []):
                print(f"\n{self.id()}: {log}", file=sys.stderr)
        return result

    def start_server(self, *options, **environment):
        if not BINARY.is_file():
            self.fail(f"{BINARY} is missing: build it, or set REMOFILE_BINARY")
        # One directory has one server.
        earlier = getattr(self, "serving", None)
        if earlier is not None and not earlier.killed:
            self.assertFalse(earlier.died(), "the server before it died")
            self.kill_server(earlier)
        server = self.serving = Server(self.root, *options, **{"REMOFILE_TOKEN": TOKEN, **environment})
        server.killed = False
        self.addCleanup(self._end, server)
        return server

    def kill_server(self, server):
        server.killed = True
        server.kill()

    def _end(self, server):
        died = server.died() and not server.killed
        if not server.killed:
            server.kill()
        said = server.said()
        self.logs.append(said)
        server.forget()
        self.assertFalse(died, f"the server died with status {server.process.returncode}\n{said}")

    def prototype(self, port, token=TOKEN):
        """The prototype's client; it waits without a limit in places, so its socket gets one."""
        client = Client("127.0.0.1", port, token)
        poll = client.socket.poll
        client.socket.rcvtimeo = DEADLINE_SECONDS * 1000
        client.socket.poll = lambda timeout=None: poll(DEADLINE_SECONDS * 1000 if timeout is None else timeout)
        self.addCleanup(end_prototype, client)
        return client

    def socket(self, kind, port, token=TOKEN, **options):
        """A connected socket whose routing id is the token."""
        socket = self.adopt(unconnected(kind, token, **options))
        socket.connect(f"tcp://127.0.0.1:{port}")
        return socket

    def adopt(self, socket):
        self.addCleanup(socket.close, 0)
        return socket

    def ask(self, socket, *request):
        """The response to a request, over a REQ socket."""
        return self.ask_bytes(socket, pickle.dumps(request, 4), shown(request))

    def ask_bytes(self, socket, frame, what=None):
        """The response to one frame, whatever is in it."""
        try:
            socket.send(frame)
        except zmq.ZMQError as error:
            if error.errno != zmq.EFSM:
                raise
            self.fail("an earlier request of this connection has had no response, so this one was not sent")
        if not socket.poll(DEADLINE_SECONDS * 1000):
            self.fail(f"no response within {DEADLINE_SECONDS} s to {what or shown(frame)}")
        return socket.recv_pyobj()

    def assert_served(self, port):
        """A well-behaved client of the prototype can list, and upload and download a file; leaves nothing behind."""
        client = self.prototype(port)
        source, target = self.local / "served-source", self.local / "served-target"
        content = os.urandom(1500)
        source.write_bytes(content)
        client.list_files("/")
        client.upload_file(source, "/", name="served", chunk_size=512)
        self.assertEqual((self.root / "served").read_bytes(), content)
        client.download_file("/served", self.local, name=target.name, chunk_size=512)
        self.assertEqual(target.read_bytes(), content)
        for path in (source, target, self.root / "served"):
            path.unlink()
        end_prototype(client)

    def eventually(self, attempt, what):
        """Repeats an attempt until it returns something true; for what the server learns in its own time."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            result = attempt()
            if result:
                return result
            if time.monotonic() > deadline:
                self.fail(f"within {DEADLINE_SECONDS} s it did not happen that {what}; last: {result!r}")
            threading.Event().wait(0.02)  # between two attempts

    def assert_tree(self, directory, *expected):
        """Exactly these paths are below the directory, hidden ones included."""
        found = sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))
        self.assertEqual(found, sorted(expected), f"in {directory}")


def clean_environment(configuration, **more):
    """The caller's environment without settings of Remofile."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REMOFILE_")}
    return {**kept, "XDG_CONFIG_HOME": configuration, **more}


def unconnected(kind, token=TOKEN, **options):
    """A socket whose routing id is the token."""
    socket = zmq.Context.instance().socket(kind)
    socket.linger = 0
    socket.sndtimeo = socket.rcvtimeo = DEADLINE_SECONDS * 1000
    if token is not None:
        socket.routing_id = token.encode()
    for name, value in options.items():
        setattr(socket, name, value)
    return socket


def end_prototype(client):
    """Closes its socket; its finaliser would complain about that."""
    client.socket.close(0)
    client.socket = mock.Mock()


def shown(request):
    text = repr(request)
    return text if len(text) < 200 else f"{text[:200]}..."


def upload_request(name, size, chunk_size=512, directory="/"):
    return Request.UPLOAD_FILE, name, directory, size, chunk_size


def write(path, size):
    """A file of random bytes, and the bytes."""
    content = os.urandom(size)
    path.write_bytes(content)
    return content
