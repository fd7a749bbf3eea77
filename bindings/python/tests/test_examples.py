"""The examples of the documentation, as they stand there but for host, port and paths."""

import base64
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

from remofile import AuthenticationError, Client, MissingRightError, Server, synchronize_download, synchronize_upload

TOKEN = "qRkVWJcFRqi7rsNMbagaDd"


@pytest.fixture
def port(tmp_path, monkeypatch):
    """The guide's server: `server.run(port)` in the directory that holds `my-directory`."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("my-directory")
    with Server("my-directory", TOKEN) as probe:
        port = probe.port

    from remofile import Server as DocumentedServer

    server = DocumentedServer("my-directory", "qRkVWJcFRqi7rsNMbagaDd")
    thread = threading.Thread(target=server.run, args=(port,))
    thread.start()
    Client("localhost", port, TOKEN).list_files("/", 60_000)
    yield port
    server.terminate()
    thread.join()


@pytest.fixture
def environment(port, monkeypatch):
    monkeypatch.setenv("REMOFILE_HOSTNAME", "localhost")
    monkeypatch.setenv("REMOFILE_PORT", str(port))
    monkeypatch.setenv("REMOFILE_TOKEN", TOKEN)


def test_remofile_from_python_code(port):
    from remofile import Client

    with open("foo", "w") as file:
        file.write("foo")
    client = Client("localhost", port, "qRkVWJcFRqi7rsNMbagaDd")
    client.list_files("/")
    client.make_directory("bar", "/")
    client.upload_file("foo", "/bar")
    os.mkdir("back")
    client.download_file("/bar/foo", "back")
    assert open("back/foo").read() == "foo"


def test_synchronizing_directories(port, environment):
    os.mkdir("foo")
    open("foo/file", "w").close()

    from remofile import Client, synchronize_download, synchronize_upload

    client = Client("localhost", port)
    synchronize_upload("foo", "bar")
    synchronize_download("bar", "foo")
    synchronize_upload(client, "foo", "/bar")
    synchronize_download(client, "/bar", "foo")
    assert os.listdir("my-directory/bar") == ["file"]


def test_remofile_is_embeddable(port, environment, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    monkeypatch.chdir(tmp_path / "other")

    from remofile import Client, synchronize_upload

    client = Client("localhost", port, "qRkVWJcFRqi7rsNMbagaDd")
    synchronize_upload(os.getcwd(), "/")
    assert client.list_files("/").keys() >= {"file"}


def test_the_client_of_the_environment(port, environment):
    assert Client.from_environment().list_files("/") == {}


def test_without_an_environment_there_is_no_client(monkeypatch):
    for name in ("HOSTNAME", "PORT", "TOKEN"):
        monkeypatch.delenv(f"REMOFILE_{name}", raising=False)
    for call in (
        lambda: Client("localhost", 6768),
        Client.from_environment,
        lambda: synchronize_upload(".", "/"),
        lambda: synchronize_download("/", "."),
    ):
        with pytest.raises(ValueError):
            call()


def test_dealing_with_errors(port):
    from remofile import RemofileException

    client = Client("localhost", port, TOKEN)
    handled = []
    try:
        client.upload_file("missing", "/")
    except RemofileException:
        handled.append(True)
    assert handled


@pytest.mark.parametrize("direction", ["upload", "download"])
def test_displaying_progress(port, capsys, direction):
    def display_progress(chunk_data, remaining_bytes, file_size, file_name):
        chunk_size = 512
        progress = (file_size - (remaining_bytes - len(chunk_data))) / file_size * 100

        sys.stdout.write("\r{0:0.2f}% | {1}".format(progress, file_name))
        sys.stdout.flush()

        if remaining_bytes <= chunk_size:
            sys.stdout.write("\n")

        return True

    client = Client("localhost", port, TOKEN)
    with open("foo", "wb") as file:
        file.write(bytes(1024))
    client.upload_file("foo", "/", process_chunk=display_progress if direction == "upload" else None)
    if direction == "download":
        client.download_file("/foo", ".", "back", 512, display_progress)
    assert capsys.readouterr().out == "\r50.00% | foo\r100.00% | foo\n"


def test_the_listing_of_the_reference(port):
    client = Client("localhost", port, TOKEN)
    client.create_file("foo.bin", "/")
    client.make_directory("bar", "/")
    for is_directory, size, time in client.list_files("/").values():
        assert size == 0 and time > 1e9 and isinstance(is_directory, bool)


EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"


@contextlib.contextmanager
def running(name, *arguments):
    """An example that runs, and the lines that it prints."""
    command = [sys.executable, EXAMPLES / name, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout
        finally:
            process.terminate()


def test_the_web_application_hands_out_tokens_for_an_hour(tmp_path):
    with running("web_tokens.py", tmp_path, 0) as lines:
        url = lines.readline().strip()
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(url)
        assert raised.value.code == 401
        told = [ask_for_token(url, user) for user in ("alice:wonderland", "bob:builder")]
        alice, bob = (Client("127.0.0.1", each["port"], each["token"]) for each in told)
        alice.write_bytes("/diary", b"dear diary")
        assert list(alice.list_files("/")) == ["diary"] and bob.list_files("/") == {}
        assert (tmp_path / "alice" / "diary").read_bytes() == b"dear diary"
        again = ask_for_token(url, "alice:wonderland")
        with pytest.raises(AuthenticationError):
            while True:  # It ends within a moment.
                alice.list_files("/")
        assert Client("127.0.0.1", again["port"], again["token"]).exists("/diary")


def ask_for_token(url, user):
    proof = base64.b64encode(user.encode()).decode()
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Basic {proof}"})) as answer:
        return json.load(answer)


def test_the_drop_box_takes_files_and_shows_them_to_its_keeper_alone(tmp_path):
    with Server(tmp_path, TOKEN) as probe:
        port = probe.port
    with running("drop_box.py", tmp_path, port) as lines:
        putting, fetching = (lines.readline().split()[-1] for _ in range(2))
        somebody, keeper = (Client("127.0.0.1", port, token, timeout=60_000) for token in (putting, fetching))
        somebody.write_bytes("/letter", b"dear keeper", replace=False)
        for call in (lambda: somebody.list_files("/"), lambda: somebody.read_bytes("/letter")):
            with pytest.raises(MissingRightError):
                call()
        assert keeper.read_bytes("/letter") == b"dear keeper"
        keeper.delete_file("/letter")
