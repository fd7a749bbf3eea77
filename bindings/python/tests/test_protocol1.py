"""Tests of what the documentation says of protocol 1, seen by a program that speaks it, and by a client whose server breaks it."""

import logging
import pickle
import threading

import pytest

from remofile import (
    BadRequestError,
    Client,
    CorruptedResponse,
    Server,
    UnexpectedError,
    download_files,
    generate_token,
    upload_files,
)
from remofile.protocol import Reason, Request, Response, State

pytestmark = pytest.mark.one_version

zmq = pytest.importorskip("zmq")


def test_the_names_of_the_documentation_are_members():
    names = """FILE_LISTED FILE_CREATED DIRECTORY_CREATED INVALID_FILE_NAME FILE_NOT_FOUND FILE_ALREADY_EXISTS NOT_A_FILE
        NOT_A_DIRECTORY INCORRECT_FILE_SIZE INCORRECT_CHUNK_SIZE TRANSFER_ACCEPTED CHUNK_ACCEPTED CHUNK_SENT TRANSFER_COMPLETED
        TRANSFER_CANCELLED BAD_REQUEST UNKNOWN_ERROR INVALID_FILE_SIZE INVALID_CHUNK_SIZE CHUNK_RECEIVED FILES_LISTED"""
    assert all(name in Reason.__members__ for name in names.split())
    assert Reason.FILE_LISTED is Reason.FILES_LISTED and Reason.CHUNK_ACCEPTED is Reason.CHUNK_RECEIVED
    assert len(Reason) == 17 and Reason(12).name == "CHUNK_RECEIVED"
    assert [state.name for state in State] == ["IDLE", "UPLOAD", "DOWNLOAD", "DELETE"]
    assert pickle.loads(pickle.dumps(Reason.INVALID_CHUNK_SIZE)) is Reason.INCORRECT_CHUNK_SIZE


class Speaker:
    """A client of protocol 1, one request after the other."""

    def __init__(self, port, token):
        self._socket = zmq.Context.instance().socket(zmq.REQ)
        self._socket.identity = token.encode()
        self._socket.linger = 0
        self._socket.connect(f"tcp://127.0.0.1:{port}")

    def ask(self, *request):
        self._socket.send(request[0] if isinstance(request[0], bytes) else pickle.dumps(request))
        assert self._socket.poll(30_000)
        return tuple(pickle.loads(self._socket.recv()))

    def close(self):
        self._socket.close()


@pytest.fixture
def speaker(server):
    speaker = Speaker(server.port, server._token)
    yield speaker
    speaker.close()


BAD_REQUEST = (Response.ERROR, Reason.BAD_REQUEST)


@pytest.mark.parametrize(
    "chunk", [(b"",), (b"x" * 511,), (b"x" * 513,), ("text",), (7,), (None,), ([1],), ({1: object},), (), (b"x" * 512, b"y"), (1.5,)]
)
@pytest.mark.parametrize("before", [0, 1])
def test_a_refused_chunk_returns_the_server_to_idle(speaker, root, chunk, before):
    assert speaker.ask(Request.UPLOAD_FILE, "up", "/", 2048, 512) == (Response.ACCEPTED, Reason.TRANSFER_ACCEPTED)
    for _ in range(before):
        assert speaker.ask(Request.SEND_CHUNK, b"x" * 512) == (Response.ACCEPTED, Reason.CHUNK_RECEIVED)
    assert speaker.ask(Request.SEND_CHUNK, *chunk) == BAD_REQUEST
    # Of the upload nothing is left, and another can begin.
    assert speaker.ask(Request.SEND_CHUNK, b"x" * 512) == BAD_REQUEST
    assert speaker.ask(Request.CANCEL_TRANSFER) == BAD_REQUEST
    assert speaker.ask(Request.CREATE_FILE, "up", "/") == (Response.ACCEPTED, Reason.FILE_CREATED)
    assert {path.name for path in root.iterdir()} - {".remofile"} == {"up"}


