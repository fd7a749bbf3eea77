"""Clients of several servers: each will do, and they are told by URLs and in errors."""

import socket

import pytest

from remofile import AsyncClient, Client, RemofilePath

pytestmark = pytest.mark.one_version


@pytest.fixture
def servers(server):
    """One port at which nobody listens, and a server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = free.getsockname()[1]
    return f"127.0.0.1:{gone},127.0.0.1:{server.port}"


@pytest.fixture
def token(client):
    return "".join(client._settings[2])


def test_a_client_uses_the_server_that_is_there(servers, token, root):
    with Client(servers, 1, token) as client:
        client.write_bytes("/file", b"content")
        with client.open("/file", "ab") as file:
            file.write(b", and more")
        with client.open("/file", "w") as file:
            file.write("rewritten")
    assert (root / "file").read_bytes() == b"rewritten"


def test_paths_have_urls_with_all_servers(servers, token):
    client = Client(servers, 1, token)
    path = client.path("/a b")
    assert path.as_uri() == f"remofile://{servers}/a%20b"
    assert RemofilePath.from_uri(path.as_uri(), client) == path
    assert Client("h,g:7,::1", 6768, token).path("/").as_uri() == "remofile://h:6768,g:7,[::1]:6768/"
    with pytest.raises(ValueError, match="another server"):
        RemofilePath.from_uri("remofile://h:1/a", client)


def test_the_file_system_for_fsspec_takes_such_urls(servers, token, root):
    fsspec = pytest.importorskip("fsspec")
    url = f"remofile://{servers}/x"
    with fsspec.open(url, "wb", token=token) as file:
        file.write(b"1")
    with fsspec.open(url, "rb", token=token) as file:
        assert file.read() == b"1"
    assert (root / "x").read_bytes() == b"1"


def test_an_error_tells_each_server(token):
    with socket.socket() as one, socket.socket() as two:
        for free in (one, two):
            free.bind(("127.0.0.1", 0))
        names = [f"127.0.0.1:{free.getsockname()[1]}" for free in (one, two)]
    with pytest.raises(ConnectionError) as told:
        # Without a timeout, which might end in the middle of an attempt.
        Client(",".join(names), 1, token).list_files("/")
    assert all(name in str(told.value) for name in names)


def test_an_asynchronous_client_does_as_well(servers, token):
    import asyncio

    async def work():
        async with AsyncClient(servers, 1, token) as client:
            await client.write_bytes("/file", b"1")
            return await client.read_bytes("/file")

    assert asyncio.run(work()) == b"1"
