"""The server: its properties, its life, and ZeroMQ sockets of others."""

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
import zmq

from remofile import Client, FileNameError, Server, generate_keys, generate_token
from remofile._remofile import take_logs, wait_for_logs
from remofile.protocol import Reason, Request, Response

TOKEN = generate_token()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def running(server, port, **options):
    thread = threading.Thread(target=server.run, args=(port,), kwargs=options)
    thread.start()
    return thread


def test_properties_are_checked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    server = Server(tmp_path.name, TOKEN)
    assert server.root_directory == tmp_path and server.file_size_limit == 2**63 - 1
    assert server.chunk_size_range == (512, 8192)
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(NotADirectoryError):
            server.root_directory = wrong
        with pytest.raises(NotADirectoryError):
            Server(wrong, TOKEN)
    for wrong in (0, -1):
        with pytest.raises(ValueError):
            server.file_size_limit = wrong
        with pytest.raises(ValueError):
            server.chunk_size_range = (wrong, 5)
    with pytest.raises(ValueError):
        server.file_size_limit = 2**64
    with pytest.raises(ValueError):
        server.chunk_size_range = (1, 2**32)
    with pytest.raises(TypeError):
        server.file_size_limit = 1.5
    with pytest.raises(TypeError):
        server.chunk_size_range = (1.5, 5)
    with pytest.raises(ValueError):
        Server(tmp_path, TOKEN, b"no key")
    for wrong in ({"session_memory": 1}, {"session_memory": 1 << 26, "server_memory": 1 << 25}):
        with pytest.raises(ValueError):
            Server(tmp_path, TOKEN, **wrong)
    Server(tmp_path, TOKEN, session_memory=1 << 25, server_memory=1 << 25)
    server.file_size_limit, server.chunk_size_range = 5, (1, 2)
    assert (server.file_size_limit, server.chunk_size_range) == (5, (1, 2))


def test_a_server_admits_the_names_of_its_rule_in_every_call(tmp_path):
    root, local = tmp_path / "root", tmp_path / "local"
    for directory in (root / "d:r", local / "d:l"):
        directory.mkdir(parents=True)
        (directory / "q*q").touch()
    (root / "f:r").touch()
    (local / "f:l").touch()
    with Server(root, TOKEN, names="posix") as server, server.client() as client:
        client.create_file("a:b", "/")
        client.delete_file("a:b", "/")
        client.make_directory("c:d", "/")
        client.upload_file(local / "f:l", "/")
        client.upload_file(local / "f:l", "/", "other:name")
        client.upload_directory(local / "d:l", "/")
        client.download_file("/f:r", local)
        client.download_directory("/d:r", local)
    assert {"c:d", "f:l", "other:name", "d:l"} <= set(os.listdir(root)) and "a:b" not in os.listdir(root)
    assert (root / "d:l" / "q*q").exists() and (local / "d:r" / "q*q").exists() and (local / "f:r").exists()
    # Names that were there before are no reason not to fetch them.
    with Server(root, TOKEN) as server, server.client() as client:
        client.download_file("/f:r", local / "d:l")
        for call in (client.upload_file, client.upload_directory):
            with pytest.raises(FileNameError):
                call(local / ("f:l" if call == client.upload_file else "d:l"), "/c:d")
        assert os.listdir(root / "c:d") == []
    assert (local / "d:l" / "f:r").exists()


def test_limits_of_sessions_are_checked(tmp_path):
    for wrong in ({"idle_timeout": 0}, {"max_hold": -1}, {"max_hold": float("nan")}, {"max_sessions": 0}):
        with pytest.raises(ValueError):
            Server(tmp_path, TOKEN, **wrong)
    Server(tmp_path, TOKEN, idle_timeout=0.5, max_hold=float("inf"), max_sessions=1)


@pytest.mark.parametrize("protocol", [1, 2])
def test_idle_clients_make_room_and_come_back(tmp_path, protocol):
    with Server(tmp_path, TOKEN, max_sessions=1, idle_timeout=1e-9) as server:
        clients = [Client("localhost", server.port, TOKEN, protocol=protocol) for _ in range(3)]
        for turn in range(3):
            for number, client in enumerate(clients):
                client.create_file(f"{turn}-{number}", "/")
        assert len(clients[0].list_files("/")) == 9


