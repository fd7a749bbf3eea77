"""Every option that a command has, its function has, too."""

import inspect
import os
import re
from pathlib import Path

import pytest

import remofile
from remofile import (
    Client,
    Conflict,
    OnConflict,
    Server,
    download_files,
    generate_keys,
    generate_token,
    synchronize_download,
    synchronize_upload,
    upload_files,
)
from remofile._options import DOWNLOAD, SYNC_DOWNLOAD, SYNC_UPLOAD, UPLOAD
from remofile.exceptions import SourceNotFound

COMMANDS = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()
#: What another name suits better in Python.
NAMES = {"compress_level": "compress", "bwlimit": "bytes_per_second", "no_resume": "resume", "no_whole_file": "whole_file"}
#: What is printed, or how sources are listed in a file: a program has functions and lists for that.
ASIDE = {
    "progress", "stats", "json", "quiet", "itemize_changes", "files_from", "from0", "recursive", "relative_directory",
    "chunk_size", "on_conflict", "force", "remote_first", "parents",
}  # fmt: skip


def options(heading):
    section = re.split(r"^#{3,4} ", COMMANDS.split(f"\n{heading}\n", 1)[1], maxsplit=1, flags=re.M)[0]
    rows = [row.split(" | ")[0] for row in section.splitlines() if row.startswith("| `-")]
    names = {name.replace("-", "_") for row in rows for name in re.findall(r"--([a-z0-9-]+)", row)}
    assert names
    return {NAMES.get(name, name) for name in names}


def parameters(function):
    return set(inspect.signature(function).parameters)


def test_a_server_has_the_options_of_the_command():
    # What a server says goes to the logger, which has levels. The rest is for a server that is a process of its own.
    of_process = {"config", "check_config", "log_file", "log_format", "metrics", "on_upload", "webhook", "hook_timeout",
                  "endpoint", "coordinator"}
    told = options("### run") - {"verbose", "quiet"} - of_process
    assert told - parameters(Server.__init__) - parameters(Server.run) == set()


def test_uploads_and_downloads_have_the_options_of_the_commands():
    told = options("### Options of upload and download")
    assert told - ASIDE - UPLOAD == {"fsync", "partial_expiry"} and told - ASIDE - DOWNLOAD == {"link_dest"}
    for function in (upload_files, download_files):
        assert {"recursive", "relative_directory", "chunk_size", "on_conflict", "progress"} <= parameters(function)
        assert {"timeout", "deadline"} <= parameters(function)
    for name in ("upload_file", "upload_directory", "download_file", "download_directory"):
        assert {"chunk_size", "progress", "timeout", "deadline", "options"} <= parameters(getattr(Client, name))


def test_synchronisation_has_the_options_of_the_command():
    told = options("### sync") - ASIDE
    assert told - SYNC_UPLOAD == {"fsync", "partial_expiry"} and told - SYNC_DOWNLOAD == {"link_dest"}


def test_a_limit_of_deletions_needs_deletions(client, root, local):
    (local / "tree").mkdir()
    for synchronize in (lambda: synchronize_upload(client, local / "tree", "/tree", max_delete=1),
                        lambda: synchronize_download(client, "/", local / "tree", max_delete=0, delete=False)):  # fmt: skip
        with pytest.raises(ValueError, match="max_delete needs delete"):
            synchronize()
    assert not (root / "tree").exists()