def test_other_requests_in_an_upload_leave_it(speaker, root):
    speaker.ask(Request.UPLOAD_FILE, "up", "/", 512, 512)
    for request in [(Request.RECEIVE_CHUNK,), (Request.CREATE_FILE, "x", "/"), (b"no pickle",), (Request.DOWNLOAD_FILE, "x")]:
        assert speaker.ask(*request) == BAD_REQUEST
    assert speaker.ask(Request.SEND_CHUNK, b"x" * 512) == (Response.ACCEPTED, Reason.TRANSFER_COMPLETED)
    assert (root / "up").read_bytes() == b"x" * 512


def test_a_file_is_made_of_content_and_none_is_replaced(server, root):
    with server.client(protocol=1) as client:
        for size in (0, 5, 100_000):
            client.write_bytes(f"/{size}", b"x" * size)
            assert (root / f"{size}").read_bytes() == b"x" * size
        client.path("/text").write_text("text")
        for replace in (True, False):
            with pytest.raises(OSError):
                client.write_bytes("/5", b"other", replace=replace)
    assert (root / "text").read_text() == "text" and (root / "5").read_bytes() == b"xxxxx"


@pytest.mark.parametrize("protocol", [1, 2])
@pytest.mark.parametrize("sizes", [(512, 8192), (1024, 4096), (16, 128), (16384, 1 << 20), (1000, 1000)])
def test_chunks_have_a_size_in_the_server_s_range(tmp_path, local, protocol, sizes):
    least, most = sizes
    root = tmp_path / "root"
    root.mkdir()
    (local / "d").mkdir()
    for path in (local / "up", local / "d" / "file", root / "down"):
        path.write_bytes(b"x" * 3000)
    token = generate_token()
    with Server(root, token, chunk_size_range=sizes) as server, Client("127.0.0.1", server.port, token, protocol=protocol) as client:
        calls = [
            lambda **chunk: client.upload_file(local / "up", "/", **chunk),
            lambda **chunk: client.upload_directory(local / "d", "/", **chunk),
            lambda **chunk: client.download_file("/down", local, **chunk),
            lambda **chunk: upload_files(client, "up", "/", local, overwrite=True, **chunk),
            lambda **chunk: download_files(client, "down", local, overwrite=True, **chunk),
        ]
        before = sorted(tmp_path.rglob("*"))
        for call in calls:
            for wrong in (least - 1, most + 1):
                with pytest.raises(ValueError):
                    call(chunk_size=wrong)
        assert [path for path in sorted(tmp_path.rglob("*")) if path not in before and ".remofile" not in path.parts] == []
        if sizes != (1000, 1000) or protocol == 2:
            # What nobody has chosen suits every server.
            client.upload_file(local / "up", "/", "any")
            client.download_file("/any", local)
        seen = []
        for call in calls:
            for chunk_size in {least, most}:
                for path in (root / "up", root / "d" / "file", local / "down"):
                    path.unlink(missing_ok=True)
                if (root / "d").exists():
                    (root / "d").rmdir()
                call(chunk_size=chunk_size, process_chunk=lambda chunk, *_: seen.append(len(chunk)) or True)
                assert max(seen) == min(chunk_size, 3000)
                seen.clear()


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "512", None, 1 << 40])
def test_what_is_no_size_of_a_chunk_is_refused(client, local, wrong):
    (local / "up").touch()
    with pytest.raises((TypeError, ValueError)):
        client.upload_file(local / "up", "/", chunk_size=wrong)


