"""Timeouts are for each step of a transfer, deadlines for all of it."""

import contextvars
import errno
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from remofile import (
    Client,
    Server,
    download_files,
    generate_token,
    synchronize_download,
    synchronize_upload,
    upload_files,
)
from remofile._remofile import Interrupt
from remofile._settings import INTERRUPT

pytestmark = pytest.mark.one_version

#: Milliseconds: with less a busy machine would look like a stall.
TIMEOUT = 1500


class Line:
    """A line between a client and a server, which can be slow, or stall for good."""

    def __init__(self, port):
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._ends = threading.Event()
        self.goes = threading.Event()
        self.goes.set()
        #: Seconds for each piece, and the bytes of one.
        self.pause, self.piece = 0.0, 65536
        #: Bytes after which it stalls.
        self.stalls_after = None
        self.moved = 0
        self._sockets = []
        self._pool = ThreadPoolExecutor(32)
        self._pool.submit(self._accept)

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._port))
            for one in (near, far):
                # What waits in a buffer is not on its way.
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            self._sockets += [near, far]
            self._pool.submit(self._pass_on, near, far)
            self._pool.submit(self._pass_on, far, near)

    def _pass_on(self, source, destination):
        try:
            while content := source.recv(self.piece):
                if self.stalls_after is not None and self.moved >= self.stalls_after:
                    self.goes.clear()
                while not self._ends.is_set() and not self.goes.wait(0.05):
                    pass
                self._ends.wait(self.pause)
                destination.sendall(content)
                self.moved += len(content)
        except OSError:
            pass
        finally:
            for one in (source, destination):
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self._ends.set()
        for one in [self._listener, *self._sockets]:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
        self._pool.shutdown()


@pytest.fixture(params=[2, 1], ids=["protocol2", "protocol1"])
def line(request, tmp_path):
    (tmp_path / "root").mkdir()
    token = generate_token()
    with Server(tmp_path / "root", token) as server:
        line = Line(server.port)
        line.client = Client("127.0.0.1", line.port, token, protocol=request.param)
        line.root = server.root_directory
        try:
            yield line
        finally:
            line.client.close()
            line.close()


CALLS = {
    "upload_file": lambda client, local, **limits: client.upload_file(local / "up", "/", **limits),
    "upload_files": lambda client, local, **limits: upload_files(client, "up", "/", local, **limits),
    "upload_directory": lambda client, local, **limits: client.upload_directory(local, "/", **limits),
    "synchronize_upload": lambda client, local, **limits: synchronize_upload(client, local, "/new", **limits),
    "download_file": lambda client, local, **limits: client.download_file("/down", local, **limits),
    "download_files": lambda client, local, **limits: download_files(client, "down", local, **limits),
    "download_directory": lambda client, local, **limits: client.download_directory("/tree", local, **limits),
    "synchronize_download": lambda client, local, **limits: synchronize_download(client, "/tree", local / "n", **limits),
}


def fill(line, local, size):
    content = os.urandom(size)
    (line.root / "tree").mkdir()
    for path in (line.root / "down", line.root / "tree" / "file", local / "up"):
        path.write_bytes(content)


@pytest.mark.parametrize("call", CALLS)
def test_a_transfer_that_stalls_is_over_after_its_timeout_however_large_it_is(line, local, call):
    fill(line, local, 1_000_000)
    line.client.list_files("/")
    line.stalls_after = line.moved + 200_000
    with pytest.raises(TimeoutError) as raised:
        CALLS[call](line.client, local, timeout=500)
    assert raised.value.errno and "500 ms" in str(raised.value)


@pytest.mark.parametrize("call", CALLS)
def test_a_transfer_that_is_slow_and_gets_on_is_not_ended(line, local, call):
    fill(line, local, 160_000)
    line.client.list_files("/")
    line.pause, line.piece = 0.25, 16384
    if line.client._settings[4] == 1:
        # Each chunk has a round trip of its own.
        line.pause = 0.02
    began = time.monotonic()
    CALLS[call](line.client, local, timeout=TIMEOUT)
    # Otherwise the test would show nothing of it.
    assert line.client._settings[4] == 1 or time.monotonic() - began > TIMEOUT / 1000


