"""Tests of how the package behaves as a guest of a Python program."""

import contextlib
import math
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from remofile import (
    AsyncClient,
    Client,
    RemofilePath,
    Server,
    ServerBusyError,
    Tokens,
    generate_token,
    synchronize_upload,
)
from remofile._remofile import Interrupt
from remofile._settings import INTERRUPT, seconds_of, wait_of

IMPORT = """
import sys
import remofile
print(sorted({"asyncio", "zmq", "fsspec", "threading", "logging", "pathlib"} & set(sys.modules)))
"""


@contextlib.contextmanager
def interrupted_after(seconds):
    """Ctrl-C, some time from now."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def silent_port():
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_importing_does_no_work():
    run = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_ctrl_c_ends_a_call_that_waits(silent_port):
    client = Client("127.0.0.1", silent_port, generate_token())
    with interrupted_after(0.3):
        client.list_files("/")


def test_ctrl_c_leaves_a_partial_that_is_gone_on_with(client, root, local):
    (local / "big").write_bytes(os.urandom(1 << 20) * 24)
    with interrupted_after(0.7):
        synchronize_upload(client, local, "/copy", bytes_per_second=10_000_000)
    assert not (root / "copy" / "big").exists()
    report = synchronize_upload(client, local, "/copy")
    assert report.resumed_bytes > 0
    assert (root / "copy" / "big").read_bytes() == (local / "big").read_bytes()


def test_ctrl_c_during_an_upload_leaves_nothing_visible(client, root, local):
    (local / "big").write_bytes(os.urandom(1 << 20) * 64)
    with interrupted_after(0.2):
        client.upload_file(local / "big", "/", process_chunk=lambda *_: time.sleep(0.0005) or True)
    assert not (root / "big").exists()
    client.upload_file(local / "big", "/")
    assert (root / "big").read_bytes() == (local / "big").read_bytes()


def test_the_interpreter_is_free_while_a_call_waits(silent_port):
    client = Client("127.0.0.1", silent_port, generate_token())
    thread = threading.Thread(target=lambda: pytest.raises(TimeoutError, client.list_files, "/", 500))
    thread.start()
    turns = 0
    while thread.is_alive():
        turns += 1
        thread.join(0.001)
    assert turns > 2


@contextlib.contextmanager
def uploading(client, local):
    """An upload that goes on for two seconds, on a thread of its own."""
    began = threading.Event()
    (local / "big").write_bytes(bytes(30_000_000))
    options = {"bytes_per_second": 5_000_000, "deadline": 2000, "progress": lambda *_: began.set()}
    thread = threading.Thread(target=lambda: pytest.raises(TimeoutError, synchronize_upload, client, local, "/c", **options))
    thread.start()
    try:
        assert began.wait(60)
        yield thread
    finally:
        thread.join()


def test_a_client_is_for_many_threads(client, root):
    failed = []

    def work(number):
        try:
            for turn in range(10):
                client.create_file(f"{number}-{turn}", "/")
                assert f"{number}-{turn}" in client.list_files("/")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and len(os.listdir(root)) >= 80


def test_ctrl_c_ends_a_call_that_waits_for_its_turn(silent_port):
    client = Client("127.0.0.1", silent_port, generate_token(), timeout=1500)
    # More than a client makes at a time: none of them is answered.
    others = [threading.Thread(target=lambda: pytest.raises(TimeoutError, client.list_files, "/")) for _ in range(40)]
    for thread in others:
        thread.start()
    with interrupted_after(0.3):
        client.list_files("/", timeout=60_000)
    for thread in others:
        thread.join()


def test_the_time_of_a_call_that_waits_for_its_turn_goes_by(silent_port):
    client = Client("127.0.0.1", silent_port, generate_token(), timeout=20_000)
    interrupts, late = [], []

    def work():
        interrupts.append(Interrupt())
        INTERRUPT.set(interrupts[-1])
        with pytest.raises(InterruptedError):
            client.list_files("/")

    others = [threading.Thread(target=work) for _ in range(40)]
    for thread in others:
        thread.start()
    thread = threading.Thread(target=lambda: late.append(pytest.raises(TimeoutError, client.list_files, "/", 100)))
    thread.start()
    thread.join()
    with pytest.raises(TimeoutError):
        client.list_files("/", 100)
    assert late and all(other.is_alive() for other in others)
    # Those that wait and those at work: each is ended at once.
    for interrupt in interrupts:
        interrupt.trigger()
    for other in others:
        other.join()


@pytest.mark.parametrize("wait", [-1, float("-inf"), float("nan")])
def test_a_wait_that_is_no_time_is_refused(wait):
    with pytest.raises(ValueError, match="wait"):
        Client("localhost", 6768, generate_token(), wait=wait)


def test_a_client_is_pickled_by_its_settings(client):
    client.create_file("foo", "/")
    copy = pickle.loads(pickle.dumps(client))
    assert copy == client and list(copy.list_files("/")) == ["foo"]


def test_a_token_is_in_pickles_as_documented_and_shown_nowhere_else(client, server, caplog):
    token = server._token
    shown = []
    with caplog.at_level(1, logger="remofile"):
        copy = pickle.loads(pickle.dumps(client))
        copy.list_files("/")
        with pytest.raises(FileNotFoundError) as caught:
            copy.list_files("/none")
        wrong = Client("127.0.0.1", server.port, generate_token())
        with pytest.raises(Exception) as refused:
            wrong.list_files("/")
    for thing in (client, copy, server, RemofilePath(copy, "/a"), AsyncClient("127.0.0.1", server.port, str(token))):
        shown += [repr(thing), str(thing), repr(vars(thing)) if hasattr(thing, "__dict__") else ""]
    shown += [repr(copy._settings), str(caught.value), str(refused.value), caplog.text]
    assert not any(token in text or "".join(wrong._settings[2]) in text for text in shown)
    # Who unpickles a client connects as it does. What it needs for that is said where it is documented.
    for pickled in (client, server):
        assert str(token).encode() in pickle.dumps(pickled)
        assert "token" in type(pickled).__doc__ and "pickle" in type(pickled).__doc__
    assert type(pickle.loads(pickle.dumps(token))) is str


def test_a_fork_connects_anew_and_leaves_the_session_alone(client, server):
    client.list_files("/")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            client.create_file("child", "/")
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    client._connection.stat("/child", 1000, None)  # Over the session that was open all the time.
    assert list(client.list_files("/")) == ["child"]


def test_a_call_after_the_server_was_restarted_connects_again(tmp_path):
    from remofile import Server

    token = generate_token()
    server = Server(tmp_path, token).start()
    client = Client("127.0.0.1", server.port, token)
    client.list_files("/")
    port = server.port
    server.stop()
    server.start(port)
    client.create_file("foo", "/")
    assert list(client.list_files("/")) == ["foo"]
    server.stop()


def test_a_busy_server_names_who_uses_it(client, server, local):
    with uploading(client, local), server.client(wait=False) as other, pytest.raises(ServerBusyError) as raised:
        other.create_file("foo", "/c")
    assert raised.value.errno and raised.value.holders and "--" not in str(raised.value)
    with server.client(wait=60) as other:
        other.create_file("foo", "/c")


def test_a_callback_may_use_the_client_that_waits_for_it(client, root, local):
    (root / "foo").write_bytes(b"content")
    told = []

    def work(name):
        client.download_file("/foo", local, name + "1", process_chunk=lambda *_: client.exists("/foo"))
        client.download_file("/foo", local, name + "2", progress=lambda *_: told.append(client.exists("/foo")))

    work("main")
    # More threads at once than the client has turns: the calls of callbacks need none.
    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told and all(told) and len(list(local.iterdir())) == 50
    assert {path.read_bytes() for path in local.iterdir()} == {b"content"}


def test_a_callback_that_uses_a_client_of_protocol_1_that_waits_for_it_is_told_so(server, root, local):
    (root / "foo").write_bytes(b"content")
    with Client("127.0.0.1", server.port, server._token, protocol=1) as client, server.client() as other:
        with pytest.raises(RuntimeError, match="use another one"):
            client.download_file("/foo", local, process_chunk=lambda *_: client.exists("/foo"))
        client.download_file("/foo", local, process_chunk=lambda *_: other.exists("/foo"))
    assert (local / "foo").read_bytes() == b"content"


def test_a_callback_that_uses_a_client_without_another_session_is_told_so(tmp_path, local):
    tokens = Tokens()
    secret = tokens.add("alice", sessions=1)
    (tmp_path / "root").mkdir()
    (tmp_path / "root/foo").write_bytes(bytes(1_000_000))
    with Server(tmp_path / "root", tokens=tokens) as server, server.client(secret) as client:
        with client.open("/foo", "rb") as file:
            for inner in (lambda: client.exists("/foo"), file.read, lambda: client.write_bytes("/bar", b"")):
                with pytest.raises(RuntimeError, match="allows no session beside"):
                    client.download_file("/foo", local, process_chunk=lambda *_: inner())
        # On a thread that is not the main one the call waits for every callback.
        failed = []

        def work():
            try:
                client.download_file("/foo", local, "other", progress=lambda *_: client.exists("/foo"))
            except RuntimeError as error:
                failed.append(str(error))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert len(failed) == 1 and "allows no session beside" in failed[0]
        client.download_file("/foo", local)
    assert (local / "foo").read_bytes() == bytes(1_000_000)


def test_callbacks_of_several_threads_do_not_wait_for_each_other_without_sessions(tmp_path, local):
    tokens = Tokens()
    secret = tokens.add("alice", sessions=2)
    (tmp_path / "root").mkdir()
    (tmp_path / "root/foo").write_bytes(b"content")
    both, told = threading.Barrier(2), []
    with Server(tmp_path / "root", tokens=tokens) as server, server.client(secret) as client:
        def look(*_):
            both.wait()
            return client.exists("/foo")

        def work(name):
            try:
                client.download_file("/foo", local, name, process_chunk=look)
                told.append("done")
            except RuntimeError as error:
                told.append(str(error))

        threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(told)[0] == "done" and "allows no session beside" in sorted(told)[1]


def test_a_file_that_nobody_closed_is_no_error_at_the_end_of_the_program(client, server, root):
    (root / "foo").write_bytes(b"content")
    program = """
