"""The file system for fsspec: fsspec's own tests, and what users of it do."""

import csv

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.tests.abstract import AbstractFixtures
from fsspec.tests.abstract.copy import AbstractCopyTests
from fsspec.tests.abstract.get import AbstractGetTests
from fsspec.tests.abstract.open import AbstractOpenTests
from fsspec.tests.abstract.pipe import AbstractPipeTests
from fsspec.tests.abstract.put import AbstractPutTests

from remofile import Server, generate_token
from remofile.fs import RemofileFileSystem


class Fixtures(AbstractFixtures):
    @pytest.fixture(scope="class")
    def fs(self, tmp_path_factory):
        with Server(tmp_path_factory.mktemp("root"), generate_token()) as server, server.client() as client:
            yield RemofileFileSystem(client=client, skip_instance_cache=True)

    @pytest.fixture
    def fs_path(self):
        return "/"

    @pytest.fixture(scope="class")
    def local_fs(self):
        return LocalFileSystem(auto_mkdir=True)

    @pytest.fixture
    def local_path(self, tmp_path):
        return tmp_path

    @pytest.fixture
    def local_join(self, local_fs):
        import os

        return os.path.join


class TestCopy(Fixtures, AbstractCopyTests):
    pass


class TestGet(Fixtures, AbstractGetTests):
    pass


class TestPut(Fixtures, AbstractPutTests):
    pass


class TestOpen(Fixtures, AbstractOpenTests):
    pass


class TestPipe(Fixtures, AbstractPipeTests):
    pass


@pytest.fixture
def url(server, monkeypatch):
    monkeypatch.setenv("REMOFILE_TOKEN", server._token)
    return f"remofile://localhost:{server.port}"


def test_a_url_opens_a_file(url, root):
    (root / "table.csv").write_text("name,size\nfoo,1\nbar,2\n")
    with fsspec.open(f"{url}/table.csv", "r", newline="") as file:
        assert [row["size"] for row in csv.DictReader(file)] == ["1", "2"]
    with fsspec.open(f"{url}/new/out.txt", "w") as file:
        file.write("hello")
    assert (root / "new" / "out.txt").read_text() == "hello"


def test_pandas_reads_a_url(url, root):
    pandas = pytest.importorskip("pandas")
    (root / "table.csv").write_text("name,size\nfoo,1\nbar,2\n")
    assert list(pandas.read_csv(f"{url}/table.csv")["size"]) == [1, 2]


def test_a_directory_is_copied_both_ways(url, root, local):
    (local / "deep").mkdir()
    (local / "deep" / "file").write_bytes(b"content")
    filesystem, path = fsspec.core.url_to_fs(url + "/")
    filesystem.put(str(local), "/copy", recursive=True)
    assert (root / "copy" / "deep" / "file").read_bytes() == b"content"
    filesystem.get("/copy", str(local / "back"), recursive=True)
    assert (local / "back" / "deep" / "file").read_bytes() == b"content"
    assert filesystem.find("/") == ["/copy/deep/file"]
    filesystem.rm("/copy", recursive=True)
    assert not (root / "copy").exists() and path == "/"


def test_files_are_moved_and_told_of(url, root):
    (root / "a").write_bytes(b"12345")
    filesystem, _ = fsspec.core.url_to_fs(url)
    filesystem.mv("/a", "/b")
    assert filesystem.info("/b")["size"] == 5
    assert filesystem.cat_file("/b", 1, 3) == b"23"
    assert filesystem.exists("/b") and not filesystem.exists("/a")
    with pytest.raises(FileNotFoundError):
        filesystem.info("/a")