@pytest.mark.parametrize("call", CALLS)
def test_a_deadline_ends_what_gets_on_as_well(line, local, call):
    fill(line, local, 600_000)
    line.client.list_files("/")
    line.pause, line.piece = 0.25, 16384
    with pytest.raises(TimeoutError) as raised:
        CALLS[call](line.client, local, timeout=60_000, deadline=700)
    assert "700 ms" in str(raised.value)


def test_a_server_that_is_stopped_is_a_stall_of_other_calls_too(line):
    (line.root / "tree" / "deep").mkdir(parents=True)
    line.client.list_files("/")
    line.goes.clear()
    with pytest.raises(TimeoutError):
        line.client.list_files("/tree", 300)
    with pytest.raises(TimeoutError):
        line.client.list_files("/tree/deep", deadline=300)


def test_the_limits_of_a_client_are_those_of_its_calls(line, local):
    fill(line, local, 1_000_000)
    _, _, token, *_ = line.client._settings
    slow = Client("127.0.0.1", line.port, token, protocol=line.client._settings[4], timeout=60_000, deadline=700)
    line.pause, line.piece = 0.25, 16384
    with pytest.raises(TimeoutError):
        slow.upload_file(local / "up", "/")


def test_time_in_a_callback_is_no_stall(client, local):
    (local / "up").write_bytes(bytes(2000))
    calls = []

    def process_chunk(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            threading.Event().wait(1.5 * TIMEOUT / 1000)
        return True

    client.upload_file(local / "up", "/", process_chunk=process_chunk, timeout=TIMEOUT)
    assert len(calls) == 4


def test_waiting_for_others_is_no_progress(server, root, local):
    (local / "up").write_bytes(bytes(3_000_000))
    begun, ends = threading.Event(), threading.Event()

    def process_chunk(chunk, remaining, *_):
        # The server has begun with it by then.
        if remaining < 1_000_000:
            begun.set()
            ends.wait()
        return True

    with server.client() as first, server.client() as second, ThreadPoolExecutor(1) as pool:
        holding = pool.submit(first.upload_file, local / "up", "/", "x", 8192, process_chunk)
        begun.wait()
        try:
            with pytest.raises(TimeoutError):
                second.upload_file(local / "up", "/", "x", on_conflict="replace", timeout=1000)
        finally:
            ends.set()
        holding.result()


@pytest.mark.parametrize("wrong", [0, 0.5, -1, -0.0, float("nan"), True, False, "100", b"1", [1]])
@pytest.mark.parametrize("name", ["timeout", "deadline"])
def test_a_limit_that_is_no_number_of_milliseconds_is_refused(client, root, local, name, wrong):
    (local / "up").touch()
    (root / "down").touch()
    kinds = (TypeError,) if isinstance(wrong, (bool, str, bytes, list)) else (ValueError,)
    calls = [
        lambda **limit: Client("localhost", 1, generate_token(), **limit),
        lambda **limit: client.list_files("/", **limit),
        lambda **limit: client.create_file("x", "/", **limit),
        lambda **limit: client.make_directory("x", "/", **limit),
        lambda **limit: client.make_directories("/x", **limit),
        lambda **limit: client.delete_file("/down", **limit),
        lambda **limit: client.rename("/down", "/x", **limit),
        lambda **limit: client.stat("/down", **limit),
        lambda **limit: client.exists("/down", **limit),
        lambda **limit: client.read_bytes("/down", **limit),
        lambda **limit: client.write_bytes("/x", b"", **limit),
        lambda **limit: client.status(**limit),
        lambda **limit: client.usage(**limit),
    ]
    calls += [lambda call=call, **limit: call(client, local, **limit) for call in CALLS.values()]
    (root / "tree").mkdir()
    for call in calls:
        with pytest.raises(kinds):
            call(**{name: wrong})
    assert sorted(os.listdir(root)) == ["down", "tree"]


def test_a_call_that_is_interrupted_says_so_with_its_number(client):
    context, interrupt = contextvars.copy_context(), Interrupt()
    context.run(INTERRUPT.set, interrupt)
    interrupt.trigger()
    with pytest.raises(InterruptedError) as raised:
        context.run(client.list_files, "/")
    assert raised.value.errno == errno.EINTR
