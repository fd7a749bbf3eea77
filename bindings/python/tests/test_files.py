"""Open files at a server."""

import array
import concurrent.futures
import contextlib
import errno
import gc
import io
import logging
import os
import random
import threading
import zipfile

import fsspec
import pytest
from remofile import Server, generate_token, upload_files
from remofile.exceptions import FileSizeError, ServerBusyError
from remofile.fs import RemofileFileSystem
from test_manners import interrupted_after

CONTENT = random.Random(1).randbytes(5_000_000)


def test_what_is_written_in_a_block_that_raises_is_forgotten(client, root):
    (root / "foo").write_bytes(b"old")
    for mode, data in (("w", "new"), ("wb", b"new"), ("w+b", b"new")):
        with pytest.raises(RuntimeError):
            with client.open("/foo", mode) as file:
                file.write(data)
                raise RuntimeError
        assert (root / "foo").read_bytes() == b"old"
    with pytest.raises(RuntimeError):
        with client.open("/new", "xb", buffering=0) as file:
            file.write(b"new")
            raise RuntimeError
    assert [entry.name for entry in root.iterdir() if entry.name != ".remofile"] == ["foo"]


def test_reading_takes_parts(client, root):
    (root / "big").write_bytes(CONTENT)
    with client.open("/big", "rb") as file:
        assert file.read() == CONTENT and file.read() == b""
        for offset in (0, 4_999_999, 1_234_567, 5_000_001):
            file.seek(offset)
            assert file.read(1000) == CONTENT[offset : offset + 1000]
        buffer = bytearray(70_000)
        assert file.seek(-70_000, io.SEEK_END) == 4_930_000 and file.readinto(buffer) == 70_000
        assert bytes(buffer) == CONTENT[-70_000:]
    with pytest.raises(ValueError):
        file.read()


def test_places_that_no_file_has_are_refused_as_local_files_refuse_them(client, root):
    (root / "foo").write_bytes(b"abc")
    for buffering in (-1, 0):
        with client.open("/foo", "r+b", buffering) as file:
            for offset, whence in ((-4, io.SEEK_END), (-4, io.SEEK_CUR), (-1, io.SEEK_SET)):
                with pytest.raises(OSError) as raised:
                    file.seek(offset, whence)
                assert raised.value.errno == errno.EINVAL
            assert file.tell() == 0 and file.read() == b"abc"
            with pytest.raises(OSError, match="Invalid argument"):
                file.truncate(-1)
    with client.open("/foo", "r+b", buffering=0) as file:
        file.seek(2**63 - 1)
        with pytest.raises(FileSizeError):
            file.write(b"x")
    with client.open("/foo", "rb") as file:
        assert not zipfile.is_zipfile(file)


def test_what_does_not_fit_into_memory_is_an_error(tmp_path):
    with Server(tmp_path, generate_token(), file_size_limit=2**62) as server, server.client() as client:
        with open(tmp_path / "huge", "wb") as file:
            file.truncate(8 * 10**12)
        with client.open("/huge", "rb") as file:
            for call in (file.read, file.raw.read):
                with pytest.raises(MemoryError):
                    call()
            assert file.read(10) == bytes(10)


@pytest.mark.parametrize(
    ("way", "wrong"),
    [
        *[("client", wrong) for wrong in ({"encoding": "nope"}, {"newline": "q"}, {"buffering": 0}, {"buffering": 2**70})],
        *[("fsspec", wrong) for wrong in ({"encoding": "nope"}, {"newline": "q"}, {"compression": "nope"})],
    ],
)
def test_what_cannot_be_opened_so_changes_nothing(client, root, way, wrong):
    (root / "foo").write_bytes(b"old")
    opened = client.open if way == "client" else RemofileFileSystem(client=client).open
    for path, mode in (("/foo", "w"), ("/foo", "w+"), ("/new", "x")):
        with pytest.raises((LookupError, ValueError, OverflowError)):
            opened(path, mode, **wrong)
        gc.collect()
    assert (root / "foo").read_bytes() == b"old" and not (root / "new").exists()


@pytest.mark.parametrize("mode", ["r", "rb", "w", "wb", "a", "r+", "w+b"])
def test_a_file_that_nobody_closes_is_told_as_local_ones_are(client, root, mode):
    (root / "foo").write_bytes(b"old")
    with pytest.warns(ResourceWarning, match="unclosed file"):
        client.open("/foo", mode)
        gc.collect()


def test_only_bytes_are_written(client, root):
    with client.open("/foo", "wb", buffering=0) as file:
        for data in (5, [1, 2], "text", None):
            for write in (file.write, lambda data: client.write_bytes("/foo", data), client.path("/foo").write_bytes):
                with pytest.raises(TypeError):
                    write(data)
        assert file.write(memoryview(array.array("I", [1, 2]))) == 8
    assert client.path("/bar").write_bytes(memoryview(b"bytes")) == 5
    assert len((root / "foo").read_bytes()) == 8 and (root / "bar").read_bytes() == b"bytes"