def test_every_option_is_taken_and_nothing_else(client, root, local, tmp_path):
    (local / "tree").mkdir()
    (local / "tree" / "file").write_bytes(b"x" * 5000)
    (tmp_path / "rules").write_text("\ufeff*.none\n")
    both = dict(
        compress=True, bytes_per_second=1 << 30, preserve_mode=True, retries=1, strict=True, links="follow",
        archive=False, owner=True, xattrs=True, numeric_ids=True, hard_links=True, devices=True, encode_names=True,
        exclude=["*.o"], include=["a.o"], exclude_from=tmp_path / "rules",
    )  # fmt: skip
    transfer = dict(both, resume=False, sparse=True, min_size=1, max_size=1 << 20, transfers=2, dry_run=False)
    receive = dict(fsync="none", partial_expiry=60)
    sync = dict(
        both, delete=True, max_delete=7, dry_run=False, checksum=True, size_only=False, update=True, existing=False,
        ignore_existing=False, modify_window=0.5, backup_dir=None, whole_file=True, files_from=["file"], resume=False,
        sparse=True, min_size=1, max_size=1 << 20, transfers=2,
    )  # fmt: skip
    assert (set(transfer) | {"link_dest"}, set(transfer | receive)) == (UPLOAD, DOWNLOAD)
    assert (set(sync) | {"link_dest"}, set(sync | receive)) == (SYNC_UPLOAD, SYNC_DOWNLOAD)
    client.upload_directory(local / "tree", "/", **transfer)
    client.upload_file(local / "tree" / "file", "/", **transfer)
    client.download_directory("/tree", local, "one", **transfer, **receive)
    client.download_file("/file", local, **transfer, **receive)
    assert upload_files(client, "tree", "/", local, recursive=True, overwrite=True, **transfer).files == 1
    assert download_files(client, "tree", local, recursive=True, overwrite=True, **transfer, **receive).files == 1
    synchronize_upload(client, local / "tree", "/sync", **sync)
    synchronize_download(client, "/sync", local / "sync", **sync, **receive)
    assert (local / "sync" / "file").read_bytes() == b"x" * 5000
    for call, wrong in (
        (lambda **o: client.upload_file(local / "file", "/", "n", **o), ["fsync", "partial_expiry", "ask", "recursive", "total"]),
        (lambda **o: client.download_file("/file", local, "n", **o), ["delete", "nonsense"]),
        (lambda **o: upload_files(client, "file", "/tree", local, **o), ["fsync", "checksum"]),
        (lambda **o: synchronize_upload(client, local, "/x", **o), ["fsync", "on_conflict", "overwrite"]),
    ):
        for name in wrong:
            with pytest.raises(TypeError, match=name):
                call(**{name: "end"})
    for name, value in (("delete", "yes"), ("compress", "yes"), ("checksum", 2), ("links", 4)):
        with pytest.raises(TypeError, match=name):
            synchronize_upload(client, local, "/x", **{name: value})
    with pytest.raises(TypeError, match="update and ignore_existing"):
        synchronize_upload(client, local, "/x", on_conflict="replace")


def test_a_dry_run_tells_what_would_be_moved_and_moves_nothing(client, root, local):
    (local / "new").mkdir()
    (local / "new" / "file").write_bytes(b"12345")
    (root / "there").write_bytes(b"123")
    up = upload_files(client, "new", "/", local, recursive=True, dry_run=True)
    down = download_files(client, "there", local, dry_run=True)
    assert (up.files, up.directories, up.bytes, down.files, down.bytes) == (1, 1, 5, 1, 3)
    client.upload_file(local / "new" / "file", "/", dry_run=True)
    assert [path.name for path in root.iterdir() if path.name != ".remofile"] == ["there"]
    assert not (local / "there").exists()


def test_a_synchronisation_of_listed_paths_and_of_sizes(client, root, tmp_path):
    tree, there = tmp_path / "tree", root / "there"
    for name in ("a", "d/x", "d/yy", "e/z"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    (tmp_path / "list").write_text("\ufeff./d//x\r\n\ne\n")

    def arrived():
        return sorted(str(path.relative_to(there)) for path in there.rglob("*") if path.is_file())

    synchronize_upload(client, tree, "/there", files_from=tmp_path / "list")
    assert arrived() == ["d/x", "e/z"]
    synchronize_upload(client, tree, "/there", delete=True, files_from=["a"])
    assert arrived() == ["a", "d/x", "e/z"]
    synchronize_upload(client, tree, "/there", min_size=4, transfers=4)
    assert arrived() == ["a", "d/x", "d/yy", "e/z"]
    with pytest.raises(SourceNotFound, match="missing"):
        synchronize_upload(client, tree, "/there", files_from=["missing"])
    with pytest.raises(ValueError):
        synchronize_upload(client, tree, "/there", files_from=["../out"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"compress": 20}, {"compress": -1}, {"compress": 300}, {"links": "some"}, {"transfers": 17}, {"transfers": 0}, {"retries": -1},
        {"min_size": -1}, {"min_size": 2**70},
        {"min_size": 2, "max_size": 1}, {"bytes_per_second": -1}, {"on_conflict": "ask"}, {"on_conflict": lambda _: "no"},
        {"overwrite": True, "on_conflict": "skip"}, {"exclude": ["["]},
    ],
)  # fmt: skip
def test_a_value_that_is_none_of_an_option_s_is_refused(client, root, local, wrong):
    (local / "file").write_text("new")
    (root / "file").write_text("old")
    with pytest.raises(ValueError):
        client.upload_file(local / "file", "/", **{"on_conflict": "replace", **wrong} if "overwrite" not in wrong else wrong)
    assert (root / "file").read_text() == "old"


