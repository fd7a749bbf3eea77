"""The file system for fsspec, awaited."""

import asyncio
import json
import os

import fsspec
import pytest
from fsspec.asyn import sync

from remofile import AsyncClient
from remofile.fs import RemofileFileSystem


@pytest.fixture
def fs(server):
    return RemofileFileSystem("localhost", server.port, server._token, asynchronous=True, skip_instance_cache=True)


def test_it_says_that_it_can_be_awaited(server, fs):
    assert RemofileFileSystem.async_impl and fs.asynchronous and fs.loop is None
    made = fsspec.filesystem("remofile", host="localhost", port=server.port, token=server._token, asynchronous=True)
    assert isinstance(made, RemofileFileSystem) and made.asynchronous
    told = {**json.loads(RemofileFileSystem("localhost", server.port, server._token).to_json()), "asynchronous": True}
    assert fsspec.AbstractFileSystem.from_json(json.dumps(told)).asynchronous


def test_it_uses_the_client_that_it_is_given(server, root):
    async def work(client):
        fs = RemofileFileSystem(client=client, skip_instance_cache=True)
        await fs._pipe_file("/file", b"content")
        return fs.client, await fs._cat_file("/file"), fs.cat_file("/file")

    client = AsyncClient("localhost", server.port, "".join(server._token))
    assert asyncio.run(work(client)) == (client.client, b"content", b"content")


def test_calls_are_awaited_at_once(fs, root, local):
    async def work():
        await asyncio.gather(*(fs._pipe_file(f"/new/{number}", b"%d" % number) for number in range(50)))
        contents = await asyncio.gather(*(fs._cat_file(f"/new/{number}") for number in range(50)))
        assert contents == [b"%d" % number for number in range(50)]
        assert await fs._cat_file("/new/49", 1) == b"9"
        assert len(await fs._ls("/new")) == 50 and (await fs._info("/new/1"))["size"] == 1
        assert await fs._exists("/new") and not await fs._exists("/none") and await fs._isdir("/new")
        await fs._cp_file("/new/1", "/copied")
        await fs._put_file(str(root / "copied"), "/put/file")
        await fs._get_file("/put/file", str(local / "got"))
        assert (local / "got").read_bytes() == b"1"
        await fs._get("/new", str(local / "all"), recursive=True)
        await fs._put(str(local / "all"), "/all", recursive=True)
        assert len(await fs._find("/all")) == 50 and await fs._du("/put") == 1
        assert [path async for path, _, _ in fs._walk("/put")] == ["/put"]
        assert await fs._glob("/new/4?") == [f"/new/4{number}" for number in range(10)]
        assert (await fs._cat(["/copied", "/put/file"]))["/copied"] == b"1"
        assert await fs._cat_ranges(["/new/49", "/new/48"], [0, 1], [1, 2]) == [b"4", b"8"]
        await fs._rm("/all", recursive=True)
        await fs._makedirs("/x/y")
        assert await fs._lexists("/x/y") and not await fs._exists("/all")
        with pytest.raises(FileNotFoundError):
            await fs._cat_file("/none")

    asyncio.run(work())


def test_files_are_opened_and_awaited(fs, root):
    async def work():
        async with await fs.open_async("/new/file", "wb") as file:
            await file.write(b"one\ntwo\n")
        file = await fs.open_async("/new/file", "rb")
        assert await file.read(3) == b"one"
        await file.close()
        async with await fs.open_async("/new/file", "r") as file:
            assert [line async for line in file] == ["one\n", "two\n"]

    asyncio.run(work())
    assert (root / "new" / "file").read_bytes() == b"one\ntwo\n"


def test_it_is_used_by_one_loop_after_the_other_and_without_one(fs, root):
    async def work():
        await fs._pipe_file("/file", b"content")
        return await fs._cat_file("/file")

    for _ in range(2):
        assert asyncio.run(work()) == b"content"
    assert fs.cat_file("/file") == b"content"
    blocking = RemofileFileSystem(client=fs.client, skip_instance_cache=True)
    assert sync(blocking.loop, blocking._cat_file, "/file") == b"content"

    async def within():
        return blocking.cat_file("/file"), await blocking._cat_file("/file")

    assert asyncio.run(within()) == (b"content", b"content")


def test_calls_that_are_cancelled_end(fs, root):
    with open(root / "big", "wb") as file:
        file.truncate(1 << 40)

    async def work():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(fs._get_file("/big", os.devnull + ".none/x", outfile=Nowhere()), 0.2)
        return await fs._exists("/big")

    assert asyncio.run(work())


class Nowhere:
    def write(self, content):
        return len(content)


def test_calls_that_block_need_no_loop(server, monkeypatch):
    def never():
        raise AssertionError("a thread with a loop was started")

    monkeypatch.setattr("remofile._fs_base.get_loop", never)
    monkeypatch.setattr("fsspec.asyn.get_loop", never)
    fs = RemofileFileSystem("localhost", server.port, server._token, skip_instance_cache=True)
    fs.pipe("/a", b"1")
    assert fs.cat("/a") == b"1" and fs.find("/") == ["/a"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_it_is_used_after_a_fork(server):
    fs = RemofileFileSystem("localhost", server.port, server._token, skip_instance_cache=True)

    async def read():
        return [await fs._cat_file("/a"), await fs._find("/")]

    fs.pipe("/a", b"1")
    assert asyncio.run(read()) == [b"1", ["/a"]]
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if fs.cat("/a") == b"1" and asyncio.run(read()) == [b"1", ["/a"]] else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
