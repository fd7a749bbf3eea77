"""Tests of places at a server: copies, links, attributes, and listings that know them."""

import asyncio
import os
import stat
import warnings

import pytest
from remofile import AsyncClient, Client, DirEntry, FileNameError, UnlistedWarning
from remofile.fs import RemofileFileSystem


def test_a_name_that_is_no_utf8_is_told_as_such_and_its_file_goes_under_another(client, root, tmp_path):
    source = tmp_path / os.fsdecode(b"bad\xff")
    source.write_bytes(b"content")
    for call in (lambda: client.upload_file(source, "/"), lambda: client.list_files("/" + source.name)):
        with pytest.raises(FileNameError, match="not UTF-8"):
            call()
    client.upload_file(source, "/", name="good")
    assert (root / "good").read_bytes() == b"content"


def test_what_cannot_be_the_root_directory_is_told_so(client, root, local):
    (root / "file").write_text("content")
    for call in (
        lambda: client.delete_file("/", recursive=True),
        lambda: client.path("/").rmtree(),
        lambda: client.rename("/", "/other"),
        lambda: client.download_directory("/", local),
    ):
        with pytest.raises(FileNameError, match="root directory"):
            call()
    client.download_directory("/", local, name="all")
    assert (local / "all" / "file").read_text() == (root / "file").read_text() == "content"


def test_a_link_that_leads_nowhere_has_no_content(client, root):
    (root / "link").symlink_to("nowhere")
    for read in (lambda: client.read_bytes("/link"), lambda: client.open("/link"), client.path("/link").read_text):
        with pytest.raises(FileNotFoundError) as raised:
            read()
        assert raised.value.filename == "/link"


def test_an_upload_replaces_a_link_and_what_is_opened_is_written_through_it(client, root, tmp_path):
    (root / "target").write_text("old")
    (root / "link").symlink_to("target")
    with client.open("/link", "w") as file:
        file.write("through")
    assert (root / "link").is_symlink() and (root / "target").read_text() == "through"
    (tmp_path / "link").write_text("new")
    client.upload_file(tmp_path / "link", "/", on_conflict="replace")
    assert not (root / "link").is_symlink() and (root / "link").read_text() == "new"
    assert (root / "target").read_text() == "through"


def test_a_file_is_copied_by_the_server_with_time_and_permission_bits(client, root):
    (root / "foo").write_bytes(b"abc")
    (root / "foo").chmod(0o640)
    os.utime(root / "foo", ns=(0, 1_000_000_000_000_000_005))
    report = client.copy("/foo", "/bar")
    assert (report.files, report.bytes) == (1, 3)
    made = (root / "bar").stat()
    assert ((root / "bar").read_bytes(), made.st_mode & 0o777, made.st_mtime_ns) == (b"abc", 0o640, 10**18 + 5)
    with pytest.raises(FileExistsError) as raised:
        client.copy("/foo", "/bar")
    assert raised.value.filename == "/bar"
    (root / "foo").write_bytes(b"new")
    client.copy("/foo", "/bar", replace=True)
    assert (root / "bar").read_bytes() == b"new"
    (root / "bar").write_bytes(b"another")
    assert client.copy("/foo", "/bar", on_conflict="skip").files == 0
    assert (root / "bar").read_bytes() == b"another"
    client.copy("/foo", "/a/b/c", parents=True)
    assert (root / "a/b/c").read_bytes() == b"new"


def test_a_copy_that_cannot_be_says_why(client, root):
    (root / "a").mkdir()
    (root / "foo").write_bytes(b"abc")
    for source, destination, kind in (
        ("/none", "/b", FileNotFoundError),
        ("/foo", "/none/b", FileNotFoundError),
        ("/a", "/b", IsADirectoryError),
        ("/foo", "/a", FileExistsError),
        ("/foo", "/foo", OSError),
    ):
        with pytest.raises(kind):
            client.copy(source, destination)
    with pytest.raises(OSError, match="inside"):
        client.copy("/a", "/a/b", recursive=True)
    with pytest.raises(ValueError):
        client.copy("foo", "/b")
    with pytest.raises(ValueError):
        client.copy("/foo", "/b", on_conflict="perhaps")
    assert sorted(path.name for path in root.iterdir() if path.name != ".remofile") == ["a", "foo"]


def test_a_tree_is_copied(client, root):
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/file").write_bytes(b"f")
    (root / "a/link").symlink_to("b/file")
    report = client.copy("/a", "/c", recursive=True)
    assert (report.files, report.directories) == (2, 2)
    assert (root / "c/b/file").read_bytes() == b"f" and os.readlink(root / "c/link") == "b/file"
    with pytest.raises(FileExistsError):
        client.copy("/a", "/c", recursive=True)
    (root / "a/new").write_bytes(b"n")
    client.copy("/a", "/c", recursive=True, replace=True)
    assert (root / "c/new").read_bytes() == b"n"