@pytest.mark.parametrize("name", ["exclude", "include"])
def test_a_single_pattern_is_no_list_of_its_letters(client, root, local, name):
    (local / "foo.txt").touch()
    for call in (
        lambda: client.upload_file(local / "foo.txt", "/", **{name: "*.log"}),
        lambda: synchronize_upload(client, local, "/copy", **{name: "*.log"}),
        lambda: synchronize_download(client, "/", local, **{name: b"*.log"}),
    ):
        with pytest.raises(TypeError, match=f"{name} is a sequence of patterns"):
            call()
    assert synchronize_upload(client, local, "/copy", exclude=["*.log"]).files == 1


def test_files_in_the_way_go_by_the_rule_in_every_call(client, root, local):
    (local / "tree").mkdir()
    for path in (local / "file", local / "tree" / "file"):
        path.write_text("new")
    client.upload_directory(local / "tree", "/")
    for overwrite in ({"overwrite": True}, {"on_conflict": OnConflict.REPLACE}, {"on_conflict": "replace"}):
        (root / "file").write_text("old!")
        (root / "tree" / "file").write_text("old!")
        client.upload_file(local / "file", "/", **overwrite)
        client.upload_directory(local / "tree", "/", **overwrite)
        assert (root / "file").read_text() == (root / "tree" / "file").read_text() == "new"
        (local / "file").write_text("old!")
        (local / "tree" / "file").write_text("old!")
        client.download_file("/file", local, **overwrite)
        client.download_directory("/tree", local, **overwrite)
        assert (local / "file").read_text() == (local / "tree" / "file").read_text() == "new"
    (root / "file").write_text("old!")
    client.upload_file(local / "file", "/", on_conflict="skip")
    client.upload_file(local / "file", "/", on_conflict="rename")
    assert (root / "file").read_text() == "old!" and (root / "file (1)").read_text() == "new"


def test_permissions_are_kept_if_that_is_asked_for(client, root, local):
    (local / "file").write_text("x")
    (local / "file").chmod(0o640)
    client.upload_file(local / "file", "/", preserve_mode=True)
    assert (root / "file").stat().st_mode & 0o777 == 0o640
    client.download_file("/file", local, "back", preserve_mode=True)
    assert (local / "back").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_function_decides_about_each_file_in_the_way(client, root, local, way):
    source, target = (local, root) if way == "up" else (root, local)
    (source / "d").mkdir()
    (target / "d").mkdir()
    for name in ("one", "two", "three"):
        (source / "d" / name).write_text("new")
        (target / "d" / name).write_text("older")
        os.utime(target / "d" / name, (5, 5))
    (source / "d" / "four").write_text("new")
    seen = {}

    def decide(conflict):
        assert isinstance(conflict, Conflict)
        seen[conflict.path] = conflict
        return {"d/one": OnConflict.REPLACE, "d/two": "skip", "d/three": "rename"}[conflict.path]

    function = upload_files if way == "up" else download_files
    arguments = ("d", "/", local) if way == "up" else ("d", local, "/")
    report = function(client, *arguments, recursive=True, on_conflict=decide)
    assert report.files == 3 and sorted(seen) == ["d/one", "d/three", "d/two"]
    conflict = seen["d/one"]
    assert (conflict.existing.size, conflict.existing.modified, conflict.existing.is_directory) == (5, 5.0, False)
    assert (conflict.new.size, conflict.new.modified) == (3, (source / "d" / "one").stat().st_mtime)
    texts = {path.name: path.read_text() for path in (target / "d").iterdir()}
    assert texts == {"one": "new", "two": "older", "three": "older", "three (1)": "new", "four": "new"}


