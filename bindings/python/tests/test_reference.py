"""The API reference: every call, default, order of parameters and exception that it tells of."""

import errno
import inspect
import os
import pickle
import time

import pytest

import remofile
from remofile import (
    AuthenticationError,
    BadRequestError,
    Client,
    CorruptedResponse,
    DestinationNotFound,
    FileNameError,
    IntegrityError,
    RemofileException,
    Server,
    ServerBusyError,
    SourceNotFound,
    UnexpectedError,
    download_files,
    generate_keys,
    generate_token,
    is_file_name_valid,
    synchronize_download,
    synchronize_upload,
    upload_files,
)

TRANSFER = [("chunk_size", 512), ("process_chunk", None), ("timeout", None)]


def positional(function):
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.default) for p in parameters if p.kind in kinds and p.name != "self"]


@pytest.mark.parametrize("method", ["upload_file", "upload_directory", "download_file", "download_directory"])
def test_transfers_have_the_documented_parameters(method):
    empty = inspect.Parameter.empty
    expected = [("source", empty), ("destination", empty), ("name", None), *TRANSFER]
    assert positional(getattr(Client, method)) == expected


def test_other_calls_have_the_documented_parameters():
    names = lambda function: [name for name, _ in positional(function)]  # noqa: E731
    assert names(Client.__init__)[:3] == ["hostname", "port", "token"]
    assert names(Client.list_files) == ["directory", "timeout"]
    assert names(Client.create_file) == names(Client.make_directory) == ["name", "directory", "timeout"]
    assert names(Server.__init__) == ["root_directory", "token", "private_key"]
    assert names(Server.run) == ["port", "address"]
    assert names(upload_files) == names(download_files) == ["client", "source", "destination", "relative_directory"]


def test_a_star_import_gives_everything():
    space = {}
    exec("from remofile import *", space)
    assert {"Client", "Server", "upload_files", "generate_keys", "RemofileException", "FileNameError"} <= set(space)


def test_the_submodules_are_the_documented_ones():
    from remofile import algorithm, client, exceptions, keys, protocol, server, token, utils

    assert client.Client is Client and server.Server is Server and token.generate_token is generate_token
    assert keys.generate_keys is generate_keys and utils.is_file_name_valid is is_file_name_valid
    assert algorithm.upload_files is upload_files and exceptions.SourceNotFound is SourceNotFound
    assert protocol.Request.REMOVE_FILE == 9 and protocol.Response.ERROR == 3 and protocol.Reason.UNKNOWN_ERROR == 17
    assert protocol.make_list_files_request("/") == (1, "/")
    assert protocol.make_transfer_accepted_response() == (1, 11) != protocol.make_transfer_accepted_response(5)
    assert protocol.make_unknown_error_response("why") == (3, 17, "why")


def test_exceptions_have_their_bases_and_attributes():
    own = [SourceNotFound, DestinationNotFound, UnexpectedError, BadRequestError, CorruptedResponse, FileNameError]
    assert all(issubclass(one, RemofileException) for one in own)
    assert issubclass(FileNameError, OSError) and not issubclass(SourceNotFound, OSError)
    assert issubclass(AuthenticationError, PermissionError) and issubclass(ServerBusyError, OSError)
    assert issubclass(IntegrityError, OSError)
    missing = pickle.loads(pickle.dumps(SourceNotFound("there is none", "/a")))
    assert (str(missing), missing.errno, missing.filename) == ("there is none", errno.ENOENT, "/a")
    error = CorruptedResponse("message", "error")
    assert (error.message, error.error, str(error)) == ("message", "error", "message")
    assert UnexpectedError("message").message == "message"
    BadRequestError()


def test_helpers():
    assert len(generate_token()) == 22 and generate_token() != generate_token()
    public, private = generate_keys()
    assert isinstance(public, bytes) and isinstance(private, bytes) and len(public) == len(private) == 40
    assert is_file_name_valid("foo.bin")
    assert not any(is_file_name_valid(f"a{character}b") for character in '<>:"/\\|?*')


