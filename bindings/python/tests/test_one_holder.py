"""A client is one holder for its server: whatever its threads, tasks and open files do at once is never in its own way."""

import asyncio
import os
import threading

import pytest

from remofile import AsyncClient, Client, Server, generate_token

pytestmark = pytest.mark.one_version


@pytest.fixture
def token():
    return generate_token()


@pytest.fixture
def server(token, tmp_path_factory):
    with Server(tmp_path_factory.mktemp("remofile"), token) as server:
        yield server


@pytest.fixture
def root(server):
    return server.root_directory


@pytest.fixture(params=[0, None], ids=["without waiting", "by default"])
def hasty(server, request):
    """A client that fails if it had to wait for anybody, and one as it is by default."""
    with server.client(wait=request.param) as client:
        yield client


def together(count, work):
    """Runs it on as many threads, and returns what they raised."""
    raised = []

    def run(number):
        try:
            work(number)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_threads_that_write_files_of_one_client_lose_nothing(hasty, root):
    def work(number):
        with hasty.open(f"/own{number}", "wb") as own, hasty.open("/same", "wb") as same:
            for _ in range(3):
                own.write(bytes([number]) * 700_000)
                same.write(bytes([number]) * 700_000)
            hasty.list_files("/")

    assert together(4, work) == []
    for number in range(4):
        assert (root / f"own{number}").read_bytes() == bytes([number]) * 2_100_000
    same = (root / "same").read_bytes()
    assert len(same) == 2_100_000 and len(set(same)) == 1


def test_threads_that_append_to_one_file_do_not_mix_their_lines(hasty, root):
    def work(number):
        for _ in range(5):
            with hasty.open("/log", "ab", buffering=0) as log:
                log.write(bytes([ord("a") + number]) * 100_000 + b"\n")

    assert together(4, work) == []
    lines = (root / "log").read_bytes().splitlines()
    assert len(lines) == 20 and all(len(line) == 100_000 and len(set(line)) == 1 for line in lines)


def test_a_listing_is_not_refused_while_an_own_file_closes(hasty):
    closed = threading.Event()

    def work(number):
        if number == 0:
            try:
                for round in range(10):
                    with hasty.open(f"/file{round}", "wb") as file:
                        file.write(b"x" * 300_000)
            finally:
                closed.set()
        while not closed.is_set():
            hasty.list_files("/")

    assert together(3, work) == []
    assert len(hasty.list_files("/")) == 10


def test_tasks_that_write_files_of_one_client_lose_nothing(server, root, token):
    async def work():
        async with AsyncClient("127.0.0.1", server.port, token, wait=0) as client:

            async def write(number):
                async with client.open(f"/own{number}", "wb") as file:
                    await file.write(bytes([number]) * 400_000)

            async def upload(number):
                await client.write_bytes(f"/shared{number % 5}", bytes([number]) * 100_000)

            await asyncio.gather(*map(write, range(10)))
            await asyncio.gather(*map(upload, range(50)))

    asyncio.run(work())
    assert all(len(set((root / f"own{number}").read_bytes())) == 1 for number in range(10))
    assert all(len(set((root / f"shared{number}").read_bytes())) == 1 for number in range(5))


def test_a_hundred_pipes_of_eight_threads_do_not_fail(server, root, token):
    from remofile.fs import RemofileFileSystem

    fs = RemofileFileSystem("127.0.0.1", server.port, token, wait=0, skip_instance_cache=True)
    assert together(8, lambda number: [fs.pipe(f"/pipe{at}", b"x" * 10_000) for at in range(number, 100, 8)]) == []
    assert sorted(path.name for path in root.iterdir()) == sorted(f"pipe{number}" for number in range(100))


def test_a_client_is_not_in_the_way_of_itself_after_calls_that_took_too_long(server, root, local, token):
    (local / "big").write_bytes(os.urandom(30_000_000))
    (root / "other").write_bytes(b"other" * 100_000)
    with Client("127.0.0.1", server.port, token, wait=0) as client:
        timeouts = 0
        for round in range(20):
            # Its connection stays while the one of the call is lost.
            with client.open("/other", "rb") as other:
                other.read(10)
                try:
                    client.upload_file(local / "big", "/", name="big", deadline=5 + 2 * round)
                except TimeoutError:
                    timeouts += 1
                if round % 2:
                    client.stat("/other")
                client.write_bytes("/big", b"new %d" % round)
                assert client.read_bytes("/big") == b"new %d" % round
                client.delete_file("/big")
                assert other.read(10)
        assert timeouts > 0
        assert not client.exists("/big")
        assert not client.status()["holders"]
