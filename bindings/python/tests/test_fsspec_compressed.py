"""The file system for fsspec: files that are compressed as they are written, and names that cannot be listed."""

import bz2
import gzip
import lzma
import logging
import os
import zipfile

import pytest

from remofile.fs import RemofileFileSystem

CONTENT = b"line\n" * 500_000


@pytest.fixture
def fs(client):
    return RemofileFileSystem(client=client, skip_instance_cache=True)


def _unzip(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read(archive.namelist()[0])


READERS = {
    "gzip": lambda path: gzip.decompress(path.read_bytes()),
    "bz2": lambda path: bz2.decompress(path.read_bytes()),
    "xz": lambda path: lzma.decompress(path.read_bytes()),
    "zip": _unzip,
}


@pytest.mark.parametrize("compression", sorted(READERS))
def test_a_compressed_file_is_whole_when_it_is_closed(fs, root, compression):
    with fs.open("/binary", "wb", compression=compression) as file:
        assert file.write(CONTENT) == len(CONTENT)
        assert file.writable() and not file.readable() and not (root / "binary").exists()
    assert file.closed and READERS[compression](root / "binary") == CONTENT
    with pytest.raises(ValueError):
        file.write(b"more")
    with fs.open("/text", "wt", compression=compression, encoding="latin-1") as file:
        file.write("é\n")
    assert READERS[compression](root / "text") == b"\xe9\n"
    with fs.open("/binary", "rb", compression=compression) as file:
        assert file.read() == CONTENT
    with fs.open("/text", "rt", compression=compression, encoding="latin-1") as file:
        assert file.read() == "é\n"


@pytest.mark.parametrize("mode", ["wb", "wt"])
@pytest.mark.parametrize("compression", sorted(READERS))
def test_a_compressed_file_whose_block_raises_leaves_what_was_there(fs, root, compression, mode):
    (root / "old").write_bytes(b"old")
    for name in ("old", "new"):
        with pytest.raises(ZeroDivisionError):
            with fs.open(f"/{name}", mode, compression=compression) as file:
                file.write(CONTENT if mode == "wb" else CONTENT.decode())
                raise ZeroDivisionError
        assert file.closed
    assert {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()} == {"old": b"old"}


def test_a_name_tells_whether_a_file_is_compressed(fs, root):
    with fs.open("/a.gz", "wb", compression="infer") as file:
        file.write(b"content")
    with fs.open("/a.txt", "wb", compression="infer") as file:
        file.write(b"content")
    assert gzip.decompress((root / "a.gz").read_bytes()) == (root / "a.txt").read_bytes() == b"content"


def test_names_that_cannot_be_listed_are_told(fs, root, caplog):
    open(os.fsencode(root) + b"/bad\xff", "wb").close()
    (root / "good").touch()
    with caplog.at_level(logging.WARNING, "remofile"):
        assert fs.ls("/", detail=False) == ["/good"]
    assert any("left out" in record.getMessage() and "bad" in record.getMessage() for record in caplog.records)
