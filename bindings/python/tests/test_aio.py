"""The client for programs that await."""

import asyncio
import gc

import pytest

from remofile import AsyncClient, Client, download_files, synchronize_download, synchronize_upload, upload_files


@pytest.fixture
def options(server):
    return ("127.0.0.1", server.port, server._token)


def test_calls_have_the_same_names_and_errors(options, root, local):
    (local / "foo").write_bytes(b"content")

    async def work():
        async with AsyncClient(*options) as client:
            await client.make_directory("bar", "/")
            await client.upload_file(local / "foo", "/bar")
            assert (await client.list_files("/bar"))["foo"][:2] == (False, 7)
            await client.download_file("/bar/foo", local, "back", timeout=60_000)
            assert (await client.stat("/bar/foo")).st_size == 7 and await client.read_bytes("/bar/foo") == b"content"
            with pytest.raises(FileExistsError):
                await client.create_file("foo", "/bar")
            results = await asyncio.gather(*(client.create_file(f"{n}", "/") for n in range(20)))
            assert results == [None] * 20

    asyncio.run(work())
    assert (local / "back").read_bytes() == b"content" and len(list(root.iterdir())) >= 21


def test_every_call_of_the_client_is_there():
    own = {"path", "hostname", "port"}
    assert {name for name in dir(Client) if not name.startswith("_")} - own <= set(dir(AsyncClient))


def test_files_are_opened(options, root):
    async def work():
        async with AsyncClient(*options) as client:
            async with client.open("/foo", "w") as file:
                assert await file.write("one\ntwo\n") == 8 and not (root / "foo").exists()
            file = await client.open("/foo")
            assert [line async for line in file] == ["one\n", "two\n"] and not file.closed
            await file.close()
            assert file.closed
            with pytest.raises(RuntimeError):
                async with client.open("/foo", "wb") as file:
                    await file.write(b"never")
                    raise RuntimeError
            with pytest.raises(FileNotFoundError):
                await client.open("/missing")
            with pytest.raises(ValueError, match="await it"):
                await client.open("/foo").read()
            assert (await client.read_bytes("/foo")) == b"one\ntwo\n"

    asyncio.run(work())


@pytest.mark.parametrize("mode", ["w", "w+"])
def test_a_file_whose_opening_is_cancelled_is_as_if_it_never_was(options, root, mode):
    (root / "foo").write_bytes(b"old")

    async def work():
        async with AsyncClient(*options) as client:
            await client.exists("/foo")
            for turns in range(12):
                opening = asyncio.ensure_future(client.open("/foo", mode).__aenter__())
                for _ in range(turns):
                    await asyncio.sleep(0.0002)
                opening.cancel()
                # It may be open by now: then it is forgotten without having been closed.
                await asyncio.wait([opening])
            del opening

    asyncio.run(work())
    gc.collect()
    assert (root / "foo").read_bytes() == b"old"


def test_functions_that_block_say_what_awaits_in_their_place(options, local):
    client = AsyncClient(*options)
    for function, arguments in (
        (upload_files, ("*", "/", local)),
        (download_files, ("*", local)),
        (synchronize_upload, (local, "/")),
        (synchronize_download, ("/", local)),
    ):
        with pytest.raises(TypeError, match=f"await client.{function.__name__}"):
            function(client, *arguments)
        assert callable(getattr(client, function.__name__))


def test_cancelling_ends_the_transfer(options, root, local):
    (local / "big").write_bytes(bytes(30_000_000))

    async def work():
        client = AsyncClient(*options)
        began, loop = asyncio.Event(), asyncio.get_running_loop()
        slowly = {"bytes_per_second": 5_000_000, "progress": lambda *_: loop.call_soon_threadsafe(began.set)}
        transfer = asyncio.create_task(client.synchronize_upload(local, "/copy", **slowly))
        await began.wait()
        transfer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await transfer
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.synchronize_upload(local, "/copy", bytes_per_second=5_000_000), 0.3)
        report = await client.synchronize_upload(local, "/copy")
        assert report.files == 1
        await client.close()

    asyncio.run(work())
    assert (root / "copy" / "big").stat().st_size == 30_000_000
