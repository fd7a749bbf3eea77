"""Paths like pathlib's, and open files."""

import io
import itertools

import pytest


@pytest.fixture
def top(client, root):
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "one.txt").write_text("one")
    (root / "a" / "b" / "two.txt").write_text("two")
    (root / "a" / "b" / "three.bin").write_bytes(b"three")
    return client.path("/a")


def texts(paths):
    return sorted(str(path) for path in paths)


def test_its_parts(client):
    path = client.path("/a") / "b" / "c.tar.gz"
    assert (path.name, path.stem, path.suffix, path.suffixes) == ("c.tar.gz", "c.tar", ".gz", [".tar", ".gz"])
    assert path.parent == client.path("/a/b") and texts(path.parents) == ["/", "/a", "/a/b"]
    assert str(path.with_name("d")) == "/a/b/d" and str(path.with_suffix(".xz")) == "/a/b/c.tar.xz"
    assert path.relative_to("/a").as_posix() == "b/c.tar.gz" and path.is_relative_to("/a/b")
    assert path.as_uri() == f"remofile://127.0.0.1:{client.port}/a/b/c.tar.gz"
    assert len({path, client.path("/a/b/c.tar.gz")}) == 1 and path.match("*.gz") and client.path("/a") < path


def test_what_is_there(top, root):
    assert top.exists() and top.is_dir() and not top.is_file()
    assert (top / "one.txt").is_file() and not (top / "missing").exists()
    assert (top / "one.txt").stat().st_mtime == (root / "a" / "one.txt").stat().st_mtime
    assert (top / "one.txt").stat().st_size == 3
    (root / "a" / "link").symlink_to("one.txt")
    assert (top / "link").is_symlink() and (top / "link").is_file() and not (top / "one.txt").is_symlink()
    with pytest.raises(FileNotFoundError):
        (top / "missing").stat()


def test_looking_for_files(top):
    assert texts(top.iterdir()) == ["/a/b", "/a/one.txt"]
    assert texts(top.glob("*.txt")) == ["/a/one.txt"]
    assert texts(top.glob("*/*.txt")) == ["/a/b/two.txt"]
    assert texts(top.rglob("*.txt")) == ["/a/b/two.txt", "/a/one.txt"]
    assert texts(top.glob("**/")) == ["/a", "/a/b"]
    assert texts(top.glob("**")) == ["/a", "/a/b", "/a/b/three.bin", "/a/b/two.txt", "/a/one.txt"]
    assert texts(top.rglob("t*")) == ["/a/b/three.bin", "/a/b/two.txt"]


def test_changing_things(top):
    new = top / "new" / "deep"
    with pytest.raises(FileNotFoundError):
        new.mkdir()
    new.mkdir(parents=True)
    new.mkdir(parents=True, exist_ok=True)
    with pytest.raises(FileExistsError):
        new.mkdir()
    (new / "file").touch()
    with pytest.raises(FileExistsError):
        (new / "file").touch(exist_ok=False)
    with pytest.raises(OSError):
        new.rmdir()
    with pytest.raises(IsADirectoryError):
        new.unlink()
    moved = (new / "file").rename("/a/moved")
    assert str(moved) == "/a/moved" and moved.exists()
    with pytest.raises(FileExistsError):
        moved.rename("/a/one.txt")
    moved.replace("/a/one.txt").unlink()
    (top / "one.txt").unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        (top / "one.txt").unlink()
    new.rmdir()
    assert not new.exists()


def test_content(top):
    assert (top / "one.txt").read_text() == "one" and (top / "b" / "three.bin").read_bytes() == b"three"
    assert (top / "new").write_text("grüße\n", encoding="utf-8") == 6
    assert (top / "new").read_bytes() == "grüße\n".encode()
    assert (top / "new").write_bytes(b"other") == 5 and (top / "new").read_text() == "other"
    with pytest.raises(FileNotFoundError):
        (top / "missing").read_bytes()


def test_open_files(top, client, root):
    with (top / "file").open("w") as file:
        print("one", file=file)
        assert not (root / "a" / "file").exists()
    with client.open("/a/file", "a") as file:
        print("two", file=file)
    with client.open("/a/file", "rb") as file:
        assert file.seek(4) == 4 and file.read() == b"two\n"
        with pytest.raises(io.UnsupportedOperation):
            file.write(b"x")
    with client.open("/a/file", "r+b") as file:
        file.seek(-4, io.SEEK_END)
        file.write(b"TWO")
    assert [line for line in client.open("/a/file")] == ["one\n", "TWO\n"]
    with pytest.raises(FileExistsError):
        client.open("/a/file", "x")
    with pytest.raises(FileNotFoundError):
        client.open("/missing")
    with pytest.raises(FileNotFoundError):
        client.open("/missing/file", "w")
    with pytest.raises(IsADirectoryError):
        client.open("/a")
    with pytest.raises(ValueError):
        client.open("/a/file", "q")


def test_a_mode_is_what_it_is_for_open(client, root):
    (root / "file").write_text("content")
    for letters in itertools.chain.from_iterable(itertools.permutations("rwax+bt", count) for count in range(4)):
        mode = "".join(letters)
        (root / "file").touch()
        if "x" in mode:
            (root / "file").unlink()
        try:
            open(root / "file", mode).close()
        except ValueError:
            with pytest.raises(ValueError):
                client.open("/file", mode)
            continue
        if "x" in mode:
            (root / "file").unlink()
        with client.open("/file", mode) as file:
            assert file.mode == mode if "b" not in mode else file.readable() == ("r" in mode or "+" in mode)
    # Versions of Python before 3.11 take "U" still.
    for mode in ("rr", "U", "rU"):
        with pytest.raises(ValueError):
            client.open("/file", mode)


def test_a_text_file_without_its_buffer_is_as_any_other(client, root):
    (root / "file").write_text("content")
    file = client.open("/file")
    assert file.detach().read() == b"content"
    with pytest.raises(ValueError, match="detached"):
        file.close()


def test_clients_take_such_paths(top, client, local):
    assert list(client.list_files(top)) == ["b", "one.txt"]
    client.download_file(top / "one.txt", local)
    assert (local / "one.txt").read_text() == "one"
    with pytest.raises(TypeError):
        open(top)