@pytest.mark.parametrize("token", ["", "a\nb", 5, b"bytes", "\ud800"])
def test_a_token_that_is_none_is_a_value_error(token, root):
    with pytest.raises(ValueError):
        Client("localhost", 6768, token)
    with pytest.raises(ValueError):
        Server(root, token)


def test_files_are_listed_with_kind_size_and_the_exact_time(client, root):
    (root / "foo.bin").write_bytes(b"x" * 423)
    (root / "bar").mkdir()
    os.symlink("foo.bin", root / "link")
    os.utime(root / "foo.bin", ns=(0, 1_654_646_515_123_456_789))
    listed = client.list_files("/")
    assert listed["foo.bin"] == listed["link"] == (False, 423, (root / "foo.bin").stat().st_mtime)
    assert listed["bar"] == (True, 0, (root / "bar").stat().st_mtime)
    assert type(listed["bar"][2]) is float and set(listed) == {"foo.bin", "bar", "link"}


def test_what_listing_raises(client, root):
    (root / "file").touch()
    with pytest.raises(ValueError):
        client.list_files("relative")
    with pytest.raises(FileNotFoundError) as raised:
        client.list_files("/missing")
    assert (raised.value.errno, raised.value.filename) == (2, "/missing")
    with pytest.raises(NotADirectoryError):
        client.list_files("/file")


@pytest.mark.parametrize("method", ["create_file", "make_directory"])
def test_what_creating_raises(client, root, method):
    create = getattr(client, method)
    create("new", "/")
    assert (root / "new").is_dir() == (method == "make_directory")
    (root / "file").touch()
    with pytest.raises(FileExistsError):
        create("new", "/")
    with pytest.raises(FileNotFoundError):
        create("new", "/missing")
    with pytest.raises(NotADirectoryError):
        create("new", "/file")
    with pytest.raises(FileNameError) as raised:
        create("a*b", "/")
    assert raised.value.errno and raised.value.filename == "/a*b"
    with pytest.raises(FileNameError, match="it is no path"):
        create("a/b", "/")
    with pytest.raises(ValueError):
        create("new", "relative")


@pytest.mark.parametrize("name", [None, 5, b"name"])
def test_a_name_that_is_no_text_is_a_type_error(client, local, name):
    (local / "foo").touch()
    with pytest.raises(TypeError, match="a name must be a text"):
        client.create_file(name, "/")
    if name is not None:
        with pytest.raises(TypeError, match="a name must be a text"):
            client.upload_file(local / "foo", "/", name)


def test_an_empty_path_is_no_other_name_of_a_directory(client, root, local, monkeypatch):
    (root / "foo").mkdir()
    (local / "precious").touch()
    monkeypatch.chdir(local)
    for download in (client.download_directory, lambda *paths: synchronize_download(client, *paths, delete=True)):
        with pytest.raises(DestinationNotFound):
            download("/foo", "")
    for upload in (client.upload_directory, client.upload_file, lambda *paths: upload_files(client, *paths, recursive=True)):
        with pytest.raises(SourceNotFound):
            upload("", "/")
    with pytest.raises(SourceNotFound):
        download_files(client, "", local, recursive=True)
    for synchronize in (lambda: synchronize_upload(client, local, "", delete=True), lambda: synchronize_download(client, "", local)):
        with pytest.raises(ValueError, match="empty"):
            synchronize()
    with pytest.raises(NotADirectoryError):
        Server("", generate_token())
    assert os.listdir(local) == ["precious"] and "foo" in os.listdir(root)


def test_the_root_has_no_name_to_be_downloaded_by(client, local):
    with pytest.raises(FileNameError) as raised:
        download_files(client, ".", local, recursive=True)
    assert raised.value.filename == "/" and "no name" in raised.value.strerror


def test_local_paths_may_be_bytes(client, root, local):
    (local / "foo").write_bytes(b"content")
    client.upload_file(os.fsencode(local / "foo"), "/")
    client.download_file("/foo", os.fsencode(local), "bar")
    upload_files(client, b"bar", "/", os.fsencode(local))
    assert (root / "bar").read_bytes() == b"content"


