"""URLs and instances of the file system for fsspec, and what is built on them."""

import json
import os
import pickle
import subprocess
import sys
import threading

import fsspec
import pytest

from remofile import Server, generate_token
from remofile.fs import RemofileFileSystem

NAME = "/a#b%20c [1]&d=é.txt"


@pytest.fixture
def url(server, monkeypatch):
    monkeypatch.setenv("REMOFILE_TOKEN", server._token)
    return f"remofile://localhost:{server.port}"


def test_names_in_urls_are_taken_as_they_are():
    split = RemofileFileSystem._get_kwargs_from_urls, RemofileFileSystem._strip_protocol
    expected = {
        "remofile://host:1234/a?b#c.txt": ({"host": "host", "port": 1234}, "/a?b#c.txt"),
        "remofile://host/a%20b:c@d//e/": ({"host": "host"}, "/a%20b:c@d/e"),
        "remofile://secret@[::1]:99": ({"host": "::1", "port": 99, "token": "secret"}, "/"),
        "remofile:///a": ({}, "/a"),
        "/a?b#c": ({}, "/a?b#c"),
    }
    for url, (options, path) in expected.items():
        assert tuple(function(url) for function in split) == (options, path)
    with pytest.raises(ValueError) as raised:
        split[0]("remofile://secret@host:port/a")
    assert "secret" not in str(raised.value)


def test_a_path_has_its_url(server, url):
    fs, path = fsspec.core.url_to_fs(url + NAME)
    assert path == NAME and fs.unstrip_protocol(path) == url + NAME == fs.unstrip_protocol(url + NAME)
    assert fsspec.open(url + NAME).full_name == url + NAME


@pytest.mark.parametrize("cache", ["simplecache", "filecache", "blockcache"])
def test_urls_are_chained(url, root, tmp_path, cache):
    content = bytes(range(256)) * 1000
    (root / NAME[1:]).write_bytes(content)
    options = {cache: {"cache_storage": str(tmp_path / "cache")}}
    with fsspec.open(f"{cache}::{url}{NAME}", "rb", **options) as file:
        file.seek(100_000)
        assert file.read(10) == content[100_000:100_010]
        file.seek(0)
        assert file.read() == content


@pytest.mark.parametrize("cache", ["readahead", "blockcache", "bytes", "background", "none", "all"])
def test_caches_of_fsspec_are_used_if_they_are_asked_for(url, root, cache):
    content = bytes(range(256)) * 1000
    (root / "file").write_bytes(content)
    with RemofileFileSystem("localhost", url.rpartition(":")[2]).open("/file", cache_type=cache, block_size=1000) as file:
        file.seek(5000)
        assert file.read(3000) == content[5000:8000]
        file.seek(-3, 2)
        assert file.read() == content[-3:]


def test_a_file_that_is_read_can_be_pickled(url, root):
    (root / "file").write_bytes(b"0123456789")
    fs, _ = fsspec.core.url_to_fs(url)
    for options in ({}, {"cache_type": "bytes"}):
        with fs.open("/file", **options) as file:
            assert file.read(3) == b"012"
            with pickle.loads(pickle.dumps(file)) as again:
                assert again.read() == b"3456789"
    with fs.open("/new", "wb") as file, pytest.raises(TypeError):
        pickle.dumps(file)


def test_files_tell_their_modes(url, root):
    fs, _ = fsspec.core.url_to_fs(url)
    local = root / "local"
    for mode in ("w", "r", "r+", "a", "xt", "wb", "rb", "r+b", "ab"):
        local.touch()
        if "x" in mode:
            local.unlink()
        with open(local, mode) as file:
            expected = file.mode
        for opened in (fs.open, fs.client.open):
            if "x" in mode:
                fs.rm("/file")
            with opened("/file", mode) as file:
                assert file.mode == expected


def test_a_file_system_is_told_without_its_token(server, url):
    token = "".join(server._token)
    named = RemofileFileSystem("localhost", server.port, token)
    for fs in (named, RemofileFileSystem("localhost", server.port, token, public_key=None), RemofileFileSystem(client=server.client())):
        assert token in fs.to_json() and token not in fs.to_json(include_password=False)
        again = fsspec.AbstractFileSystem.from_json(fs.to_json(include_password=False))
        assert again.ls("/") == [] and json.loads(fs.to_json())["cls"] == "remofile.fs:RemofileFileSystem"
        assert fsspec.AbstractFileSystem.from_json(fs.to_json()).ls("/") == []
        assert pickle.loads(pickle.dumps(fs)).ls("/") == []
        assert token not in repr(fs) and token not in fs.unstrip_protocol("/")
    assert fsspec.AbstractFileSystem.from_json(named.to_json()) == named


def test_instances_are_kept_by_the_token_that_they_use(server, monkeypatch):
    monkeypatch.setenv("REMOFILE_TOKEN", server._token)
    first = RemofileFileSystem("localhost", server.port)
    assert RemofileFileSystem("localhost", server.port) is first
    monkeypatch.setenv("REMOFILE_TOKEN", generate_token())
    assert RemofileFileSystem("localhost", server.port) is not first


def test_what_a_file_is(url, root):
    (root / "file").write_bytes(b"0123456789")
    fs, _ = fsspec.core.url_to_fs(url)
    assert fs.head("/file", 3) == b"012" and fs.tail("/file", 3) == b"789"
    assert fs.modified("/file").timestamp() == pytest.approx((root / "file").stat().st_mtime)
    assert fs.created("/file") == fs.modified("/file")
    assert fs.cat(["/file"]) == {"/file": b"0123456789"} and fs.cat_file("/file", -4, -1) == b"678"
    assert fs.cat(["/file", "/none"], on_error="omit") == {"/file": b"0123456789"}
    assert isinstance(fs.cat(["/file", "/none"], on_error="return")["/none"], FileNotFoundError)
    before = fs.ukey("/file"), fs.checksum("/file")
    fs.touch("/file", truncate=False)
    assert (root / "file").read_bytes() == b"0123456789"
    fs.touch("/file")
    assert (root / "file").read_bytes() == b"" and before != (fs.ukey("/file"), fs.checksum("/file"))
    with pytest.raises(NotImplementedError):
        fs.sign("/file")


def test_threads_pipe_and_read_at_once(url, root):
    fs, _ = fsspec.core.url_to_fs(url)
    failed = []

    def work(number):
        try:
            for index in range(13):
                fs.pipe(f"/d/{number}-{index}", b"%d" % index)
                assert fs.cat(f"/d/{number}-{index}") == b"%d" % index
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and len(fs.ls("/d")) == 8 * 13


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="nothing tells how much memory was used")
@pytest.mark.parametrize("way", ["fs.cat_file('/big')", "fs.open('/big').read()"])
def test_a_big_file_is_read_into_memory_once(url, root, way):
    with open(root / "big", "wb") as file:
        file.truncate(256 * 1024 * 1024)
    code = (
        "import sys, fsspec\n"
        "def peak():\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return int(next(line for line in lines if line.startswith('VmHWM')).split()[1]) // 1024\n"
        "fs, _ = fsspec.core.url_to_fs(sys.argv[1])\n"
        "before = peak()\n"
        f"content = {way}\n"
        "print(len(content), peak() - before)\n"
    )
    given = [sys.executable, "-c", code, url]
    length, used = subprocess.run(given, capture_output=True, text=True, check=True).stdout.split()
    assert int(length) == 256 * 1024 * 1024 and int(used) < 384
