"""Files that are written to while they are read, and reading at random places."""

import asyncio
import io
import os
import random
import threading

import pytest

from remofile import AsyncClient, IntegrityError

SIZE = 2_000_000


@pytest.fixture
def content(root):
    content = random.Random(7).randbytes(SIZE)
    (root / "f").write_bytes(content)
    return content


def received(client):
    """The number of bytes that a proxy would have seen: those that reads of the raw file gave."""
    seen = []

    class Counted:
        def __init__(self, native):
            self.native = native

        def __getattr__(self, name):
            return getattr(self.native, name)

        def read_some(self, *arguments):
            data = self.native.read_some(*arguments)
            seen.append(len(data))
            return data

    return seen, Counted


def test_a_file_that_grows_is_read_up_to_the_size_that_it_had(client, root, content):
    with client.open("/f", "rb") as file:
        assert file.read(1000) == content[:1000]
        with open(root / "f", "ab") as log:
            log.write(b"more")
        os.utime(root / "f")
        assert file.read() == content[1000:]
        assert file.seek(0, os.SEEK_END) == SIZE


def test_a_file_that_is_replaced_is_read_to_its_end(client, root, content):
    with client.open("/f", "rb") as file:
        file.read(10)
        (root / "g").write_bytes(b"other")
        os.replace(root / "g", root / "f")
        assert file.read() == content[10:]


def test_what_is_gone_is_told_and_a_strict_reader_is_told_of_all(client, root, content):
    with client.open("/f", "rb") as file, client.open("/f", "rb", strict=True) as strict:
        file.read(10), strict.read(10)
        os.utime(root / "f", (5, 5))
        file.seek(1_000_000)
        file.read(10)
        strict.seek(1_000_000)
        with pytest.raises(IntegrityError):
            strict.read(10)
        with client.path("/f").open("rb", strict=True) as path:
            path.read(10)
            os.utime(root / "f", (6, 6))
            path.seek(1_000_000)
            with pytest.raises(IntegrityError):
                path.read(10)
        with open(root / "f", "r+b") as log:
            log.write(b"rewritten")
        with pytest.raises(IntegrityError):
            file.read()


def test_a_growing_file_is_downloaded_and_read_whole(client, root, local, content):
    stop = threading.Event()

    def grow():
        while not stop.is_set():
            with open(root / "f", "ab") as log:
                log.write(b"line\n" * 100)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(5):
            assert client.read_bytes("/f")[:SIZE] == content
            client.download_file("/f", local, name="copy")
            assert (local / "copy").read_bytes()[:SIZE] == content
            (local / "copy").unlink()
            with client.open("/f", "rb") as file:
                assert file.read()[:SIZE] == content
    finally:
        stop.set()
        thread.join()


def test_following_gives_lines_as_they_come(client, root):
    log = root / "log"
    log.write_text("1\n2\n")
    with client.open("/log", follow=True) as file:
        lines = iter(file)
        assert [next(lines), next(lines)] == ["1\n", "2\n"]
        thread = threading.Timer(0.1, lambda: log.open("a").write("3\n"))
        thread.start()
        assert next(lines) == "3\n"
        thread.join()
        os.replace(log, root / "log.1")
        log.write_text("new\n")
        assert next(lines) == "new\n"
    with client.open("/log", "rb", follow=True) as file:
        assert file.read(4) == b"new\n"
        with pytest.raises(io.UnsupportedOperation):
            file.read()
    with client.path("/log").open(follow=True) as file:
        assert file.readline() == "new\n"
    with pytest.raises(ValueError):
        client.open("/log", "w", follow=True)


def test_following_ends_with_the_timeout(server, root):
    (root / "log").write_text("1\n")
    with server.client(timeout=300) as client:
        with client.open("/log", follow=True) as file:
            assert file.readline() == "1\n"
            with pytest.raises(TimeoutError, match="after 300 ms"):
                file.readline()


def test_following_in_tasks(server, root):
    log = root / "log"
    log.write_text("1\n")

    async def main():
        async with AsyncClient("127.0.0.1", server.port, server._token) as client:
            async with client.open("/log", follow=True) as file:
                assert await file.readline() == "1\n"
                waiting = asyncio.ensure_future(file.readline())
                with log.open("a") as more:
                    more.write("2\n")
                assert await waiting == "2\n"
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(file.readline(), 0.2)

    asyncio.run(main())