def test_a_file_is_uploaded_under_its_own_or_another_name(client, root, local, monkeypatch):
    (local / "foo").write_bytes(b"content")
    client.upload_file(local / "foo", "/")
    client.upload_file(str(local / "foo"), "/", "bar")
    monkeypatch.chdir(local)
    client.upload_file("foo", "/", name="baz")
    assert {path.name: path.read_bytes() for path in root.iterdir()} == dict.fromkeys(("foo", "bar", "baz"), b"content")


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_uploading_raises(client, root, local, kind):
    (local / "file").write_bytes(b"content")
    (local / "directory").mkdir()
    (root / "taken").touch()
    upload, source = getattr(client, f"upload_{kind}"), local / kind
    other = local / ("directory" if kind == "file" else "file")
    for missing in (local / "missing", other):
        with pytest.raises(SourceNotFound):
            upload(missing, "/")
    for missing in ("/missing", "/taken"):
        with pytest.raises(DestinationNotFound):
            upload(source, missing)
    with pytest.raises(ValueError):
        upload(source, "relative")
    with pytest.raises(FileExistsError):
        upload(source, "/", "taken")
    with pytest.raises(FileNameError):
        upload(source, "/", "a?b")
    for chunk_size in (0, 511, 8193):
        with pytest.raises(ValueError):
            upload(source, "/", chunk_size=chunk_size)
    upload(source, "/")
    with pytest.raises(FileExistsError):
        upload(source, "/")  # The same content, too.
    assert sorted(os.listdir(root)) == sorted(["taken", kind])


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_downloading_raises(client, root, local, kind):
    (root / "file").write_bytes(b"content")
    (root / "directory").mkdir()
    (local / "taken").touch()
    download, source = getattr(client, f"download_{kind}"), f"/{kind}"
    other = "/directory" if kind == "file" else "/file"
    for missing in ("/missing", "/missing/too", "/file/below", other):
        with pytest.raises(SourceNotFound):
            download(missing, local)
    for missing in (local / "missing", local / "taken"):
        with pytest.raises(DestinationNotFound):
            download(source, missing)
    with pytest.raises(ValueError):
        download(kind, local)
    with pytest.raises(FileExistsError):
        download(source, local, "taken")
    with pytest.raises(FileNameError):
        download(source, local, "a?b")
    with pytest.raises(ValueError):
        download(source, local, chunk_size=8193)
    download(source, local)
    with pytest.raises(FileExistsError):
        download(source, local)
    assert sorted(os.listdir(local)) == sorted(["taken", kind])


def test_a_file_that_is_too_large_is_a_value_error(tmp_path, local):
    (local / "big").write_bytes(bytes(2000))
    with Server(tmp_path, generate_token(), file_size_limit=1000) as server, server.client() as client:
        with pytest.raises(ValueError):
            client.upload_file(local / "big", "/")
        assert client.list_files("/").keys() == {"local"}


def test_directories_go_both_ways(client, root, local):
    (local / "tree" / "deep").mkdir(parents=True)
    (local / "tree" / "deep" / "file").write_bytes(b"content")
    (local / "tree" / "empty").touch()
    client.upload_directory(local / "tree", "/")
    client.download_directory("/tree", local, "back")
    for copy in (root / "tree", local / "back"):
        assert (copy / "deep" / "file").read_bytes() == b"content" and (copy / "empty").stat().st_size == 0


@pytest.mark.parametrize("direction", ["up", "down"])
def test_callbacks_see_every_chunk(client, root, local, direction):
    content = os.urandom(1300)
    source = (local if direction == "up" else root) / "foo"
    source.write_bytes(content)
    seen = []

    def process_chunk(*arguments):
        seen.append(arguments)
        return True

    if direction == "up":
        client.upload_file(source, "/", "bar", 512, process_chunk)
    else:
        client.download_file("/foo", local, "bar", 512, process_chunk)
    sizes = [(1300, 1300, "foo"), (788, 1300, "foo"), (276, 1300, "foo")]
    assert [chunk[1:] for chunk in seen] == sizes
    assert b"".join(chunk[0] for chunk in seen) == content and type(seen[0][0]) is bytes