def test_a_file_is_changed_in_place(client, root):
    (root / "foo").write_bytes(CONTENT)
    node = (root / "foo").stat().st_ino
    with client.open("/foo", "r+b") as file:
        file.seek(1_000_000)
        file.write(b"changed")
        file.flush()
        assert (root / "foo").read_bytes()[1_000_000:1_000_007] == b"changed"
        assert file.read(5) == CONTENT[1_000_007:1_000_012]
        assert file.truncate(2_000_000) == 2_000_000
    with client.open("/foo", "ab") as file:
        assert file.tell() == 2_000_000
        file.write(b"end")
    expected = CONTENT[:1_000_000] + b"changed" + CONTENT[1_000_007:2_000_000] + b"end"
    assert (root / "foo").read_bytes() == expected and (root / "foo").stat().st_ino == node


def test_no_file_is_larger_than_files_get(client):
    with client.open("/foo", "wb", buffering=0) as file:
        file.seek(2**63 - 1)
        with pytest.raises(OSError) as raised:
            file.write(b"x")
            file.flush()
    assert raised.value.errno == errno.EFBIG


@pytest.mark.parametrize("mode", ["wb", "w+b", "w", "w+"])
def test_a_file_whose_end_could_not_be_written_is_never_seen_without_it(client, root, mode):
    (root / "foo").write_bytes(b"old")
    file = client.open("/foo", mode)
    raw = file.raw if "b" in mode else file.buffer.raw
    file.write(b"begin" if "b" in mode else "begin")
    file.flush()
    file.write(b"end" if "b" in mode else "end")

    def fail(data):
        # Once only: what holds it may have let go of it.
        del raw.write
        raise OSError(errno.ENOSPC, "no space")

    raw.write = fail
    with pytest.raises(OSError, match="no space"):
        file.close()
    assert file.closed and (root / "foo").read_bytes() == b"old"


def test_a_forgotten_file_is_closed_as_local_ones_are(client, root):
    file = client.open("/foo", "w")
    file.write("content")
    del file
    gc.collect()
    assert (root / "foo").read_text() == "content"


def test_a_fork_leaves_open_files_alone(client, root):
    (root / "foo").write_bytes(CONTENT)
    reading, writing = client.open("/foo", "rb"), client.open("/new", "wb", buffering=0)
    reading.read(10)
    writing.write(b"content")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for call in (reading.read, lambda: writing.write(b"x"), writing.tell, lambda: writing.size):
                with pytest.raises(ValueError, match="open it again"):
                    call()
            reading.close()
            assert client.open("/foo", "rb").read(10) == CONTENT[:10]
            code = 0
        finally:
            del reading, writing
            gc.collect()
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert reading.read(10) == CONTENT[10:20]
    writing.close()
    assert (root / "new").read_bytes() == b"content"


@contextlib.contextmanager
def somebody_else_at_work(server, local):
    """Keeps others from changing anything for as long as the block lasts."""
    began, ends = threading.Event(), threading.Event()
    (local / "held").write_bytes(bytes(4_000_000))

    def hold(chunk, remaining, size, name):
        if remaining > 1_000_000:
            return True
        # So much was not sent before the server let it.
        began.set()
        return not ends.wait(60)

    with server.client() as other, concurrent.futures.ThreadPoolExecutor() as pool:
        # It may get any name that is free, so all of the directory is its own.
        options = {"on_conflict": "rename", "chunk_size": 8192, "process_chunk": hold}
        held = pool.submit(upload_files, other, "held", "/", local, **options)
        assert began.wait(60)
        try:
            yield
        finally:
            ends.set()
            held.result()


def test_ctrl_c_ends_a_call_and_the_file_goes_on(server, root, local):
    (root / "foo").write_bytes(b"old")
    with server.client(wait=60) as client:
        file = client.open("/foo", "r+b", buffering=0)
        file.write(b"n")
        with somebody_else_at_work(server, local), interrupted_after(0.2):
            file.flush()
        assert (root / "foo").read_bytes() == b"old"
        file.close()
    assert (root / "foo").read_bytes() == b"nld"


def test_ctrl_c_ends_a_call_that_waits_for_another_thread(server, root, local):
    (root / "foo").write_bytes(CONTENT)
    with server.client(wait=60) as client:
        file = client.open("/foo", "r+b", buffering=0)
        file.seek(4_000_000)
        file.write(CONTENT[4_000_000:4_000_010])
        thread = threading.Thread(target=file.flush)
        with somebody_else_at_work(server, local):
            thread.start()
            with server.client() as other:
                while not other.status()["waiting"]:
                    threading.Event().wait(0.01)
            with interrupted_after(0.2):
                file.readall()
            assert thread.is_alive()
        thread.join()
        assert file.readall() == CONTENT[4_000_010:]


