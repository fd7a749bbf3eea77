"""Asynchronous files beside files of this machine, by random content and random calls."""

import asyncio
import codecs
import random

import pytest

from remofile import AsyncClient

PIECES = ["", "a", "one\n", "two\r\n", "three\r", "\n\n", "\r\r\n", "ü€😀", "x" * 70_000, "\u2028\x0b\x85", "line of a text\n"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32-be", "latin-1", "cp1252", "shift_jis"]
NEWLINES = [None, "", "\n", "\r", "\r\n"]


@pytest.fixture
def options(server):
    return ("127.0.0.1", server.port, server._token)


def text_of(chosen, encoding):
    text = "".join(chosen.choice(PIECES) for _ in range(chosen.randrange(60)))
    return text.encode(encoding, "ignore").decode(encoding) if encoding not in ("utf-8-sig", "utf-16") else text


async def came(awaitable):
    """Returns the result of a call, or the class of what it raises."""
    try:
        return await awaitable
    except (OSError, ValueError) as error:
        return type(error)


def of(function, *arguments):
    try:
        return function(*arguments)
    except (OSError, ValueError) as error:
        return type(error)


async def read_both(chosen, local, file):
    """Makes the same calls of both, and compares."""
    marks = []
    for _ in range(chosen.randrange(5, 25)):
        kind, size = chosen.randrange(8), chosen.choice([-1, 0, 1, 2, 7, 100, 70_000])
        if kind == 0:
            assert await came(file.read(size)) == of(local.read, size)
        elif kind == 1:
            assert await came(file.readline(size)) == of(local.readline, size)
        elif kind in (2, 3):
            for _ in range(chosen.randrange(6)):
                assert await came(file.readline()) == of(local.readline)
        elif kind == 4:
            position = local.tell()
            assert await file.tell() == position or "b" not in file.mode
            marks.append((position, await file.tell()))
        elif kind == 5 and marks:
            theirs, ours = chosen.choice(marks)
            local.seek(theirs)
            await file.seek(ours)
        elif kind == 6:
            local.seek(0, 2)
            await file.seek(0, 2)
            assert await file.tell() == local.tell()
            local.seek(0)
            await file.seek(0)
        elif kind == 7:
            lines = []
            async for line in file:
                lines.append(line)
                if len(lines) > 3:
                    break
            assert lines == [local.readline() for _ in lines]
    assert await came(file.readlines()) == of(local.readlines)


@pytest.mark.parametrize("seed", range(60))
def test_a_file_is_read_as_a_local_one(options, root, seed):
    chosen = random.Random(seed)
    encoding, newline = chosen.choice(ENCODINGS), chosen.choice(NEWLINES)
    content = text_of(chosen, encoding).encode(encoding)
    (root / "foo").write_bytes(content)
    arguments = {"encoding": encoding, "newline": newline} if seed % 4 else {}
    mode = "r" if seed % 4 else "rb"
    buffering = chosen.choice([-1, 16, 1000])

    async def work():
        async with AsyncClient(*options) as client, client.open("/foo", mode, buffering=buffering, **arguments) as file:
            with open(root / "foo", mode, **arguments) as local:
                await read_both(chosen, local, file)

    asyncio.run(work())


@pytest.mark.parametrize("seed", range(20))
def test_a_file_is_written_as_a_local_one(options, root, local, seed):
    chosen = random.Random(seed)
    encoding, newline = chosen.choice(ENCODINGS), chosen.choice(NEWLINES)
    arguments = {"encoding": encoding, "newline": newline} if seed % 4 else {}
    kind = chosen.choice("wxa")
    mode = kind if seed % 4 else kind + "b"
    if kind == "a" and seed % 3:
        (root / "foo").write_bytes("old\n".encode(encoding))
        (local / "foo").write_bytes("old\n".encode(encoding))

    async def work():
        async with AsyncClient(*options) as client:
            with open(local / "foo", mode, **arguments) as theirs:
                async with client.open("/foo", mode, chosen.choice([-1, 16, 1000]), **arguments) as file:
                    for _ in range(chosen.randrange(30)):
                        data = text_of(chosen, encoding)
                        if "b" in mode:
                            data = data.encode("utf-8")
                        assert await file.write(data) == theirs.write(data)
                        if kind != "a" and chosen.random() < 0.2:
                            assert await file.tell() == theirs.tell()
                    with pytest.raises(TypeError):
                        await file.write("text" if "b" in mode else b"bytes")

    asyncio.run(work())
    assert (root / "foo").read_bytes() == (local / "foo").read_bytes()


def test_what_cannot_be_decoded_is_told_behind_what_can(options, root):
    (root / "foo").write_bytes(b"good\n" * 20_000 + b"\xff\xfe" + b"good\n" * 20_000)

    async def work():
        async with AsyncClient(*options) as client, client.open("/foo", encoding="utf-8") as file:
            lines = []
            for _ in range(2):
                with pytest.raises(UnicodeDecodeError):
                    async for line in file:
                        lines.append(line)
            assert lines == ["good\n"] * 20_000
        async with AsyncClient(*options) as client, client.open("/foo", encoding="utf-8", errors="replace") as file:
            assert await file.read() == (root / "foo").read_text(encoding="utf-8", errors="replace")

    asyncio.run(work())


def test_tasks_share_a_file_and_a_cancelled_one_has_read_nothing(options, root):
    lines = [b"%d\n" % number for number in range(50_000)]
    (root / "foo").write_bytes(b"".join(lines))

    async def work():
        async with AsyncClient(*options) as client, client.open("/foo", "rb", buffering=4096) as file:
            async def some():
                return [await file.readline() for _ in range(5000)]

            read = await asyncio.gather(*(some() for _ in range(4)))
            assert sorted(line for each in read for line in each) == sorted(lines[:20_000])
            rest = []
            while True:
                reading = asyncio.ensure_future(file.read(30_000))
                await asyncio.sleep(0)
                reading.cancel()
                (result,) = await asyncio.gather(reading, return_exceptions=True)
                if isinstance(result, bytes):
                    rest.append(result)
                data = await file.read(10_000)
                if not data:
                    break
                rest.append(data)
            assert b"".join(rest) == b"".join(lines[20_000:])

    asyncio.run(work())


def test_modes_and_settings_are_checked_as_the_function_open_does(options, root):
    (root / "foo").write_bytes(b"content")

    async def work():
        async with AsyncClient(*options) as client:
            for arguments in [("q",), ("rb", -1, "utf-8"), ("r", 0), ("r", -1, None, None, "x")]:
                with pytest.raises(ValueError):
                    await client.open("/foo", *arguments)
            with pytest.raises(LookupError):
                await client.open("/foo", encoding="none such")
            with pytest.raises(IsADirectoryError):
                await client.open("/")
            with pytest.raises(FileExistsError):
                async with client.open("/foo", "x") as file:
                    await file.write("content")
            async with client.open("/foo") as file:
                assert file.readable() and not file.writable() and file.seekable() and file.name == "/foo"
                with pytest.raises(OSError):
                    await file.write("text")
                with pytest.raises(OSError):
                    await file.seek(1, 1)
            with pytest.raises(ValueError, match="closed"):
                await file.read()
            await file.close()
            async with client.open("/foo", "r+") as file:
                assert await file.read(3) == "con" and await file.seek(0, 2) == 7
                await file.write("!")
                await file.seek(0)
                assert await file.readline() == "content!" and await file.truncate(3) == 3
            with pytest.warns(ResourceWarning):
                file = await client.open("/foo", "w")
                await file.write("never")
                del file

    asyncio.run(work())
    assert (root / "foo").read_bytes() == b"con"


def test_the_byte_order_is_marked_once(options, root):
    async def work():
        async with AsyncClient(*options) as client:
            for _ in range(2):
                async with client.open("/foo", "a", encoding="utf-16") as file:
                    await file.write("ab")

    asyncio.run(work())
    assert (root / "foo").read_bytes() == (codecs.BOM_UTF16 + "abab".encode("utf-16")[2:])
