"""Transactions of the file system for fsspec."""

import gzip
import os

import pytest

from remofile.fs import RemofileFileSystem


@pytest.fixture
def fs(client):
    return RemofileFileSystem(client=client, skip_instance_cache=True)


def do_everything(fs, local):
    (local / "file").write_bytes(b"put")
    fs.pipe("/new/deep/piped", b"piped")
    fs.pipe("/big", b"x" * 3_000_000)
    fs.put(str(local / "file"), "/put/file")
    os.remove(local / "file")
    fs.cp("/old", "/copied")
    fs.mv("/moving", "/moved")
    fs.rm("/removed")
    fs.touch("/touched")
    with fs.open("/text", "w") as file:
        file.write("text")


@pytest.fixture
def before(root):
    for name in ("old", "moving", "removed"):
        (root / name).write_text(name)
    return {name: name.encode() for name in ("old", "moving", "removed")}


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_transaction_that_is_given_up_has_changed_nothing(fs, root, local, before):
    with pytest.raises(ZeroDivisionError):
        with fs.transaction:
            do_everything(fs, local)
            assert contents(root) == before
            1 / 0
    assert contents(root) == before
    assert not [path for path in root.iterdir() if path.is_dir()]
    fs.start_transaction()
    do_everything(fs, local)
    fs.transaction.complete(commit=False)
    assert contents(root) == before
    fs.pipe("/after", b"at once")
    assert (root / "after").exists()


def test_a_transaction_is_seen_at_its_end(fs, root, local, before):
    fs.start_transaction()
    do_everything(fs, local)
    assert contents(root) == before
    fs.end_transaction()
    assert contents(root) == {
        "old": b"old",
        "copied": b"old",
        "moved": b"moving",
        "new/deep/piped": b"piped",
        "big": b"x" * 3_000_000,
        "put/file": b"put",
        "touched": b"",
        "text": b"text",
    }


def test_what_is_compressed_in_a_transaction_is_whole(fs, root):
    with fs.transaction:
        with fs.open("/file.gz", "wb", compression="gzip") as file:
            file.write(b"content")
        left = fs.open("/left", "wb")
        left.write(b"open")
        assert contents(root) == {}
    assert gzip.decompress((root / "file.gz").read_bytes()) == b"content"
    assert (root / "left").read_bytes() == b"open" and left.closed


def test_what_is_missing_is_told_at_once(fs, root):
    with fs.transaction:
        for change in (lambda: fs.rm("/none"), lambda: fs.cp("/none", "/x"), lambda: fs.mv("/none", "/x")):
            with pytest.raises(FileNotFoundError):
                change()
    assert contents(root) == {}


def test_an_error_at_the_end_gives_up_what_follows(fs, root, before):
    with pytest.raises(FileNotFoundError):
        with fs.transaction:
            fs.pipe("/first", b"1")
            fs.rm("/removed")
            fs.pipe("/last", b"2")
            (root / "removed").unlink()
    assert (root / "first").exists() and not (root / "last").exists()
    assert not fs._intrans