def test_nothing_changes_while_it_runs(tmp_path):
    with Server(tmp_path, TOKEN) as server:
        for name, value in (("root_directory", tmp_path), ("file_size_limit", 5), ("chunk_size_range", (1, 2))):
            with pytest.raises(RuntimeError):
                setattr(server, name, value)
        with pytest.raises(RuntimeError):
            server.run(free_port())


def test_it_runs_until_it_is_terminated_by_another_thread(tmp_path):
    server, port = Server(tmp_path, TOKEN), free_port()
    with pytest.raises(RuntimeError):
        server.terminate()
    for _ in range(2):
        thread = running(server, port)
        Client("localhost", port, TOKEN).list_files("/", 60_000)
        server.terminate()
        thread.join(5)
        assert not thread.is_alive()
    with pytest.raises(RuntimeError):
        server.terminate()


def test_a_port_that_is_taken_is_a_runtime_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for address in ("127.0.0.1", "192.0.2.1", "no such host"):
            with pytest.raises(RuntimeError):
                Server(tmp_path, TOKEN).run(taken.getsockname()[1], address)


def test_a_signal_handler_terminates_it(tmp_path):
    server = Server(tmp_path, TOKEN)
    before = signal.signal(signal.SIGALRM, lambda *_: server.terminate())
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        server.run(free_port(), "127.0.0.1")
    finally:
        signal.signal(signal.SIGALRM, before)


def test_ctrl_c_ends_it_as_documented(tmp_path):
    server, port = Server(tmp_path, TOKEN), free_port()
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        server.run(port)
    except KeyboardInterrupt:
        server.terminate()
    else:
        raise AssertionError
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not server.is_running
    socket.create_server(("127.0.0.1", port)).close()


def test_it_runs_in_a_process_that_was_forked(tmp_path):
    server, port = Server(tmp_path, TOKEN), free_port()
    context = multiprocessing.get_context("fork")
    has_ended = context.Event()

    def run():
        has_ended.wait(60)
        server.run(port)

    with server:  # Running here, when the process was forked, does not keep it from running there.
        process = context.Process(target=run)
        process.start()
    has_ended.set()
    Client("localhost", port, TOKEN).create_file("foo", "/", 60_000)
    process.terminate()
    process.join()
    assert os.listdir(tmp_path).count("foo") == 1


def test_keys_prove_the_server(tmp_path):
    public, private = generate_keys()
    with Server(tmp_path, TOKEN, private) as server:
        with server.client(public_key=public) as client:
            client.create_file("foo", "/")
        with server.client(public_key=generate_keys()[0]) as client, pytest.raises(PermissionError):
            client.list_files("/")


def test_it_serves_a_zeromq_socket_of_others(tmp_path):
    (tmp_path / "foo").write_bytes(b"content")
    server = Server(tmp_path, TOKEN)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router, context.socket(zmq.REQ) as requests:
        port = router.bind_to_random_port("tcp://127.0.0.1")
        thread = threading.Thread(target=server.run_on, args=(router,))
        thread.start()
        requests.setsockopt(zmq.IDENTITY, TOKEN.encode())
        requests.setsockopt(zmq.RCVTIMEO, 60_000)
        requests.connect(f"tcp://127.0.0.1:{port}")
        requests.send_pyobj((Request.LIST_FILES, "/"))
        answer = requests.recv_pyobj()
        assert answer[:2] == (Response.ACCEPTED, Reason.FILES_LISTED) and answer[2]["foo"][:2] == (False, 7)
        server.terminate()
        thread.join(5)
        assert not thread.is_alive()


def test_it_handles_frames_without_a_socket(tmp_path):
    import pickle

    server = Server(tmp_path, TOKEN)
    request = pickle.dumps((Request.LIST_FILES, "/"))
    [(identity, frames)] = server.handle(TOKEN.encode(), [b"", request])
    assert identity == TOKEN.encode() and pickle.loads(frames[-1])[0] == Response.ACCEPTED
    assert isinstance(server.fileno(), int)
    server.terminate()


