"""Copies from one server to another."""

import asyncio

import pytest

from remofile import AsyncClient, Client, Server, generate_token


@pytest.fixture
def other(tmp_path):
    """Another server, and a client of it."""
    directory = tmp_path / "other"
    directory.mkdir()
    with Server(directory, generate_token()) as server, server.client() as client:
        yield client, directory


def test_a_tree_is_copied_to_another_server(client, root, other):
    there, directory = other
    (root / "photos/2026").mkdir(parents=True)
    (root / "photos/2026/a.jpg").write_bytes(bytes(range(256)) * 5000)
    (root / "photos/b.jpg").write_bytes(b"b")
    report = client.copy_to(there, "/photos", "/backup", recursive=True)
    assert (report.files, report.bytes) == (2, 256 * 5000 + 1)
    assert (directory / "backup/2026/a.jpg").read_bytes() == bytes(range(256)) * 5000
    assert (directory / "backup/b.jpg").stat().st_mtime_ns == (root / "photos/b.jpg").stat().st_mtime_ns
    again = client.copy_to(there, "/photos", "/backup", recursive=True)
    assert (again.files, again.present) == (0, 2)


def test_what_cannot_be_copied_is_told_with_its_server(client, root, other):
    there, directory = other
    (root / "a").write_bytes(b"a")
    with pytest.raises(FileNotFoundError) as missing:
        client.copy_to(there, "/nothing", "/x")
    assert missing.value.filename.startswith(f"remofile://{client.hostname}:{client.port}/nothing")
    with pytest.raises(FileNotFoundError):
        client.copy_to(there, "/a", "/no/directory")
    client.copy_to(there, "/a", "/no/directory", parents=True)
    assert (directory / "no/directory").read_bytes() == b"a"
    (directory / "a").write_bytes(b"other")
    with pytest.raises(FileExistsError):
        client.copy_to(there, "/a", "/a")
    client.copy_to(there, "/a", "/a", replace=True)
    assert (directory / "a").read_bytes() == b"a"
    with pytest.raises(TypeError, match="compress"):
        client.copy_to(there, "/a", "/b", compress=True)
    with pytest.raises(ValueError, match="absolute"):
        client.copy_to(there, "a", "/b")


def test_one_server_copies_within_itself(client, root):
    (root / "a").write_bytes(b"a")
    client.copy_to(client, "/a", "/b")
    assert (root / "b").read_bytes() == b"a"


def test_progress_and_rules_are_those_of_transfers(client, root, other):
    there, directory = other
    (root / "t").mkdir()
    (root / "t/a.o").write_bytes(b"a")
    (root / "t/b").write_bytes(b"bb")
    told = []
    client.copy_to(
        there, "/t", "/t", recursive=True, exclude=["*.o"], progress=lambda done, total: told.append((done, total))
    )
    assert sorted(path.name for path in (directory / "t").iterdir()) == ["b"]
    assert told[-1][0] == 2


def test_it_can_be_awaited(client, root, other):
    there, directory = other
    for number in range(4):
        (root / str(number)).write_bytes(b"x" * number)

    async def copy():
        async with awaiting(client) as source, awaiting(there) as destination:
            await asyncio.gather(*(source.copy_to(destination, f"/{n}", f"/{n}") for n in range(4)))

    asyncio.run(copy())
    assert [(directory / str(number)).read_bytes() for number in range(4)] == [b"x" * number for number in range(4)]


def awaiting(client: Client) -> AsyncClient:
    return AsyncClient(client.hostname, client.port, str(client._settings[2]))