def test_what_others_keep_from_being_changed_is_read_all_the_same(server, root, local):
    (root / "foo").write_bytes(CONTENT)
    client = server.client(wait=0)
    for buffering in (-1, 0):
        file = client.open("/foo", "rb", buffering)
        with somebody_else_at_work(server, local):
            assert file.read() == CONTENT


def test_what_others_keep_from_being_written_is_written_later_and_once(server, root, local):
    client = server.client(wait=0)
    files = [client.open("/appended", "ab"), client.open("/changed", "x+b")]
    files[1].close()
    files[1] = client.open("/changed", "r+b")
    with somebody_else_at_work(server, local):
        for file in files:
            for start in range(0, 1_000_000, 100_000):
                file.write(CONTENT[start : start + 100_000])
            for _ in range(2):
                with pytest.raises(ServerBusyError):
                    file.flush()
    for file in files:
        file.write(CONTENT[1_000_000:])
        file.close()
    assert (root / "appended").read_bytes() == CONTENT and (root / "changed").read_bytes() == CONTENT


def test_a_client_that_waits_logs_for_whom(server, root, local, caplog):
    (root / "foo").write_bytes(b"old")
    with server.client(wait=0.2) as client, client.open("/foo", "r+b") as file:
        file.write(b"new")
        for call in (lambda: client.create_file("bar", "/"), file.flush):
            caplog.clear()
            with somebody_else_at_work(server, local), caplog.at_level(logging.INFO, "remofile"):
                with pytest.raises(ServerBusyError):
                    call()
            assert [record.getMessage() for record in caplog.records if "waiting for " in record.getMessage()]


def test_what_is_written_in_a_transaction_of_fsspec_is_seen_at_its_end_or_never(client, root):
    filesystem = RemofileFileSystem(client=client, skip_instance_cache=True)
    for mode, begin in (("wb", b"old"), ("w", b"old"), ("xb", None)):
        for fails in (True, False):
            (root / "foo").unlink(missing_ok=True)
            if begin is not None:
                (root / "foo").write_bytes(begin)
            with contextlib.suppress(RuntimeError), filesystem.transaction:
                with filesystem.open("/foo", mode) as file:
                    file.write(b"new" if "b" in mode else "new")
                with filesystem.open("/log", "ab") as file:
                    file.write(b"line")
                assert (root / "foo").exists() == (begin is not None)
                if fails:
                    raise RuntimeError
            now = (root / "foo").read_bytes() if (root / "foo").exists() else None
            assert now == (begin if fails else b"new")
    assert (root / "log").read_bytes() == b"line" * 6


def test_a_text_whose_block_raises_is_not_made_visible_through_fsspec(client, root):
    filesystem = RemofileFileSystem(client=client, skip_instance_cache=True)
    (root / "foo").write_bytes(b"old")
    for options in ({}, {"encoding": "utf-16", "newline": "\r\n"}):
        with contextlib.suppress(RuntimeError), filesystem.open("/foo", "wt", **options) as file:
            file.write("half\n")
            raise RuntimeError
        assert (root / "foo").read_bytes() == b"old"
    with filesystem.open("/foo", "wt", encoding="utf-16-le", newline="\r\n") as file:
        file.write("whole\n")
    assert (root / "foo").read_bytes() == "whole\r\n".encode("utf-16-le")
    with filesystem.open("/foo", "r", encoding="utf-16-le") as file:
        assert file.read() == "whole\n"
    with filesystem.open("/foo.gz", "wt", compression="gzip") as file:
        file.write("packed")
    with filesystem.open("/foo.gz", "rt", compression="gzip") as file:
        assert file.read() == "packed"


def test_parts_of_a_file_come_through_fsspec(server, root, monkeypatch):
    monkeypatch.setenv("REMOFILE_TOKEN", server._token)
    (root / "big").write_bytes(CONTENT)
    filesystem, path = fsspec.core.url_to_fs(f"remofile://localhost:{server.port}/big")
    for start, end in ((None, None), (10, 20), (-5, None), (None, 7), (4_000_000, -1), (20, 10), (6_000_000, None)):
        assert filesystem.cat_file(path, start, end) == CONTENT[start:end]
    monkeypatch.setattr("remofile.Client.read_bytes", None)
    assert filesystem.read_block(path, 100, 50) == CONTENT[100:150] and filesystem.tail(path, 8) == CONTENT[-8:]