def test_guesses_from_one_address_keep_out_nobody_from_another(tmp_path):
    import pickle

    server = Server(tmp_path, "my-custom-token")
    request = [b"", pickle.dumps((Request.LIST_FILES, "/"))]
    said = [server.handle(b"wrong", request, "192.0.2.1") for _ in range(50)][-1]
    assert any("too many" in str(pickle.loads(frames[-1])) for _, frames in said)
    for address in ("192.0.2.2", "fe80::1%eth0", None):
        [(identity, frames)] = [
            message for message in server.handle(b"my-custom-token", request, address) if message[0] != b"wrong"
        ]
        assert pickle.loads(frames[-1])[0] == Response.ACCEPTED
    server.terminate()


@contextlib.contextmanager
def refusals():
    """An event that is set when somebody was refused, as the log tells."""
    refused = threading.Event()

    class Waiting(logging.Handler):
        def emit(self, record):
            if "refused" in record.getMessage():
                refused.set()

    logger, handler = logging.getLogger("remofile"), Waiting()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield refused
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_what_a_server_in_the_background_logs_comes_to_the_logger(tmp_path):
    for _ in range(2):
        with refusals() as refused, Server(tmp_path, TOKEN) as server:
            with pytest.raises(PermissionError):
                Client("localhost", server.port, generate_token()).list_files("/", 60_000)
            assert refused.wait(60)


def test_a_process_that_is_forked_while_something_is_logged_can_log_as_well(tmp_path):
    class Writing(logging.Handler):
        """Has a lock while it writes, as a buffered file has."""

        def __init__(self):
            super().__init__()
            self.file, self.begun, self.is_forking = threading.Lock(), threading.Event(), threading.Event()

        def emit(self, record):
            with self.file:
                self.begun.set()
                assert self.is_forking.wait(60)
                for _ in range(1000):
                    os.sched_yield()

    logger, handler = logging.getLogger("remofile"), Writing()
    with refusals(), Server(tmp_path, TOKEN) as server:
        # The last function that is registered is called first.
        os.register_at_fork(before=handler.is_forking.set)
        logger.addHandler(handler)
        try:
            with Client("localhost", server.port, TOKEN) as client:
                client.list_files("/", 60_000)
                assert handler.begun.wait(60)
                child = os.fork()
                if child == 0:
                    os._exit(handler.file.locked())
        finally:
            logger.removeHandler(handler)
    assert os.waitpid(child, 0)[1] == 0


def test_a_process_that_is_forked_while_the_queue_of_lines_is_in_use_has_one_of_its_own():
    ended = threading.Event()

    def use():
        # It has the lock of the queue while other threads have the interpreter.
        while not ended.is_set():
            wait_for_logs(0)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(300):
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                take_logs()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("in_background", [True, False])
def test_a_handler_that_raises_ends_neither_a_server_nor_the_log(tmp_path, in_background, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    server, failed = Server(tmp_path, TOKEN), threading.Event()

    class Failing(logging.Handler):
        def emit(self, record):
            if "session opened" in record.getMessage():
                failed.set()
                raise RuntimeError("mine")

    logger, handler = logging.getLogger("remofile"), Failing()
    with refusals() as refused:
        logger.addHandler(handler)
        thread = None if in_background else running(server, free_port())
        if in_background:
            server.start()
        try:
            while not server._ports:
                threading.Event().wait(0.01)
            with Client("localhost", server.port, TOKEN) as client:
                client.list_files("/", 60_000)
                assert failed.wait(60)
                with pytest.raises(PermissionError):
                    Client("localhost", server.port, generate_token()).list_files("/", 60_000)
                assert refused.wait(60)
        finally:
            logger.removeHandler(handler)
            server.stop() if in_background else server.terminate()
        if thread is not None:
            thread.join()


def test_the_interpreter_ends_while_a_server_runs_in_the_background(tmp_path):
    code = f"""
from remofile import Server, generate_token
server = Server({str(tmp_path)!r}, generate_token()).start()
print(list(server.client().list_files("/")))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "[]\n", "")


def test_what_the_server_logs_comes_to_the_logger(tmp_path):
    server, port = Server(tmp_path, TOKEN), free_port()
    with refusals() as refused:
        thread = running(server, port)
        with pytest.raises(PermissionError):
            Client("localhost", port, generate_token()).list_files("/", 60_000)
        assert refused.wait(60)
        server.terminate()
        thread.join()