class Fake:
    """A server of protocol 1 that lists an empty root, and answers everything else as it is told."""

    def __init__(self, *answers, listed=None):
        self._socket = zmq.Context.instance().socket(zmq.ROUTER)
        self._socket.linger = 0
        # A client that connects anew is the same, be it that the end of its former connection was not seen yet.
        self._socket.router_handover = 1
        self.port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self._answers = list(answers)
        self._listed = listed or {}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while not self._ends.is_set():
            if not self._socket.poll(20):
                continue
            identity, empty, body = self._socket.recv_multipart()
            request = pickle.loads(body)
            answer = (Response.ACCEPTED, Reason.FILES_LISTED, self._listed)
            if request[0] != Request.LIST_FILES:
                answer = self._answers.pop(0) if self._answers else (Response.ERROR, Reason.BAD_REQUEST)
            answer = answer if isinstance(answer, bytes) else pickle.dumps(answer)
            self._socket.send_multipart([identity, empty, answer])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()
        self._socket.close()


CALLS = {
    "create_file": lambda client, local: client.create_file("x", "/"),
    "make_directory": lambda client, local: client.make_directory("x", "/"),
    "delete_file": lambda client, local: client.delete_file("/there"),
    "upload_file": lambda client, local: client.upload_file(local / "up", "/"),
    "upload_directory": lambda client, local: client.upload_directory(local, "/"),
    "download_file": lambda client, local: client.download_file("/there", local),
    "read_bytes": lambda client, local: client.read_bytes("/there"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "answer, expected",
    [
        ((Response.ERROR, Reason.BAD_REQUEST), BadRequestError),
        (b"no pickle", CorruptedResponse),
        ((Response.ACCEPTED, Reason.CHUNK_SENT), CorruptedResponse),
        ((9, 9), CorruptedResponse),
        ((), CorruptedResponse),
        ((Response.REFUSED, Reason.FILES_LISTED), CorruptedResponse),
        ((Response.ERROR, Reason.UNKNOWN_ERROR), CorruptedResponse),
        ((Response.ERROR, Reason.UNKNOWN_ERROR, "the reason"), UnexpectedError),
    ],
    ids=["bad-request", "no-pickle", "of-another-request", "numbers", "empty", "contradiction", "no-message", "unknown"],
)
def test_an_answer_that_breaks_the_protocol_has_its_exception(local, call, answer, expected):
    (local / "up").write_bytes(b"content")
    with Fake(answer, listed={"there": (False, 7, 0.0)}) as fake:
        client = Client("127.0.0.1", fake.port, generate_token(), protocol=1)
        with pytest.raises(expected) as raised:
            CALLS[call](client, local)
        assert type(raised.value) is expected and str(raised.value)
        if expected is CorruptedResponse:
            assert raised.value.message and raised.value.error
        if expected is UnexpectedError:
            assert "the reason" in raised.value.message
        # The client is of use still.
        assert list(client.list_files("/")) == ["there"]
        client.close()


def test_attempts_are_logged_and_told_in_the_end(server, local, caplog):
    (local / "up").write_bytes(bytes(5_000_000))

    def process_chunk(chunk, remaining, *_):
        if remaining < 3_000_000 and server.is_running:
            threading.Thread(target=server.stop).start()
            while server.is_running:
                threading.Event().wait(0.01)
        return True

    client = server.client()
    with caplog.at_level(logging.DEBUG, "remofile"), pytest.raises(ConnectionResetError) as raised:
        client.upload_file(local / "up", "/", chunk_size=8192, process_chunk=process_chunk, retries=2)
    assert raised.value.errno and "tried 2 times more within" in str(raised.value)
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [line.rpartition("; ")[2] for line in lines] == ["attempt 1 of 2", "attempt 2 of 2"]


def test_both_paths_are_told_where_two_are_meant(client, root):
    (root / "taken").touch()
    (root / "file").touch()
    for source, destination, kind in [("/none", "/x", FileNotFoundError), ("/file", "/taken", FileExistsError)]:
        with pytest.raises(kind) as raised:
            client.rename(source, destination)
        assert (raised.value.filename, raised.value.filename2) == (source, destination)
        assert raised.value.errno and source in str(raised.value) and destination in str(raised.value)