def test_fsspec_copies_at_the_server(client, root):
    filesystem = RemofileFileSystem(client=client, skip_instance_cache=True)
    (root / "a").mkdir()
    (root / "a/file").write_bytes(b"f")
    filesystem.cp_file("/a/file", "/deep/down/file")
    assert (root / "deep/down/file").read_bytes() == b"f"
    filesystem.copy("/a", "/b", recursive=True)
    assert (root / "b/file").read_bytes() == b"f"


def test_links_are_made_and_read_and_never_lead_out(client, root):
    (root / "a").mkdir()
    (root / "foo").write_bytes(b"abc")
    client.symlink("../foo", "/a/link")
    assert os.readlink(root / "a/link") == "../foo" and client.readlink("/a/link") == "../foo"
    assert client.read_bytes("/a/link") == b"abc"
    assert stat.S_ISLNK(client.lstat("/a/link").st_mode) and stat.S_ISREG(client.stat("/a/link").st_mode)
    for target in ("/etc/passwd", "../../up", "../a/../../up"):
        with pytest.raises(PermissionError):
            client.symlink(target, "/a/out")
    with pytest.raises(FileExistsError):
        client.symlink("foo", "/a/link")
    with pytest.raises(OSError, match="not a symbolic link"):
        client.readlink("/foo")
    with pytest.raises(FileNotFoundError):
        client.readlink("/none")


def test_a_link_that_leads_nowhere_is_there_and_what_it_leads_to_is_not(client, root):
    (root / "broken").symlink_to("none")
    assert client.readlink("/broken") == "none" and stat.S_ISLNK(client.lstat("/broken").st_mode)
    assert not client.exists("/broken")
    with pytest.raises(FileNotFoundError):
        client.stat("/broken")


def test_permission_bits_and_times_are_set_to_the_nanosecond(client, root):
    (root / "foo").write_bytes(b"abc")
    (root / "link").symlink_to("foo")
    client.chmod("/link", 0o100600)
    assert (root / "foo").stat().st_mode & 0o7777 == 0o600
    client.utime("/link", ns=(1, 1_234_567_890_123_456_789))
    assert (root / "foo").stat().st_mtime_ns == 1_234_567_890_123_456_789
    told = client.stat("/foo")
    assert told.st_mtime_ns == told.st_atime_ns == told.st_ctime_ns == 1_234_567_890_123_456_789
    assert (told.st_mtime, told.st_mode) == ((root / "foo").stat().st_mtime, (root / "foo").stat().st_mode)
    client.utime("/foo", (0, -1.5))
    assert (root / "foo").stat().st_mtime_ns == -1_500_000_000 == client.stat("/foo").st_mtime_ns
    client.utime("/foo")
    assert abs((root / "foo").stat().st_mtime - os.stat(root).st_mtime) < 600
    for call in (lambda: client.chmod("/none", 0o600), lambda: client.utime("/none")):
        with pytest.raises(FileNotFoundError):
            call()
    with pytest.raises(ValueError):
        client.utime("/foo", (1, 1), ns=(1, 1))


def test_entries_of_a_directory_know_what_they_are(client, root):
    (root / "d").mkdir()
    (root / "d/file").write_bytes(b"abc")
    (root / "d/inner").mkdir()
    (root / "d/link").symlink_to("inner")
    (root / "d/broken").symlink_to("none")
    with client.scandir("/d") as entries:
        found = {entry.name: entry for entry in entries}
    assert list(found) == ["broken", "file", "inner", "link"]
    file = found["file"]
    assert isinstance(file, DirEntry) and file.path == "/d/file"
    assert (file.is_file(), file.is_dir(), file.is_symlink()) == (True, False, False)
    assert file.stat().st_size == 3 and file.stat().st_mtime_ns == (root / "d/file").stat().st_mtime_ns
    link, broken = found["link"], found["broken"]
    assert link.is_symlink() and link.is_dir() and not link.is_dir(follow_symlinks=False) and link.target == "inner"
    assert stat.S_ISLNK(link.stat(follow_symlinks=False).st_mode) and stat.S_ISDIR(link.stat().st_mode)
    assert not broken.is_file() and not broken.is_dir()
    with pytest.raises(FileNotFoundError):
        broken.stat()
    assert client.read_bytes(file) == b"abc", "an entry is as good as a path"
    with pytest.raises(NotADirectoryError):
        client.scandir("/d/file")


