"""The file system for fsspec: trees, links, patterns, and what is removed and moved."""

import errno
import os

import pytest
from fsspec.implementations.local import LocalFileSystem

from remofile import FileNameError, MissingRightError, Server, Tokens
from remofile.fs import RemofileFileSystem


@pytest.fixture
def fs(client):
    return RemofileFileSystem(client=client, skip_instance_cache=True)


@pytest.fixture
def listed(fs, monkeypatch):
    """The directories that the file system asks the server to list, with whether it wants what is below them, too."""
    asked = []
    ask = fs._listed

    async def noted(path, recursive):
        asked.append((path, recursive))
        return await ask(path, recursive)

    monkeypatch.setattr(fs, "_listed", noted)
    return asked


def make(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


@pytest.fixture
def linked(root):
    """A tree with links to directories above, which whoever follows them never leaves."""
    make(root, "a/b/file")
    for link in ("a/self", "a/b/self", "a/b/again"):
        os.symlink(".", root / link)
    os.symlink("..", root / "a" / "b" / "up")
    os.symlink("b/file", root / "a" / "to-file")
    os.symlink("nothing", root / "broken")
    return root


def test_links_to_directories_are_not_followed(fs, linked, local, listed):
    assert fs.find("/a") == ["/a/b/file", "/a/to-file"]
    assert listed == [("/a", True)]
    assert fs.find("/a", maxdepth=5) == ["/a/b/file", "/a/to-file"]
    assert [path for path, _, _ in fs.walk("/a")] == ["/a", "/a/b"]
    assert next(fs.walk("/a"))[1] == ["b", "self"]
    assert fs.glob("/**/file") == ["/a/b/file"]
    assert fs.du("/a") == 2 * len("a/b/file")
    fs.get("/", str(local / "copy"), recursive=True)
    assert sorted(os.listdir(local / "copy" / "a")) == ["b", "to-file"]
    assert os.listdir(local / "copy" / "a" / "b") == ["file"]
    fs.cp("/a", "/copy", recursive=True)
    assert fs.find("/copy") == ["/copy/b/file", "/copy/to-file"]


def test_links_that_are_followed_end_where_they_lead_back(fs, root):
    make(root, "a/file", "b/other")
    os.symlink("../b", root / "a" / "link")
    os.symlink("..", root / "a" / "up")
    assert fs.find("/a", follow_links=True) == ["/a/file", "/a/link/other", "/a/up/b/other"]


def test_a_link_is_told_as_a_local_file_system_tells_it(fs, root):
    make(root, "dir/file")
    (root / "to-file").symlink_to("dir/file")
    (root / "to-dir").symlink_to("dir")
    local = LocalFileSystem()
    for name in ("dir", "dir/file", "to-dir", "to-file"):
        told, expected = fs.info(f"/{name}"), local.info(str(root / name))
        for key in ("type", "islink", "mtime"):
            assert told[key] == expected[key], name
        assert told.get("destination") == expected.get("destination")
    assert fs.info("/to-file")["size"] == 8


def test_a_link_that_leads_nowhere_is_no_file(fs, client, linked):
    assert not fs.exists("/broken") and fs.lexists("/broken") and not client.exists("/broken")
    assert not fs.isfile("/broken") and fs.info("/broken")["islink"]
    assert fs.exists("/a/self") and fs.isdir("/a/self") and not fs.exists("/a\0")
    fs.rm("/broken")
    assert not fs.lexists("/broken")


def test_what_no_file_can_have_or_has_none_is_as_for_local_files(fs, root):
    (root / "file").write_text("content")
    os.symlink("loop", root / "loop")
    local = LocalFileSystem()
    for name in ("none", "file/below", "loop", "loop/below", "n" * 300):
        there, here = f"/{name}", f"{root}/{name}"
        for ask in ("exists", "isfile", "isdir", "lexists", "find", "du"):
            assert getattr(fs, ask)(there) == getattr(local, ask)(here), (ask, name)
        assert list(fs.walk(there)) == list(local.walk(here)) == []
    with pytest.raises(FileNotFoundError) as raised:
        fs.info("/file/below")
    assert (raised.value.errno, raised.value.filename) == (errno.ENOENT, "/file/below")
    for ask in (fs.info, fs.ls, fs.cat, fs.open, fs.rm, fs.mkdir):
        with pytest.raises(FileNameError):
            ask("/a\udcff")


def test_one_that_is_not_reached_is_not_told_as_missing(client):
    fs = RemofileFileSystem("localhost", 1, token="0" * 32, skip_instance_cache=True, timeout=100)
    for ask in (fs.exists, fs.isdir, fs.find, fs.glob, lambda path: list(fs.walk(path))):
        with pytest.raises((ConnectionError, TimeoutError)):
            ask("/a*" if ask == fs.glob else "/a")


def test_sizes_are_told_with_one_listing(fs, root, listed):
    make(root, *(f"{directory:03}/{file}" for directory in range(20) for file in range(5)))
    assert fs.du("/") == sum(len(f"{directory:03}/{file}") for directory in range(20) for file in range(5))
    assert fs.du("/003", total=False) == {f"/003/{file}": 5 for file in range(5)}
    assert len(fs.find("/", detail=True, withdirs=True)) == 121
    assert sum(len(files) for _, _, files in fs.walk("/")) == 100
    assert listed == [("/", True), ("/003", True), ("/", True), ("/", True)]
    assert fs.find("/000/1") == ["/000/1"] and fs.find("/missing") == []


def test_patterns_list_what_they_need(fs, root, listed):
    make(root, "000/a.txt", "000/b.bin", "001/a.txt", "other/deep/a.txt", "top.txt")
    assert fs.glob("/000/*.txt") == ["/000/a.txt"]
    assert listed == [("/000", False)]
    listed.clear()
    assert fs.glob("/00*/a.txt") == ["/000/a.txt", "/001/a.txt"]
    assert listed == [("/", False)]
    listed.clear()
    assert fs.glob("/other/**/a.txt") == ["/other/deep/a.txt"]
    assert listed == [("/other", True)]
    assert fs.glob("/*/") == ["/000", "/001", "/other"]
    assert fs.glob("/**", maxdepth=1) == ["/", "/000", "/001", "/other", "/top.txt"]
    assert fs.glob("/000/a.txt/*") == [] and fs.glob("/none/*") == []
    assert sorted(fs.glob("/0*", detail=True)) == ["/000", "/001"]


def test_a_walk_can_be_pruned_and_goes_either_way(fs, root):
    make(root, "a/x/1", "b/2", "3")
    walk = fs.walk("/")
    _, dirs, _ = next(walk)
    dirs.remove("a")
    assert list(walk) == [("/b", [], ["2"])]
    assert [path for path, _, _ in fs.walk("/", topdown=False)] == ["/a/x", "/a", "/b", "/"]
    assert [path for path, _, _ in fs.walk("/", maxdepth=1)] == ["/"]
    assert list(fs.walk("/none")) == []
    with pytest.raises(FileNotFoundError):
        list(fs.walk("/none", on_error="raise"))


def test_a_depth_limits_what_is_removed(fs, root):
    make(root, "d/file", "d/sub/deep", "keep")
    (root / "d" / "empty").mkdir()
    os.symlink("..", root / "d" / "up")
    fs.rm("/d", recursive=True, maxdepth=1)
    assert fs.find("/") == ["/d/sub/deep", "/keep"] and not fs.lexists("/d/empty") and not fs.lexists("/d/up")
    os.symlink("d", root / "link")
    fs.rm("/link", recursive=True, maxdepth=3)
    assert fs.find("/") == ["/d/sub/deep", "/keep"]
    fs.rm("/d", recursive=True, maxdepth=2)
    assert fs.ls("/", detail=False) == ["/keep"]


def test_patterns_remove_what_they_match_once(fs, root):
    make(root, "d/x/y/f", "d/z", "e/f", "g")
    fs.rm("/d/**", recursive=True)
    fs.rm("/e/**")
    assert fs.find("/", withdirs=True) == ["/", "/g"]
    make(root, "d/x/y/f")
    with pytest.raises(FileNameError):
        fs.rm("/", recursive=True)
    assert fs.find("/") == ["/d/x/y/f", "/g"]
    fs.rm(["/d", "/d/x"], recursive=True)
    fs.rm("/**", recursive=True)
    assert fs.ls("/") == []


def test_files_are_moved_into_directories(fs, root):
    make(root, "a.txt", "b.txt", "c.bin", "d/x", "e/x")
    (root / "into").mkdir()
    fs.mv("/c.bin", "/into")
    fs.mv("/*.txt", "/texts")
    fs.mv(["/into/c.bin", "/d"], "/new/deep/")
    assert fs.find("/") == ["/e/x", "/new/deep/c.bin", "/new/deep/d/x", "/texts/a.txt", "/texts/b.txt"]
    fs.mv(["/texts/a.txt", "/texts/b.txt"], ["/one", "/two/three"])
    fs.mv("/new/deep/d", "/renamed")
    assert fs.find("/") == ["/e/x", "/new/deep/c.bin", "/one", "/renamed/x", "/two/three"]
    with pytest.raises(FileExistsError):
        fs.mv(["/e/x", "/renamed/x"], "/into/")
    assert fs.exists("/e/x") and fs.exists("/renamed/x")
    fs.mv("/one", "/one")
    assert fs.exists("/one")


def test_names_with_brackets_mean_themselves(fs, root, local):
    make(root, "a[1].txt", "a1.txt", "d[1]/x", "d1/y")
    fs.get("/a[1].txt", str(local / "out.txt"))
    assert (local / "out.txt").read_text() == "a[1].txt" and fs.cat("/a[1].txt") == b"a[1].txt"
    fs.rm("/d[1]", recursive=True)
    fs.mv("/a[1].txt", "/b[2].txt")
    assert fs.find("/") == ["/a1.txt", "/b[2].txt", "/d1/y"]
    fs.get("/[ab]1.txt", str(local / "matched"))
    assert os.listdir(local / "matched") == ["a1.txt"]
    (local / "d[3]").mkdir()
    (local / "d[3]" / "z").write_text("z")
    fs.put(str(local / "d[3]"), "/put", recursive=True)
    fs.put(str(local / "d[3]" / "z"), "/c[1]")
    assert fs.cat("/put/z") == fs.cat("/c[1]") == b"z"


def test_directories_of_many_files_are_one_transfer_each(fs, root, local, monkeypatch):
    make(local, *(f"up/{directory}/{file}" for directory in "ab" for file in range(10)))
    calls = []
    for name in ("_upload", "_download"):
        transfer = getattr(fs, name)
        monkeypatch.setattr(fs, name, lambda *given, name=name, transfer=transfer: calls.append(name) or transfer(*given))
    fs.put(str(local / "up"), "/new/up", recursive=True)
    fs.get("/new/up", str(local / "down"), recursive=True)
    assert sorted(calls) == ["_download"] * 2 + ["_upload"] * 2
    assert (local / "down" / "b" / "9").read_text() == "up/b/9"
    with pytest.raises(FileNotFoundError):
        fs.get(["/new/up/a/1", "/none"], str(local / "again"))
    fs.get(["/new/up/a/1", "/none"], str(local / "again"), on_error="ignore")
    assert os.listdir(local / "again") == ["1"]


def test_callbacks_hear_of_each_file(fs, local):
    from fsspec.callbacks import Callback

    class Noted(Callback):
        def branched(self, source, target, **kwargs):
            made.append((source, Callback()))
            return made[-1][1]

    make(local, "up/1", "up/22")
    for copy in (lambda noted: fs.put(str(local / "up"), "/up", recursive=True, callback=noted),
                 lambda noted: fs.get("/up", str(local / "down"), recursive=True, callback=noted)):
        made, noted = [], Noted()
        copy(noted)
        assert noted.size == noted.value == len(made) == 3
        assert {child.size for source, child in made if source.endswith("22")} == {5}


def test_listings_are_kept_if_that_is_wanted(client, root):
    fs = RemofileFileSystem(client=client, use_listings_cache=True, skip_instance_cache=True)
    make(root, "d/1")
    assert fs.ls("/d", detail=False) == ["/d/1"]
    (root / "d" / "2").write_bytes(b"")
    assert fs.ls("/d", detail=False) == ["/d/1"]
    assert fs.ls("/d", detail=False, refresh=True) == ["/d/1", "/d/2"]
    changes = (
        lambda: fs.pipe("/d/3", b"3"),
        lambda: fs.rm("/d/2"),
        lambda: fs.mv("/d/3", "/d/4"),
        lambda: fs.cp("/d/1", "/d/5"),
        lambda: fs.mkdir("/d/6"),
        lambda: fs.touch("/d/7"),
        lambda: fs.open("/d/8", "w").close(),
    )
    for change in changes:
        before = fs.ls("/d", detail=False)
        change()
        assert fs.ls("/d", detail=False) == sorted(f"/d/{name}" for name in os.listdir(root / "d")) != before
    assert fs.info("/d/8")["size"] == 0
    (root / "d" / "9").write_bytes(b"")
    fs.invalidate_cache("/d")
    assert "/d/9" in fs.ls("/d", detail=False)


def test_a_drop_box_takes_new_files(tmp_path, local):
    tokens = Tokens()
    secret = tokens.add("box", "upload")
    (tmp_path / "root").mkdir()
    (local / "foo").write_bytes(b"foo")
    with Server(tmp_path / "root", tokens=tokens) as server, server.client(secret) as client:
        box = RemofileFileSystem(client=client, skip_instance_cache=True)
        calls = {
            "put": lambda path: box.put(str(local / "foo"), path),
            "list": lambda path: box.put([str(local / "foo")], [path]),
            "file": lambda path: box.put_file(str(local / "foo"), path),
            "pipe": lambda path: box.pipe(path, b"foo"),
            "touch": box.touch,
        }
        for name, call in calls.items():
            call(f"/below/{name}")
            (tmp_path / "root/below" / name).write_bytes(b"another")
            with pytest.raises((FileExistsError, MissingRightError)):
                call(f"/below/{name}")
            assert (tmp_path / "root/below" / name).read_bytes() == b"another"
    assert sorted(path.name for path in (tmp_path / "root/below").iterdir()) == sorted(calls)
