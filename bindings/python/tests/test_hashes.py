"""Hashes of remote files, and the room of the server's disk."""

import asyncio
import hashlib
import os
import shutil

import pytest

from remofile import MissingRightError, Server, Tokens, UnlistedWarning
from remofile.aio import AsyncClient


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1", "md5"])
def test_a_file_is_hashed_by_the_server_as_hashlib_does_it(client, root, algorithm):
    content = bytes(range(256)) * 5000
    (root / "file").write_bytes(content)
    assert client.hash("/file", algorithm) == hashlib.new(algorithm, content).hexdigest()


def test_other_algorithms_have_their_published_hashes(client, root):
    (root / "file").write_bytes(b"abc")
    assert client.hash("/file") == client.hash("/file", algorithm="xxh3") == "06b05ab6733a618578af5f94892f3950"
    assert client.hash("/file", "blake3").startswith("6437b3ac38465133ffb63b75273a8db5")


def test_what_cannot_be_hashed_is_told(client, root):
    (root / "directory").mkdir()
    with pytest.raises(FileNotFoundError, match="/nothing"):
        client.hash("/nothing")
    with pytest.raises(IsADirectoryError):
        client.hash("/directory")
    with pytest.raises(ValueError, match="crc32.*sha256"):
        client.hash("/directory", "crc32")
    with pytest.raises(ValueError, match="absolute"):
        client.hash("file")


def test_a_name_that_no_path_can_hold_is_a_warning_and_the_others_are_hashed(client, root):
    (root / "file").write_bytes(b"abc")
    with open(os.fsencode(root) + b"/caf\xe9", "wb") as file:
        file.write(b"x")
    with pytest.warns(UnlistedWarning, match="xe9"):
        assert client.hashes("/") == {"/file": "06b05ab6733a618578af5f94892f3950"}


def test_the_room_of_the_disk_is_that_which_this_machine_sees(client, root):
    told, here = client.disk_usage(), shutil.disk_usage(root)
    assert told.total == here.total and told._fields == here._fields
    assert 0 < told.free <= told.total and client.disk_usage("/").used > 0
    with pytest.raises(FileNotFoundError):
        client.disk_usage("/nothing")


def test_a_token_sees_its_quota_and_a_drop_box_nothing(tmp_path):
    tokens = Tokens()
    reader = tokens.add("reader", quota=1000)
    box = tokens.add("box", rights="upload")
    (tmp_path / "file").write_bytes(b"1" * 100)
    with Server(tmp_path, tokens=tokens) as server:
        with server.client(reader) as client:
            assert client.disk_usage() == (1000, 100, 900)
        with server.client(box) as client:
            for call in (client.disk_usage, lambda: client.hash("/file")):
                with pytest.raises(MissingRightError):
                    call()


def test_both_can_be_awaited(server, root):
    (root / "file").write_bytes(b"abc")

    async def ask():
        async with AsyncClient("127.0.0.1", server.port, server._token) as client:
            return await client.hash("/file", "md5"), await client.disk_usage("/file")

    digest, room = asyncio.run(ask())
    assert digest == "900150983cd24fb0d6963f7d28e17f72" and room.total > 0


def test_a_tree_is_hashed_in_one_flight(client, server, root):
    (root / "tree/sub").mkdir(parents=True)
    (root / "tree/a").write_bytes(b"abc")
    (root / "tree/sub/b").write_bytes(b"")
    expected = {path: client.hash(path, "md5") for path in ("/tree/a", "/tree/sub/b")}
    assert client.hashes("/tree", "md5") == expected
    assert client.hashes("/tree/a", "md5") == {"/tree/a": hashlib.md5(b"abc").hexdigest()}

    async def awaited():
        async with AsyncClient("127.0.0.1", server.port, server._token) as other:
            return await other.hashes("/tree", "md5")

    assert asyncio.run(awaited()) == expected
    with pytest.raises(FileNotFoundError):
        client.hashes("/nothing")


def test_fsspec_tells_contents_apart_by_a_hash(client, root):
    from remofile.fs import RemofileFileSystem

    fs = RemofileFileSystem(client=client)
    (root / "a").write_bytes(b"abc")
    (root / "b").write_bytes(b"abc")
    before = fs.checksum("/a")
    assert before == fs.checksum("/b") == int(fs.hash("/a"), 16)
    assert fs.hash("/a", "sha256") == hashlib.sha256(b"abc").hexdigest()
    # The same size and time, other content: what fsspec makes of the two would not tell.
    time = (root / "a").stat().st_mtime_ns
    (root / "a").write_bytes(b"abd")
    import os

    os.utime(root / "a", ns=(time, time))
    assert fs.checksum("/a") != before