@pytest.mark.parametrize("way", ["up", "down"])
def test_what_a_function_for_conflicts_raises_is_raised_and_nothing_is_changed(client, root, local, way):
    for directory in (local, root):
        (directory / "file").write_text(f"{directory}")
    function = upload_files if way == "up" else download_files
    arguments = ("file", "/", local) if way == "up" else ("file", local, "/")
    with pytest.raises(ZeroDivisionError):
        function(client, *arguments, on_conflict=lambda _: 1 // 0)
    with pytest.raises(FileExistsError):
        function(client, *arguments, on_conflict=lambda _: "abort")
    assert all((directory / "file").read_text() == f"{directory}" for directory in (local, root))


def test_what_was_there_stays_when_a_callback_cancels(client, root, local):
    for directory in (local, root):
        (directory / "d").mkdir()
        (directory / "d" / "file").write_bytes(os.urandom(100_000))
        (directory / "d" / f"only-{directory.name}").touch()
    client.upload_directory(local / "d", "/", process_chunk=lambda *_: False, overwrite=True)
    client.download_directory("/d", local, process_chunk=lambda *_: False, overwrite=True)
    for directory in (local, root):
        assert (directory / "d" / f"only-{directory.name}").exists()


def test_every_option_of_a_server_works(tmp_path, local):
    token, (_, private) = generate_token(), generate_keys()
    (tmp_path / "token").write_text(f"{token}\n")
    (tmp_path / "key").write_text(f"public key: x\nprivate key: {private.decode()}\n")
    root = tmp_path / "root"
    root.mkdir()
    (local / "a b").write_text("x")
    more = dict(
        token_file=tmp_path / "token", file_mode=0o640, directory_mode=0o750, names="posix", partial_expiry=60,
        min_chunk_size=256, max_chunk_size=65536, no_encryption=True,
    )  # fmt: skip
    with Server(root, **more) as server, Client("localhost", server.port, token, encryption=False) as client:
        assert client.status()["cipher"] != Client("localhost", server.port, token).status()["cipher"]
        client.write_bytes("/a:b", b"")
        client.make_directory("d", "/")
        assert (root / "a:b").stat().st_mode & 0o777 == 0o640 and (root / "d").stat().st_mode & 0o777 == 0o750
        assert server.chunk_size_range == (256, 65536)
    with Server(root, token, private_key_file=tmp_path / "key") as server:
        with pytest.raises(remofile.AuthenticationError):
            Client("localhost", server.port, token, public_key=generate_keys()[0]).list_files("/")
    for wrong in (
        {"file_mode": 0o755}, {"file_mode": 0o400}, {"directory_mode": 0o600}, {"names": "any"}, {"partial_expiry": -1},
        {"token_file": tmp_path / "token"}, {"private_key": private, "no_encryption": True}, {"max_chunk_size": 1},
    ):  # fmt: skip
        with pytest.raises(ValueError):
            Server(root, token, **wrong)
    with pytest.raises(TypeError):
        Server(root, token, nonsense=1)


def test_an_archive_comes_back_as_it_was_and_a_snapshot_shares_files(client, root, local):
    tree = local / "tree"
    tree.mkdir()
    (tree / "file").write_bytes(b"x")
    os.link(tree / "file", tree / "second")
    os.symlink("/nowhere", tree / "out")
    open(os.fsencode(tree) + b"/raw\xe9", "wb").close()
    client.upload_directory(tree, "/", archive=True, hard_links=True)
    client.upload_directory(tree, "/", "snapshot", archive=True, hard_links=True, link_dest="/tree")
    assert (root / "snapshot" / "file").stat().st_ino == (root / "tree" / "file").stat().st_ino
    client.download_directory("/tree", local, "back", archive=True, hard_links=True)
    back = local / "back"
    assert sorted(os.listdir(os.fsencode(back))) == [b"file", b"out", b"raw\xe9", b"second"]
    assert os.readlink(back / "out") == "/nowhere"
    assert (back / "file").stat().st_ino == (back / "second").stat().st_ino
    with pytest.raises(TypeError, match="link_dest"):
        client.download_directory("/tree", local, "other", link_dest="/tree")
    with pytest.raises(ValueError, match="link_dest"):
        client.upload_directory(tree, "/", "other", link_dest="relative")
