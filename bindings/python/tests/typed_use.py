"""The ways in which programs use the package: read by type checkers, and never run. Each line with a mistake says so, and only those."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Callable

from typing_extensions import assert_type

from remofile import (
    AsyncClient,
    Client,
    RemofilePath,
    Report,
    Server,
    ServerBusyError,
    Tokens,
    synchronize_upload,
    upload_files,
)


def right(client: Client, server: Server, tokens: Tokens) -> None:
    size: int = client.stat("/a").st_size
    listed: dict[str, tuple[bool, int, float]] = client.list_files(pathlib.PurePosixPath("/"))
    with client.open("/a") as text, client.open("/a", "rb") as reader, client.open("/a", "wb") as writer:
        assert_type(text.read(), str)
        assert_type(reader.read(), bytes)
        writer.write(reader.readline())
    with client.open("/a", "r+b", 1 << 16) as both:
        both.truncate(size + len(listed))
    with client.path("/a").open("a", encoding="utf-8") as more:
        more.write("text")
    client.upload_file(pathlib.Path("a"), client.path("/"), progress=lambda done, total: None)
    client.download_file("/a", ".", process_chunk=lambda chunk, remaining, size, name: True)
    report: Report | None = upload_files(client, "*.txt", "/", recursive=True, on_conflict="newer")
    assert_type(synchronize_upload(client, "a", "/a", delete=True).files, int)
    secret: str = tokens.add("alice", "write", expires=datetime.timedelta(hours=1))
    tokens.change("alice", quota=None, rights="read")
    server.client(secret, wait=5, timeout=1000).close()
    print(report)


def right_paths(path: RemofilePath) -> list[RemofilePath]:
    found = [child for child in path.rglob("*.txt") if child.is_file() and child > path]
    for directory, directories, files in path.walk(on_error=print):
        found += [directory / name for name in directories + files]
    return [*found, path.parent, "a" / path, path.replace("/b"), path.copy("/c")]


async def right_awaited(client: AsyncClient) -> None:
    content: bytes = await client.read_bytes("/a")
    await client.write_bytes("/b", content, replace=False)


class Mine(RemofilePath):
    def children(self) -> list[Mine]:
        return [self / "a", *self.iterdir(), self.parent]


def wrong(client: Client, tokens: Tokens, path: RemofilePath, server: Server) -> None:
    client.list_files(42)  # mistake: no path
    client.upload_file("a")  # mistake: no destination
    client.upload_file("a", "/", timeout="60")  # mistake: a text for a number
    client.open("/a", "rb").read().encode()  # mistake: bytes are not encoded
    client.open("/a", "w").write(b"bytes")  # mistake: bytes into a text file
    path.open("wb").write("text")  # mistake: a text into a binary file
    path.stat().st_sise  # mistake: no such attribute
    path.glob("*", case_sensitiv=True)  # mistake: no such option
    tokens.change("alice", right="read")  # mistake: no such setting
    server.client(None, waiting=5)  # mistake: no such option
    Client("localhost", 6768, tokn="secret")  # mistake: no such option
    open(path)  # mistake: no path of this machine
    path < "/a"  # mistake: texts are no paths
    wanted: Callable[[int], None] = client.delete_file  # mistake: it takes a path
    upload_files(client, "*", "/", exclude_files=[1])  # mistake: patterns are texts


async def wrong_awaited(client: AsyncClient) -> None:
    content: bytes = client.read_bytes("/a")  # mistake: it was not awaited
    await client.rename("/a")  # mistake: no new name


def wrong_error(error: ServerBusyError) -> None:
    print(error.holders[0].clients)  # mistake: no such attribute