@pytest.mark.parametrize("direction", ["upload", "download"])
def test_what_others_put_beside_it_stays_when_a_callback_ends_a_transfer(client, root, local, direction):
    source, destination = (local, root) if direction == "upload" else (root, local)
    (source / "tree" / "inner").mkdir(parents=True)
    for name in ("one", "two", "inner/three"):
        (source / "tree" / name).write_bytes(os.urandom(3_000_000))
    moved = []

    def process_chunk(chunk, *_):
        moved.append(len(chunk))
        if sum(moved) < 8_500_000:
            return True
        (destination / "tree" / "inner").mkdir(parents=True, exist_ok=True)
        (destination / "tree" / "inner" / "other").write_bytes(b"somebody else's")
        return False

    call = getattr(client, f"{direction}_directory")
    call(*((local / "tree", "/") if direction == "upload" else ("/tree", local)), None, 8192, process_chunk)
    left = [path.relative_to(destination) for path in sorted(destination.rglob("*")) if ".remofile" not in path.parts]
    assert [str(path) for path in left] == ["tree", "tree/inner", "tree/inner/other"]


@pytest.mark.parametrize("kind", ["file", "directory"])
@pytest.mark.parametrize("direction", ["upload", "download"])
@pytest.mark.parametrize("ending", ["false", "raises"])
def test_what_a_callback_ends_leaves_nothing(client, root, local, kind, direction, ending):
    source = local if direction == "upload" else root
    (source / "directory").mkdir()
    for path in (source / "file", source / "directory" / "one", source / "directory" / "two"):
        path.write_bytes(os.urandom(3_000_000))
    before = {str(path) for top in (root, local) for path in top.rglob("*")}
    calls = []

    def process_chunk(*arguments):
        calls.append(arguments)
        if len(calls) < 200:
            return True
        if ending == "raises":
            raise ZeroDivisionError("mine")
        return False

    call = getattr(client, f"{direction}_{kind}")
    arguments = (local / kind, "/") if direction == "upload" else (f"/{kind}", local)
    if ending == "raises":
        with pytest.raises(ZeroDivisionError, match="mine"):
            call(*arguments, None, 8192, lambda *a: calls.append(a) or process_chunk(*a))
    else:
        assert call(*arguments, None, 8192, process_chunk) is None
    assert {str(path) for top in (root, local) for path in top.rglob("*")} - before <= {str(root / ".remofile")}
    call(*arguments)


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("error", [FileNotFoundError, NotADirectoryError])
def test_what_a_callback_misses_is_not_the_source_nor_the_destination(client, root, local, direction, error):
    for top in (root, local):
        (top / "tree").mkdir()
        (top / "tree" / "file").write_bytes(b"content")

    def process_chunk(*_):
        raise error("mine")

    if direction == "up":
        calls = [
            lambda: client.upload_file(local / "tree" / "file", "/", None, 512, process_chunk),
            lambda: client.upload_directory(local / "tree", "/", "other", 512, process_chunk),
            lambda: upload_files(client, "file", "/", local / "tree", process_chunk=process_chunk),
            lambda: synchronize_upload(client, local, "/copy", process_chunk=process_chunk),
        ]
    else:
        calls = [
            lambda: client.download_file("/tree/file", local, None, 512, process_chunk),
            lambda: client.download_directory("/tree", local, "other", 512, process_chunk),
            lambda: download_files(client, "file", local, "/tree", process_chunk=process_chunk),
            lambda: synchronize_download(client, "/", local / "copy", process_chunk=process_chunk),
        ]
    for call in calls:
        with pytest.raises(error, match="mine"):
            call()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_file_that_goes_away_meanwhile_is_a_missing_source(client, root, local, direction):
    (top := local if direction == "up" else root).joinpath("tree").mkdir()
    for number in range(8):
        (top / "tree" / f"file{number}").write_bytes(bytes(3_000_000))

    def process_chunk(chunk, remaining, size, name):
        (top / "tree" / "file7").unlink(missing_ok=True)
        return True

    # Both sides may have the same paths.
    for call in (
        lambda: client.upload_directory(local / "tree", local / "tree"),
        lambda: upload_files(client, "tree", local, local, recursive=True),
        lambda: synchronize_upload(client, local / "tree", local / "tree" / "tree"),
    ):
        with pytest.raises(DestinationNotFound if direction == "up" else SourceNotFound):
            call()
    for call in (
        lambda: client.download_directory(local / "tree", local),
        lambda: download_files(client, "tree", local, local, recursive=True),
        lambda: synchronize_download(client, local / "tree", local / "tree"),
    ):
        with pytest.raises(SourceNotFound):
            call()
    with pytest.raises(SourceNotFound) as raised:
        if direction == "up":
            client.upload_directory(local / "tree", "/", None, 8192, process_chunk)
        else:
            client.download_directory("/tree", local, None, 8192, process_chunk)
    assert raised.value.filename.endswith("/tree/file7")