import pickle, sys
client = pickle.load(sys.stdin.buffer)
file = client.open("/foo")
print(file.read())
"""
    run = subprocess.run([sys.executable, "-c", program], input=pickle.dumps(client), capture_output=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"content\n", b"")


def test_calls_of_several_threads_are_made_beside_each_other(client, local):
    with uploading(client, local) as upload:
        client.create_file("foo", "/")
        assert upload.is_alive()


def test_a_token_with_fewer_sessions_than_threads_is_enough(tmp_path):
    tokens = Tokens()
    secret = tokens.add("alice", sessions=2)
    with Server(tmp_path, tokens=tokens) as server, server.client(secret) as client:
        failed = []

        def work(number):
            try:
                for turn in range(5):
                    client.write_bytes(f"/{number}-{turn}", b"content")
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed and len(client.list_files("/")) == 60


def test_progress_is_told_to_bars_and_functions(client, local):
    tqdm = pytest.importorskip("tqdm").tqdm
    (local / "big").write_bytes(bytes(3_000_000))
    with tqdm(file=open(os.devnull, "w")) as bar:
        client.upload_file(local / "big", "/", progress=bar)
        assert bar.n == bar.total == 3_000_000
    told = []
    client.download_file("/big", local, "back", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (3_000_000, 3_000_000)


def test_what_others_chose_is_harmless_in_logs_and_exceptions(client, local, caplog):
    import logging

    hostile = "evil\u202etxt\u2066\u200b\u2028.exe"
    (local / hostile).write_bytes(b"content")
    with caplog.at_level(logging.DEBUG, "remofile"):
        client.upload_file(local / hostile, "/")
    told = [record.getMessage() for record in caplog.records]
    assert any("evil\\u{202e}txt" in line for line in told), told
    assert all(line.isprintable() for line in told), told
    with pytest.raises(FileNotFoundError) as raised:
        client.open(f"/{hostile}.missing")
    assert str(raised.value).isprintable() and hostile in raised.value.filename


def test_every_file_is_logged(client, server, caplog):
    import logging

    with caplog.at_level(logging.DEBUG, "remofile"):
        client.upload_file(__file__, "/")
    assert any("test_manners.py" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("wait", "seconds"), [(None, None), (0, 0.0), (False, 0.0), (True, math.inf), (2.5, 2.5), (7, 7.0)]
)
def test_a_wait_is_a_number_of_seconds_or_whether_to_wait(wait, seconds):
    assert seconds_of(wait) == seconds


def test_the_wait_of_the_environment_is_that_of_the_command():
    assert [wait_of(text) for text in (None, "", "0", "90", "90s", "5m", "forever")] == [None, None, 0, 90, 90, 300, True]
    for text in ("soon", "-1", "1.5", "s"):
        with pytest.raises(ValueError, match="REMOFILE_WAIT"):
            wait_of(text)