def test_what_was_told_with_a_directory_is_not_asked_for_again(client, root, monkeypatch):
    for name in ("a", "b", "c"):
        (root / name).write_bytes(b"abc")
    entries = list(client.scandir("/"))
    monkeypatch.setattr(Client, "_native", property(lambda self: pytest.fail("a trip")))
    assert sum(entry.stat().st_size for entry in entries if entry.is_file()) == 9


def local_walk(root, topdown=True):
    steps = []
    for path, directories, files in os.walk(root, topdown):
        if ".remofile" in directories:
            directories.remove(".remofile")
        if ".remofile" not in path:
            relative = os.path.relpath(path, root)
            steps.append(("/" if relative == "." else f"/{relative}", sorted(directories), sorted(files)))
    return steps


def test_a_walk_is_what_it_would_be_here(client, root):
    for name in ("a/b/c", "a/d", "e"):
        (root / name).mkdir(parents=True)
    for name in ("x", "a/y", "a/b/c/z"):
        (root / name).write_bytes(b"")
    (root / "a/link").symlink_to("b")
    (root / "e/up").symlink_to("../a/y")
    (root / "e/broken").symlink_to("none")
    assert list(client.walk("/")) == sorted(local_walk(root))
    assert sorted(client.walk("/", topdown=False)) == sorted(local_walk(root, False))
    bottom_up = [path for path, _, _ in client.walk("/", topdown=False)]
    assert bottom_up.index("/a/b/c") < bottom_up.index("/a/b") < bottom_up.index("/a") < bottom_up.index("/")
    assert [path for path, _, _ in client.walk("/a")] == ["/a", "/a/b", "/a/b/c", "/a/d"]
    seen = []
    for path, directories, _ in client.walk("/"):
        seen.append(path)
        if "b" in directories:
            directories.remove("b")
    assert seen == ["/", "/a", "/a/d", "/e"]
    assert list(client.walk("/none")) == []
    errors = []
    assert list(client.walk("/none", onerror=errors.append)) == [] and isinstance(errors[0], FileNotFoundError)


def test_names_that_cannot_be_listed_are_told(client, root):
    (root / "good").write_bytes(b"")
    open(os.fsencode(root) + b"/bad\xff", "wb").close()
    (root / "line\nbreak").write_bytes(b"")
    for call in (
        lambda: list(client.list_files("/")),
        lambda: [entry.name for entry in client.scandir("/")],
        lambda: next(client.walk("/"))[2],
    ):
        with pytest.warns(UnlistedWarning) as told:
            assert call() == ["good"]
        assert "bad\\xff" in str(told[0].message) and "line" in str(told[0].message)
        assert told[0].filename == __file__, "it is told where the call is made"
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnlistedWarning)
        with pytest.raises(UnlistedWarning):
            client.list_files("/")


def test_all_of_it_can_be_awaited(client, root):
    client.make_directories("/d")
    (root / "d/foo").write_bytes(b"abc")

    async def work():
        async with AsyncClient(client.hostname, client.port, client._settings[2]) as other:
            await other.copy("/d/foo", "/bar")
            await other.symlink("bar", "/link")
            await other.chmod("/bar", 0o600)
            await other.utime("/bar", ns=(0, 5))
            assert await other.readlink("/link") == "bar" and stat.S_ISLNK((await other.lstat("/link")).st_mode)
            assert [entry.name for entry in await other.scandir("/d")] == ["foo"]
            return [step async for step in other.walk("/")]

    assert asyncio.run(work()) == [("/", ["d"], ["bar", "link"]), ("/d", [], ["foo"])]
    assert ((root / "bar").stat().st_mtime_ns, (root / "bar").stat().st_mode & 0o777) == (5, 0o600)


def test_names_that_the_server_would_not_take_are_read_moved_and_deleted(client, root, local):
    (root / "d/e:f").mkdir(parents=True)
    for name in ("d/a:b", "d/e:f/g", "d/fine"):
        (root / name).write_bytes(b"abc")
    (root / "d/l:k").symlink_to("a:b")
    filesystem = RemofileFileSystem(client=client, skip_instance_cache=True)
    assert {entry.name for entry in client.scandir("/d") if entry.is_file()} == {"a:b", "fine", "l:k"}
    assert client.read_bytes("/d/a:b") == b"abc" and client.stat("/d/l:k").st_size == 3
    assert filesystem.du("/d") >= 9 and filesystem.info("/d/a:b")["size"] == 3
    client.download_directory("/d", local)
    assert (local / "d/e:f/g").read_bytes() == b"abc"
    with pytest.raises(OSError):
        client.copy("/d/fine", "/d/b:c")
    client.rename("/d/a:b", "/d/ab")
    client.delete_file("/d/e:f", recursive=True)
    assert sorted(os.listdir(root / "d")) == ["ab", "fine", "l:k"]