def test_deadlines_are_milliseconds_for_the_whole_call(client, local):
    (local / "foo").write_bytes(bytes(100_000))
    began = time.monotonic()

    def process_chunk(*_):
        while time.monotonic() - began < 0.01:
            pass
        return True

    with pytest.raises(TimeoutError):
        client.upload_file(local / "foo", "/", None, 512, process_chunk, deadline=5)


def test_a_server_that_is_not_there_is_a_timeout():
    with pytest.raises(TimeoutError):
        Client("localhost", 1, generate_token()).list_files("/", 200)


def test_a_wrong_token_is_an_authentication_error(server):
    with pytest.raises(AuthenticationError):
        Client("localhost", server.port, generate_token()).list_files("/", 60_000)


def test_many_files_go_by_pattern(client, root, local):
    for name in ("one.txt", "two.txt", "three.bin"):
        (local / name).write_text(name)
    (local / "deep").mkdir()
    (local / "deep" / "four.txt").touch()
    report = upload_files(client, "*.txt", "/", local)
    assert report.files == 2 and sorted(os.listdir(root)) == ["one.txt", "two.txt"]
    client.make_directory("all", "/")
    upload_files(client, "deep", "/all", local, recursive=True)
    upload_files(client, "*", "/all", local, recursive=True, exclude_files=["*.bin", "deep"])
    assert sorted(os.listdir(root / "all")) == ["deep", "one.txt", "two.txt"]
    target = local / "target"
    target.mkdir()
    download_files(client, "*.txt", target, "/all")
    assert sorted(os.listdir(target)) == ["one.txt", "two.txt"]
    download_files(client, "all", target, recursive=True)
    assert (target / "all" / "deep" / "four.txt").exists()


def test_what_transfers_of_many_files_raise(client, local):
    (local / "foo").touch()
    for call in (
        lambda: upload_files(client, local / "foo", "/", local),
        lambda: upload_files(client, "foo", "/", "relative"),
        lambda: upload_files(client, "foo", "relative", local),
        lambda: download_files(client, "/foo", local),
        lambda: download_files(client, "foo", "relative"),
        lambda: download_files(client, "foo", local, "relative"),
    ):
        with pytest.raises(ValueError):
            call()
    for source in ("missing", "*.missing"):
        with pytest.raises(SourceNotFound):
            upload_files(client, source, "/", local)
        with pytest.raises(SourceNotFound):
            download_files(client, source, local)
    with pytest.raises(DestinationNotFound):
        upload_files(client, "foo", "/missing", local)
    with pytest.raises(DestinationNotFound):
        download_files(client, "foo", local / "missing")


def test_directories_are_synchronised(client, root, local):
    (local / "foo").write_text("foo")
    assert synchronize_upload(client, local, "/copy").files == 1
    assert (root / "copy" / "foo").read_text() == "foo"
    (local / "foo").unlink()
    assert synchronize_upload(client, local, "/copy", delete=True).deleted == 1
    (root / "copy" / "bar").write_text("bar")
    synchronize_download(client, "/copy", local / "back")
    assert (local / "back" / "bar").read_text() == "bar"
    with pytest.raises(SourceNotFound):
        synchronize_upload(client, local / "missing", "/")
    with pytest.raises(SourceNotFound):
        synchronize_download(client, "/missing", local)
    with pytest.raises(DestinationNotFound):
        synchronize_upload(client, local, "/missing/deeper")
    with pytest.raises(DestinationNotFound):
        synchronize_download(client, "/copy", local / "missing" / "deeper")


def test_the_version_is_told():
    assert remofile.__version__.count(".") == 2