def test_many_tasks_follow_while_others_write(server, root):
    (root / "log").write_text("1\n")

    async def main():
        async with AsyncClient("127.0.0.1", server.port, server._token) as client:
            files = [await client.open("/log", follow=True) for _ in range(40)]
            assert await asyncio.gather(*(file.readline() for file in files)) == ["1\n"] * 40
            waiting = [asyncio.ensure_future(file.readline()) for file in files]
            done, _ = await asyncio.wait(waiting, timeout=0)
            assert not done
            async with client.open("/log", "a") as log:
                await log.write("2\n")
            assert await asyncio.wait_for(asyncio.gather(*waiting), 20) == ["2\n"] * 40
            with pytest.raises(io.UnsupportedOperation):
                await files[0].read()
            for wrong in ({"mode": "w"}, {"mode": "r+"}, {"strict": True}):
                with pytest.raises(ValueError, match="followed"):
                    await client.open("/log", follow=True, **wrong)
            hurried = AsyncClient("127.0.0.1", server.port, server._token, deadline=300)
            async with hurried.open("/log", follow=True) as file:
                with pytest.raises(TimeoutError):
                    await file.read(10)

    asyncio.run(main())


def test_awaited_files_are_strict_if_that_is_wanted(server, root):
    log = root / "log"

    async def main():
        async with AsyncClient("127.0.0.1", server.port, server._token) as client:
            for strict in (False, True):
                log.write_bytes(bytes(3_000_000))
                async with client.open("/log", "rb", strict=strict) as file:
                    first = await file.read(10)
                    with log.open("ab") as more:
                        more.write(b"more")
                    if strict:
                        with pytest.raises(IntegrityError):
                            await file.read()
                    else:
                        assert len(first + await file.read()) == 3_000_000

    asyncio.run(main())


def test_reading_at_random_places_fetches_what_is_asked_for(client, content):
    with client.open("/f", "rb") as file:
        seen, counted = received(client)
        file.raw._native = counted(file.raw._native)
        places = random.Random(3)
        for _ in range(100):
            place = places.randrange(100_000, SIZE - 8192)
            file.seek(place)
            assert file.read(4096) == content[place : place + 4096]
        assert sum(seen) <= 100 * 8192
        seen.clear()
        file.seek(0)
        while file.read(1000):
            pass
        assert sum(seen) == SIZE


def test_what_buffers_give_is_what_the_file_has(client, content):
    places = random.Random(5)
    for mode in ("rb", "r+b"):
        with client.open("/f", mode) as file:
            local = io.BytesIO(content)
            for _ in range(300):
                what = places.randrange(6)
                count = places.choice([0, 1, 10, 5000, 70_000, 300_000])
                if what == 0:
                    place = places.randrange(SIZE + 10)
                    assert file.seek(place) == local.seek(place)
                elif what == 1:
                    assert file.readline(100) == local.readline(100)
                elif what == 2:
                    buffer, expected = bytearray(count), bytearray(count)
                    assert file.readinto(buffer) == local.readinto(expected)
                    assert buffer == expected
                elif what == 3:
                    got = file.read1(count)
                    assert got == local.read(len(got))
                else:
                    assert file.read(count) == local.read(count)
                assert file.tell() == local.tell()
            assert file.read() == local.read()


def test_parts_come_in_one_flight(server, client, root, content):
    (root / "g").write_bytes(b"0123456789")
    with client.open("/f", "rb") as file:
        file.read(10)
        assert file.readv([(5, 3), (SIZE - 2, 100), (0, 0)]) == [content[5:8], content[-2:], b""]
        for wrong in ((-1, 3), (0, -1)):
            with pytest.raises(ValueError, match="a part of a file"):
                file.readv([wrong])
        assert file.tell() == 10
    wanted = [("/f", 100, 200), ("/g", 3, None), ("/g", 8, 100)]
    assert client.read_ranges(wanted) == [content[100:200], b"3456789", b"89"]
    with pytest.raises(FileNotFoundError):
        client.read_ranges([("/g", 0, 1), ("/none", 0, 1)])
    with pytest.raises(ValueError, match="0 or later"):
        client.read_ranges([("/g", -1, None)])

    async def main():
        async with AsyncClient("127.0.0.1", server.port, server._token) as client:
            async with client.open("/g", "rb") as file:
                assert await file.readv([(1, 2)]) == [b"12"]
                with pytest.raises(ValueError, match="a part of a file"):
                    await file.readv([(-1, 2)])
            return await client.read_ranges(wanted)

    assert asyncio.run(main())[1] == b"3456789"


def test_ranges_of_the_file_system(client, root, content):
    pytest.importorskip("fsspec")
    from remofile.fs import RemofileFileSystem

    fs = RemofileFileSystem(client=client, skip_instance_cache=True)
    (root / "g").write_bytes(b"0123456789")
    assert fs.cat_ranges(["/f", "/g"], [10, 2], [20, 4]) == [content[10:20], b"23"]
    assert fs.cat_ranges(["/g", "/g"], None, 3) == [b"012", b"012"]
    assert fs.cat_ranges(["/g"], [-3], [None]) == [b"789"]
    got = fs.cat_ranges(["/none", "/g"], [0, 0], [1, 1])
    assert isinstance(got[0], FileNotFoundError) and got[1] == b"0"
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges(["/none", "/g"], [0, 0], [1, 1], on_error="raise")
