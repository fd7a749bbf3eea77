"""Many calls of one asynchronous client: at a time, cancelled, and out of time."""

import asyncio
import gc
import inspect
import socket
import threading

import pytest

from remofile import AsyncClient, Client, Server, Tokens, algorithm, generate_token


@pytest.fixture
def options(server):
    return ("127.0.0.1", server.port, server._token)


@pytest.fixture
def silent():
    """The arguments for a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield ("127.0.0.1", listener.getsockname()[1], generate_token())


def begun(awaitable):
    return asyncio.ensure_future(awaitable)


async def cancelled(tasks):
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.one_version
def test_a_thousand_calls_are_outstanding_at_a_time(options, root):
    async def work():
        async with AsyncClient(*options) as client:
            await asyncio.gather(*(client.write_bytes(f"/{n}", b"%d" % n) for n in range(1000)))
            found = await asyncio.gather(*(client.stat(f"/{n}") for n in range(1000)))
            assert [each.st_size for each in found] == [len(str(n)) for n in range(1000)]
            read = await asyncio.gather(*(client.read_bytes(f"/{n}") for n in range(1000)))
            assert read == [b"%d" % n for n in range(1000)]
            # What fails is told to whoever asked for it.
            missing = await asyncio.gather(*(client.stat(f"/none{n}") for n in range(50)), return_exceptions=True)
            assert [error.filename for error in missing] == [f"/none{n}" for n in range(50)]

    asyncio.run(work())
    assert len(list(root.iterdir())) == 1000


@pytest.mark.one_version
def test_uploads_and_downloads_are_made_at_a_time(options, root, local):
    (local / "big").write_bytes(bytes(range(256)) * 4096)

    async def work():
        async with AsyncClient(*options) as client:
            await asyncio.gather(*(client.upload_file(local / "big", "/", f"{n}") for n in range(50)))
            await asyncio.gather(*(client.download_file(f"/{n}", local) for n in range(50)))

    asyncio.run(work())
    assert {path.read_bytes() for path in local.iterdir()} == {(local / "big").read_bytes()}


def test_a_thousand_calls_that_nobody_answers_are_cancelled_at_once(silent):
    async def work():
        client = AsyncClient(*silent)
        calls = [begun(client.stat("/")) for _ in range(1000)] + [begun(client.upload_file(__file__, "/")) for _ in range(300)]
        await asyncio.sleep(0)
        assert {type(result) for result in await cancelled(calls)} == {asyncio.CancelledError}
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.list_files("/"), 0.05)

    asyncio.run(work())


def test_the_time_of_a_call_begins_with_it_behind_a_thousand_others(silent):
    async def work():
        client = AsyncClient(*silent)
        stats = [begun(client.stat("/")) for _ in range(1000)]
        uploads = [begun(client.upload_file(__file__, "/")) for _ in range(300)]
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError) as raised:
            await client.stat("/", timeout=100)
        assert raised.value.errno and not inspect.isawaitable(raised.value)
        with pytest.raises(TimeoutError):
            await client.upload_file(__file__, "/", timeout=100)
        with pytest.raises(TimeoutError):
            await AsyncClient(*silent, timeout=100).read_bytes("/foo")
        assert not any(call.done() for call in stats + uploads)
        await cancelled(stats + uploads)

    asyncio.run(work())


@pytest.mark.one_version
def test_calls_that_wait_for_others_take_nobody_s_turn(options, root, local):
    (local / "big").write_bytes(bytes(40_000_000))

    async def work():
        async with AsyncClient(*options) as holder, AsyncClient(*options, wait=True) as client:
            began, loop = asyncio.Event(), asyncio.get_running_loop()
            slowly = {"bytes_per_second": 2_000_000, "progress": lambda *_: loop.call_soon_threadsafe(began.set)}
            holding = begun(holder.synchronize_upload(local, "/held", **slowly))
            await began.wait()
            waiting = [begun(client.write_bytes("/held/foo", b"%d" % n)) for n in range(100)]
            other = [begun(client.write_bytes(f"/held/{n}", b"")) for n in range(30)]
            await client.status()
            await asyncio.gather(*(client.write_bytes(f"/{n}", b"content") for n in range(100)))
            assert not holding.done() and not any(call.done() for call in waiting + other)
            await cancelled([holding])
            await asyncio.gather(*waiting, *other)

    asyncio.run(work())
    assert (root / "held" / "foo").exists() and (root / "99").read_bytes() == b"content"


def test_a_client_is_used_by_loops_one_after_the_other(options):
    client = AsyncClient(*options)

    async def work(name):
        await asyncio.gather(*(client.create_file(f"{name}{n}", "/") for n in range(30)))
        async with client.open("/text", "w") as file:
            await file.write(name)
        return await client.list_files("/")

    asyncio.run(work("a"))
    assert len(asyncio.run(work("b"))) == 61
    # In another thread, and while another loop waits.
    found = []

    async def outer():
        thread = threading.Thread(target=lambda: found.append(asyncio.run(work("c"))))
        thread.start()
        await client.exists("/")
        thread.join()
        assert await client.exists("/c29")

    asyncio.run(outer())
    assert len(found[0]) == 91


def test_nothing_is_left_of_a_client_that_was_not_closed(options):
    def names():
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("remofile_")]

    async def work():
        client = AsyncClient(*options)
        await asyncio.gather(*(client.upload_file(__file__, "/", f"{n}") for n in range(8)))
        calls = [begun(client.stat("/")) for _ in range(20)]
        await asyncio.sleep(0)
        return calls

    asyncio.run(work())
    gc.collect()
    for thread in threading.enumerate():
        if thread.name.startswith("remofile_"):
            thread.join()
    assert not names()


def test_a_callback_may_await_the_client(options, root, local):
    (local / "foo").write_bytes(bytes(3_000_000))
    told = []

    async def work():
        async with AsyncClient(*options) as client:
            loop = asyncio.get_running_loop()

            def progress(done, total):
                assert threading.current_thread() is not threading.main_thread()
                told.append(asyncio.run_coroutine_threadsafe(client.exists("/"), loop).result())

            await client.upload_file(local / "foo", "/", progress=progress)
            with pytest.raises(ZeroDivisionError):
                await client.upload_file(local / "foo", "/", "bar", process_chunk=lambda *_: 1 / 0)
            await client.upload_file(local / "foo", "/", "bar", process_chunk=lambda *_: False)

    asyncio.run(work())
    assert told and all(told) and [path.name for path in root.iterdir()] == ["foo"]


@pytest.mark.parametrize("name", ["progress", "process_chunk"])
def test_a_callback_that_awaits_a_client_without_another_session_is_told_so(tmp_path, local, name):
    tokens = Tokens()
    secret = tokens.add("alice", sessions=1)
    (tmp_path / "root").mkdir()
    (tmp_path / "root/foo").write_bytes(b"content")

    async def work(port):
        async with AsyncClient("127.0.0.1", port, secret) as client:
            loop = asyncio.get_running_loop()

            def awaited(call):
                return asyncio.run_coroutine_threadsafe(call, loop)

            for call in (lambda: client.exists("/foo"), lambda: client.upload_file(local / "bar", "/")):
                (local / "bar").write_bytes(b"")
                with pytest.raises(RuntimeError, match="allows no session beside"):
                    await client.download_file("/foo", local, **{name: lambda *_: awaited(call()).result()})
            # What nobody waits for is done when the callback is over.
            begun = []
            await client.download_file("/foo", local, **{name: lambda *_: begun.append(awaited(client.exists("/foo"))) or True})
            assert begun and all([await asyncio.wrap_future(one) for one in begun])

    with Server(tmp_path / "root", tokens=tokens) as server:
        asyncio.run(work(server.port))
    assert (local / "foo").read_bytes() == b"content"


def test_callbacks_of_as_many_transfers_as_there_are_turns_may_await_the_client(options, root, local):
    (root / "foo").write_bytes(b"content")
    # As many as a client makes calls at a time.
    all_of_them = threading.Barrier(16)

    async def work():
        async with AsyncClient(*options) as client:
            loop = asyncio.get_running_loop()

            def look(*_):
                all_of_them.wait(60)
                return asyncio.run_coroutine_threadsafe(client.exists("/foo"), loop).result()

            await asyncio.gather(*(client.download_file("/foo", local, f"{n}", process_chunk=look) for n in range(16)))

    asyncio.run(work())
    assert len(list(local.iterdir())) == 16


def test_a_callback_that_awaits_a_client_of_protocol_1_that_waits_for_it_is_told_so(options, root, local):
    (root / "foo").write_bytes(b"content")

    async def work():
        async with AsyncClient(*options, protocol=1) as client:
            loop = asyncio.get_running_loop()

            def awaited(call):
                return asyncio.run_coroutine_threadsafe(call, loop)

            with pytest.raises(RuntimeError, match="use another one"):
                await client.download_file("/foo", local, process_chunk=lambda *_: awaited(client.exists("/foo")).result())
            begun = []
            await client.download_file("/foo", local, process_chunk=lambda *_: begun.append(awaited(client.exists("/foo"))) or True)
            assert [await asyncio.wrap_future(one) for one in begun] == [True]

    asyncio.run(work())
    assert (local / "foo").read_bytes() == b"content"


def test_without_a_loop_of_asyncio_it_is_told_what_to_do(options):
    client = AsyncClient(*options)
    with pytest.raises(RuntimeError, match="trio.to_thread"):
        client.stat("/").send(None)
    with pytest.raises(RuntimeError, match="trio.to_thread"):
        client.upload_file(__file__, "/").send(None)


def test_it_has_what_the_client_has_and_documents_it():
    functions = {name: getattr(algorithm, name) for name in algorithm.__all__}
    own = {name: value for name, value in vars(Client).items() if not name.startswith("_")}
    for base in Client.__mro__:
        own.update({name: value for name, value in vars(base).items() if not name.startswith("_")})
    del own["path"]
    for name, value in {**own, **functions}.items():
        mirrored = getattr(AsyncClient, name)
        if isinstance(value, property):
            continue
        value = getattr(Client, name, value)
        assert len(inspect.getdoc(mirrored)) > 40, name
        parameters = inspect.signature(mirrored).parameters
        assert not any(each.kind is each.VAR_POSITIONAL for each in parameters.values()), name
        theirs = inspect.signature(value).parameters
        if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in theirs.values()):
            continue
        expected = [(each.name, each.default, each.kind) for each in theirs.values() if each.name not in ("self", "client", "cls")]
        assert [(each.name, each.default, each.kind) for each in parameters.values() if each.name != "self"] == expected, name
    assert inspect.signature(AsyncClient) == inspect.signature(Client)
