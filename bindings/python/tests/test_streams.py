"""Files that are written anew: sent while they are written, with the permissions and through the links that are there."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
import threading
import tracemalloc
import zipfile

import pytest

from remofile import AsyncClient
from remofile.fs import RemofileFileSystem

MIB = bytes(range(256)) * 4096


@pytest.fixture
def without_temporary_files(monkeypatch):
    monkeypatch.setenv("TMPDIR", "/nonexistent")


def test_a_large_file_needs_no_temporary_file(client, root, without_temporary_files):
    with client.open("/f", "wb") as file:
        for _ in range(24):
            file.write(MIB)
        file.flush()
        assert not (root / "f").exists()
    assert (root / "f").read_bytes() == MIB * 24


@pytest.mark.parametrize("mode", ["wb", "xb", "w+b"])
def test_one_large_write_is_not_copied_as_a_whole(client, root, mode):
    content = MIB * 32
    tracemalloc.start()
    try:
        with client.open("/f", mode) as file:
            assert file.write(content) == len(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(content) / 2
    assert (root / "f").read_bytes() == content
    with client.open("/f", mode.replace("x", "w"), buffering=0) as file:
        assert file.write(memoryview(content)[::4]) == len(content) / 4
    assert (root / "f").read_bytes() == content[::4]


def test_what_is_written_is_read_back_and_changed(client, root, without_temporary_files):
    local = io.BytesIO()
    with client.open("/f", "w+b") as file:
        for one in (file, local):
            one.write(MIB * 5)
            one.seek(1_000_000)
            one.write(b"changed")
            one.seek(-10, os.SEEK_END)
            one.truncate()
            one.seek(999_990)
        assert file.read(100) == local.read(100)
    assert (root / "f").read_bytes() == local.getvalue()


def test_archives_are_written(client, root, without_temporary_files):
    with client.open("/a.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for number in range(4):
            with archive.open(f"{number}", "w") as member:
                member.write(MIB)
        archive.writestr("small", "text")
    with client.open("/a.tar", "wb") as file, tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("one")
        member.size = len(MIB)
        archive.addfile(member, io.BytesIO(MIB))
    with zipfile.ZipFile(root / "a.zip") as archive:
        assert archive.testzip() is None
        assert archive.read("3") == MIB
    with tarfile.open(root / "a.tar") as archive:
        assert archive.extractfile("one").read() == MIB


def test_hdf5_is_written_and_read(client, root):
    h5py = pytest.importorskip("h5py")
    with client.open("/a.h5", "w+b") as file, h5py.File(file, "w") as tables:
        tables["numbers"] = list(range(100_000))
    with h5py.File(root / "a.h5") as tables:
        assert tables["numbers"][99_999] == 99_999


def test_parquet_is_written(client, root):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"n": list(range(200_000))})
    with client.open("/a.parquet", "wb") as file:
        pq.write_table(table, file)
    assert pq.read_table(root / "a.parquet") == table


def test_a_block_that_raises_leaves_nothing(client, root):
    (root / "f").write_text("old")
    with pytest.raises(RuntimeError), client.open("/f", "wb") as file:
        for _ in range(5):
            file.write(MIB)
        raise RuntimeError
    assert sorted(os.listdir(root)) == ["f"]
    assert (root / "f").read_text() == "old"


def _open(client, path, content):
    with client.open(path, "wb") as file:
        file.write(content)


def _path(client, path, content):
    client.path(path).write_bytes(content)


def _pipe(client, path, content):
    RemofileFileSystem(client=client, skip_instance_cache=True).pipe_file(path, content)


WAYS = [lambda client, path, content: client.write_bytes(path, content), _open, _path, _pipe]


@pytest.mark.parametrize("size", [10, 3_000_000])
@pytest.mark.parametrize("write", WAYS)
def test_a_file_keeps_its_permissions(client, root, write, size):
    for mode in (0o600, 0o640, 0o755, 0o444):
        (root / "f").write_text("old")
        (root / "f").chmod(mode)
        write(client, "/f", b"x" * size)
        assert (root / "f").stat().st_mode & 0o777 == mode
        assert (root / "f").stat().st_size == size
        (root / "f").unlink()


def test_a_put_file_keeps_the_permissions_of_the_one_it_replaces(client, root, local):
    (root / "f").write_text("old")
    (root / "f").chmod(0o600)
    (local / "f").write_text("new")
    RemofileFileSystem(client=client, skip_instance_cache=True).put_file(str(local / "f"), "/f")
    assert (root / "f").read_text() == "new"
    assert (root / "f").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("size", [10, 3_000_000])
@pytest.mark.parametrize("write", WAYS)
def test_a_link_is_written_through(client, root, write, size):
    (root / "d").mkdir()
    (root / "d" / "target").write_text("old")
    (root / "link").symlink_to("d/target")
    (root / "broken").symlink_to("d/new")
    (root / "out").symlink_to("/etc/hostname")
    for link, target in (("link", "target"), ("broken", "new")):
        write(client, f"/{link}", b"x" * size)
        assert (root / link).is_symlink()
        assert (root / "d" / target).stat().st_size == size
    with pytest.raises(OSError):
        write(client, "/out", b"x" * size)
    assert os.readlink(root / "out") == "/etc/hostname"


def test_many_threads_write_files_of_one_client(client, root):
    failed = []

    def work(number):
        try:
            with client.open(f"/{number}", "wb") as file:
                for _ in range(3):
                    file.write(MIB)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert all((root / str(number)).read_bytes() == MIB * 3 for number in range(8))


def test_of_two_writers_the_last_to_close_wins(client, root):
    one, other = client.open("/f", "wb"), client.open("/f", "wb")
    one.write(MIB * 2)
    other.write(b"other")
    other.close()
    one.close()
    assert (root / "f").read_bytes() == MIB * 2


def test_what_a_restarted_server_has_forgotten_is_an_error(server, client, root):
    (root / "f").write_text("old")
    file = client.open("/f", "wb")
    file.write(MIB * 2)
    server.terminate()
    with pytest.raises(Exception):
        file.close()
    assert (root / "f").read_text() == "old"


def test_a_transaction_of_fsspec_streams(client, root, without_temporary_files):
    fs = RemofileFileSystem(client=client, skip_instance_cache=True)
    with fs.transaction:
        with fs.open("/f", "wb") as file:
            for _ in range(4):
                file.write(MIB)
        assert not (root / "f").exists()
    assert (root / "f").read_bytes() == MIB * 4
    with pytest.raises(RuntimeError), fs.transaction:
        with fs.open("/g", "wb") as file:
            file.write(MIB * 3)
        raise RuntimeError
    assert sorted(os.listdir(root)) == ["f"]


def test_tasks_write_at_once(server, root):
    async def work():
        async with AsyncClient("127.0.0.1", server.port, server._token) as many:

            async def write(number):
                async with many.open(f"/{number}", "wb") as file:
                    for _ in range(3):
                        await file.write(MIB)

            await asyncio.gather(*(write(number) for number in range(6)))

    asyncio.run(work())
    assert all((root / str(number)).read_bytes() == MIB * 3 for number in range(6))
