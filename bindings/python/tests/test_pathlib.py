"""Paths at a server beside those of pathlib: the same operations on the same directory, and the same results."""

import asyncio
import os
import pathlib
import pickle
import random
import sys

import pytest

from remofile import AsyncClient, Client, FileNameError, RemofilePath, Server, generate_token

NAMES = ("a", "b", "ab.txt", "c.tar.gz", ".hidden", "A")
PATTERN_PARTS = ("*", "**", "a", "a*", "?", "[ab]*", "*.txt", "b", ".*")
#: Where pathlib has what is compared, as it has it today.
IS_313 = sys.version_info >= (3, 13)

needs_links = pytest.mark.skipif(not hasattr(Client, "readlink"), reason="clients have no readlink")


@pytest.fixture
def tree(root):
    """A directory of files, directories and links of all sorts."""
    for directory in ("a/b/a", "b", "ab.txt"):
        (root / directory).mkdir(parents=True)
    for file in ("a/b/ab.txt", "a/b/a/b", "a/.hidden", "b/c.tar.gz", "A"):
        (root / file).write_text(file)
    (root / "to-directory").symlink_to("a/b")
    (root / "to-file").symlink_to("b/c.tar.gz")
    (root / "to-nothing").symlink_to("missing")
    (root / "b" / "up").symlink_to("..")
    return root


def names(paths, top):
    return sorted(path.relative_to(top).as_posix() for path in paths)


@pytest.mark.skipif(not IS_313, reason="patterns are those of Python 3.13")
def test_patterns_find_what_pathlib_finds(client, tree):
    choose, there = random.Random(18), client.path("/")
    for _ in range(400):
        pattern = "/".join(choose.choice(PATTERN_PARTS) for _ in range(choose.randint(1, 4))) + choose.choice(("", "", "/"))
        case_sensitive = choose.choice((None, None, False))
        start = choose.choice((".", "a", "to-directory", "missing", "A"))
        wanted = (tree / start).glob(pattern, case_sensitive=case_sensitive)
        found = (there / start).glob(pattern, case_sensitive=case_sensitive)
        assert names(found, "/") == sorted(set(names(wanted, tree))), (start, pattern)


@pytest.mark.skipif(not IS_313, reason="patterns are those of Python 3.13")
def test_patterns_match_what_they_match_in_pathlib(client):
    choose = random.Random(18)
    for _ in range(3000):
        here = pathlib.PurePosixPath("/", *(choose.choice(NAMES) for _ in range(choose.randrange(4))))
        pattern = choose.choice(("", "/")) + "/".join(choose.choice(PATTERN_PARTS) for _ in range(choose.randint(1, 4)))
        case_sensitive = choose.choice((None, True, False))
        there = client.path(str(here))
        for name in ("match", "full_match"):
            wanted = getattr(here, name)(pattern, case_sensitive=case_sensitive)
            assert getattr(there, name)(pattern, case_sensitive=case_sensitive) == wanted, (name, here, pattern)


def test_patterns_match_with_every_version(client):
    path = client.path("/a/b/c.py")
    assert path.match("*.py") and path.match("b/*.py") and not path.match("/*.py") and not path.match("**/a/**")
    assert path.full_match("/a/**/*.py") and path.full_match("**/*.py") and not path.full_match("*.py")
    assert path.full_match("/A/**", case_sensitive=False) and not path.full_match("/A/**")
    with pytest.raises(ValueError):
        path.match("")
    # Many of them take their product, and not all ways to share the names out.
    assert not client.path("/" + "a/" * 200).full_match("**/a/" * 50 + "b")


def test_names_are_made_as_pathlib_makes_them(client):
    choose, segments = random.Random(18), (*NAMES, "/", "/a", "..", ".", "a/b", "", "x/../y")
    for _ in range(1000):
        here, there = pathlib.PurePosixPath("/"), client.path("/")
        for _ in range(choose.randint(1, 4)):
            segment = choose.choice(segments)
            here, there = here / segment, there / choose.choice((str, pathlib.PurePosixPath))(segment)
        for name in ("name", "stem", "suffix", "suffixes", "parts", "root", "drive", "anchor"):
            assert getattr(there, name) == getattr(here, name), (name, here)
        assert str(there) == there.as_posix() == str(here) and str(there.parent) == str(here.parent)
        assert [str(path) for path in there.parents] == [str(path) for path in here.parents]
        for change in ("with_name", "with_suffix"):
            assert outcome(there, change, ".x") == outcome(here, change, ".x")
        assert outcome(there, "relative_to", "/a") == outcome(here, "relative_to", "/a")
        assert there.is_relative_to("/a") == here.is_relative_to("/a")


def outcome(path, name, *arguments):
    try:
        return str(getattr(path, name)(*arguments))
    except ValueError:
        return ValueError


def test_paths_are_joined_from_both_sides(client):
    path = client.path("/a")
    assert pathlib.PurePosixPath("x") / path == path == "x" / path and str(path / "/b") == "/b"
    assert path / client.path("/b") == client.path("/b") and str(path.joinpath("b", "c")) == "/a/b/c"
    assert path.with_segments("/x", "y") == client.path("/x/y")
    for operation in (lambda: path / 1, lambda: 1 / path, lambda: path / b"bytes"):
        with pytest.raises(TypeError):
            operation()
    with pytest.raises(ValueError):
        path.with_segments("x")


def test_what_leads_from_one_path_to_another_walks_up(client):
    path = client.path("/a/b/c")
    assert str(path.relative_to("/a/x/y", walk_up=True)) == "../../b/c" and str(path.relative_to("/a/b")) == "c"
    with pytest.raises(ValueError):
        path.relative_to("/x")


def test_a_path_s_class_makes_the_paths_that_are_made_of_it(client, tree):
    class Mine(RemofilePath):
        pass

    path = Mine(client, "/a")
    made = [path / "b", path.parent, path.with_name("x"), *path.iterdir(), *path.rglob("*"), *path.parents, path.absolute()]
    made += [directory for directory, _, _ in path.walk()]
    assert {type(one) for one in made} == {Mine} and repr(path) == "Mine('/a')"


def test_paths_are_sorted_as_pathlib_sorts_them(client):
    texts = ["/a", "/a/b", "/a.b", "/a b", "/A", "/", "/a/b/c", "/ab"]
    here, there = sorted(map(pathlib.PurePosixPath, texts)), sorted(map(client.path, texts))
    assert list(map(str, there)) == list(map(str, here))
    a, b = client.path("/a"), client.path("/b")
    assert a < b and a <= b and a <= a and b > a and b >= a and not a < a and not a >= b


def test_paths_at_different_servers_differ_and_have_no_order(client, tmp_path):
    with Server(tmp_path, generate_token()) as server, server.client() as other:
        here, there = client.path("/a"), other.path("/a")
        assert here != there and len({here, there}) == 2
        with pytest.raises(TypeError):
            here < there
        with pytest.raises(OSError):
            here.rename(there)


def test_paths_are_pickled_and_hashed(client, tree):
    for path in [client.path("/a"), *client.path("/").rglob("*")]:
        copied = pickle.loads(pickle.dumps(path))
        assert copied == path and hash(copied) == hash(path) and copied.exists() == path.exists()


def test_urls_lead_back(client):
    for text in ("/", "/a b", "/what?#now%20", "/ü/x"):
        path = client.path(text)
        assert RemofilePath.from_uri(path.as_uri(), client) == path
    for wrong in ("http://127.0.0.1/a", "remofile:/a", "remofile://elsewhere:1/a"):
        with pytest.raises(ValueError):
            RemofilePath.from_uri(wrong, client)
    assert Client("::1", 6768, "secret-token").path("/a").as_uri() == "remofile://[::1]:6768/a"


QUESTIONS = ("exists", "is_dir", "is_file", "is_symlink", "is_fifo", "is_socket", "is_char_device", "is_block_device")


def test_what_is_there_is_what_pathlib_says(client, tree):
    os.mkfifo(tree / "pipe")
    listed = {str(path): path for path in client.path("/").rglob("*")}
    for here in [tree, tree / "missing", tree / "A" / "below", *tree.rglob("*")]:
        there = client.path("/") / here.relative_to(tree)
        for path in (there, listed.get(str(there), there)):
            for question in QUESTIONS:
                assert getattr(path, question)() == getattr(here, question)(), (question, path)
            itself = here.is_symlink() or here.exists()
            assert path.exists(follow_symlinks=False) == path.info.exists(follow_symlinks=False) == itself
            assert path.is_dir(follow_symlinks=False) == (here.is_dir() and not here.is_symlink())
            assert (path.info.exists(), path.info.is_dir(), path.info.is_file(), path.info.is_symlink()) == (
                (here.exists(), here.is_dir(), here.is_file(), here.is_symlink())
            )
            if here.exists():
                assert path.stat().st_mode == path.info.stat().st_mode == here.stat().st_mode, path
                assert path.is_dir() or path.stat().st_size == here.stat().st_size
                assert path.stat().st_mtime == pytest.approx(here.stat().st_mtime)
            else:
                for question in (path.stat, path.info.stat):
                    with pytest.raises((FileNotFoundError, NotADirectoryError)):
                        question()


#: Paths that no file at a server can have, and those that this machine may have.
NO_FILES = ("nul\0", "x" * 256, "a/../A", "..", "\ud800", "no-utf8\udcff", "line\nfeed", "d/" * 40_000 + "x")


def test_a_path_that_no_file_can_have_is_not_there(client, tree):
    async def asked(name):
        async with AsyncClient(*client._settings[:3]) as awaited:
            return await awaited.exists(f"/{name}")

    for name in NO_FILES:
        path = client.path("/") / name
        for question in QUESTIONS:
            assert getattr(path, question)() is False, (question, name[:20])
        assert not path.exists(follow_symlinks=False) and not client.exists(path) and not asyncio.run(asked(name))
        info = path.info
        assert not (info.exists() or info.exists(follow_symlinks=False) or info.is_dir() or info.is_file() or info.is_symlink())
        for call in (path.stat, path.lstat, path.read_bytes, path.mkdir, path.touch, path.unlink, lambda: list(path.iterdir())):
            with pytest.raises(FileNameError):
                call()


def test_a_path_behind_links_that_form_a_loop_is_not_there(client, root):
    (root / "loop").symlink_to("loop")
    for name in ("loop", "loop/x"):
        path = client.path("/") / name
        for question in QUESTIONS:
            assert getattr(path, question)() == getattr(root / name, question)(), (question, name)
        assert not client.exists(path) and list(path.glob("*")) == list(path.rglob("*")) == []
    assert client.path("/loop").exists(follow_symlinks=False)


def test_a_touch_goes_through_a_link_to_a_file(client, tree):
    os.utime(tree / "b" / "c.tar.gz", (0, 0))
    client.path("/to-file").touch()
    assert (tree / "b" / "c.tar.gz").stat().st_mtime > 0 and (tree / "to-file").is_symlink()
    with pytest.raises(FileExistsError):
        client.path("/to-file").touch(exist_ok=False)


def test_a_listing_answers_each_question_once_and_the_server_after_that(client, root, monkeypatch):
    for name in "ab":
        (root / name).write_text(name)
    found = list(client.path("/").iterdir())
    client.close()
    trips = count_trips(monkeypatch, client)
    for path in found:
        assert path.is_file() and path.exists() and not path.is_symlink() and not path.is_dir() and path.stat().st_size == 1
        assert path.info.stat().st_size == path.info.stat().st_size == 1
    assert trips == []
    (root / "a").write_text("longer")
    assert found[0].stat().st_size == 6 and len(trips) == 1
    (root / "a").unlink()
    assert not found[0].exists() and not found[0].is_file()
    found[1].unlink()
    assert not found[1].exists()


def count_trips(monkeypatch, client):
    """The names of the calls that a client makes from now on."""
    native, trips = client._native, []

    class Counted:
        def __getattr__(self, name):
            trips.append(name)
            return getattr(native, name)

    monkeypatch.setattr(type(client), "_native", Counted())
    return trips


@pytest.mark.parametrize(
    ("pattern", "most"),
    [("*.txt", 1), ("000/*.txt", 1), ("000/1.txt", 1), ("0*/*.txt", 11), ("*/*.txt", 2), ("**/*.txt", 1), ("**/*", 1), ("*/**/*.txt", 2)],
)
def test_patterns_ask_for_no_more_than_they_need(client, root, monkeypatch, pattern, most):
    for number in [*range(10), *range(100, 140)]:
        (root / f"{number:03}").mkdir()
        (root / f"{number:03}" / "1.txt").touch()
    wanted = names(root.glob(pattern), root)
    trips = count_trips(monkeypatch, client)
    found = list(client.path("/").glob(pattern))
    assert all(path.exists() and path.stat() for path in found)
    assert names(found, "/") == wanted
    assert len(trips) <= most, trips


def test_a_pattern_that_no_path_can_match_is_refused(client):
    for pattern, error in (("", ValueError), (".", ValueError), ("/a", NotImplementedError), ("../a", NotImplementedError)):
        with pytest.raises(error):
            client.path("/").glob(pattern)
    for pattern in ("", "/a"):
        with pytest.raises((ValueError, NotImplementedError)):
            client.path("/").rglob(pattern)


def test_patterns_follow_links_if_they_are_told_to(client, tree):
    (tree / "b" / "up").unlink()
    there = client.path("/")
    assert "to-directory/a/b" not in names(there.rglob("*"), "/")
    assert "to-directory/a/b" in names(there.rglob("*", recurse_symlinks=True), "/")
    assert "to-directory/a/b" in names(there.glob("*/a/b"), "/")


def test_a_circle_of_links_ends(client, root):
    (root / "loop").symlink_to(".")
    assert 0 < len(list(client.path("/").rglob("*", recurse_symlinks=True))) < 100


def test_deep_directories_are_searched(client, root):
    path = root
    for _ in range(1200):
        path = path / "d"
        try:
            path.mkdir()
        except OSError:
            break
    deepest = max((len(path.parts) for path in client.path("/").rglob("d")), default=0)
    walked = sum(1 for _ in client.path("/").walk())
    # What shutil.rmtree cannot delete would be in the way of the tests' own cleaning up.
    client.path("/d").rmtree()
    assert deepest > 1000 and walked > 1000 and not (root / "d").exists()


@pytest.mark.parametrize("follow_symlinks", [False, True])
@pytest.mark.parametrize("top_down", [False, True])
def test_walks_visit_what_pathlib_visits(client, tree, top_down, follow_symlinks):
    (tree / "b" / "up").unlink()
    found = list(client.path("/").walk(top_down, follow_symlinks=follow_symlinks))
    wanted = {}
    for directory, directories, files in os.walk(tree, followlinks=follow_symlinks):
        links = set() if follow_symlinks else {name for name in directories if os.path.islink(os.path.join(directory, name))}
        relative = os.path.relpath(directory, tree)
        wanted["/" if relative == "." else f"/{relative}"] = (set(directories) - links, set(files) | links)
    assert {str(path): (set(directories), set(files)) for path, directories, files in found} == wanted
    order = [str(path) for path, _, _ in found]
    for place, path in enumerate(order[:-1] if not top_down else order[1:], 0 if not top_down else 1):
        parent = order.index(os.path.dirname(path))
        assert parent < place if top_down else parent > place
    names_left = [name for _, directories, _ in pruned(client.path("/"), "a") for name in directories]
    assert "b" in names_left and "a" not in names_left


def pruned(top, name):
    for directory, directories, files in top.walk():
        if name in directories:
            directories.remove(name)
        yield directory, directories, files


def test_a_walk_tells_errors_to_whom_it_is_told(client):
    errors = []
    assert list(client.path("/missing").walk()) == [] == list(client.path("/missing").walk(on_error=errors.append))
    assert [type(error) for error in errors] == [FileNotFoundError]


def test_changes_do_what_they_do_in_pathlib(client, root, tmp_path):
    """Random operations on both, with the same results and the same directory at the end."""
    choose, here, there = random.Random(18), tmp_path / "local", client.path("/")
    here.mkdir()
    operations = (
        ("mkdir", lambda one, _: one.mkdir()),
        ("mkdir with parents", lambda one, _: one.mkdir(parents=True, exist_ok=True)),
        ("touch", lambda one, _: one.is_dir() or one.touch(exist_ok=choice)),
        ("write_text", lambda one, _: one.write_text(text, encoding="utf-8")),
        ("read_text", lambda one, _: one.read_text(encoding="utf-8")),
        ("unlink", lambda one, _: one.unlink(missing_ok=choice)),
        ("rmdir", lambda one, _: one.rmdir()),
        ("replace", lambda one, other: other.is_dir() or one.replace(other) == other),
        ("iterdir", lambda one, _: sorted(path.name for path in one.iterdir())),
        ("exists", lambda one, _: (one.exists(), one.is_dir(), one.is_file())),
    )
    for _ in range(600):
        name, operation = choose.choice(operations)
        text, choice = choose.choice(("one\n", "zwölf", "")), choose.random() < 0.5
        paths = ["/".join(choose.choice(("a", "b", "c")) for _ in range(choose.randint(1, 3))) for _ in range(2)]
        results = [attempt(operation, *(top / path for path in paths)) for top in (here, there)]
        assert agree(*results), (name, paths, results)
    left = {path.relative_to(here).as_posix(): path.is_dir() for path in here.rglob("*")}
    assert {path.relative_to("/").as_posix(): path.is_dir() for path in there.rglob("*")} == left


def attempt(operation, one, other):
    try:
        return operation(one, other)
    except OSError as error:
        return error


def agree(here, there):
    """True if both succeeded alike, or both failed."""
    if isinstance(here, OSError) or isinstance(there, OSError):
        return isinstance(here, OSError) and isinstance(there, OSError)
    return here == there


def test_nothing_of_pathlib_is_missing(client):
    # There are neither homes nor a current directory at a server, and no reserved names.
    there = {name for name in dir(client.path("/")) if not name.startswith("_")}
    here = {name for name in dir(pathlib.Path) if not name.startswith("_")}
    assert here - there <= {"cwd", "home", "is_reserved", "link_to"}
    for name in ("owner", "group", "lchmod", "hardlink_to"):
        with pytest.raises(NotImplementedError):
            getattr(client.path("/"), name)(*([0] if name in ("lchmod", "hardlink_to") else []))


def test_texts_are_written_as_texts_alone(client):
    path = client.path("/file")
    with pytest.raises(TypeError):
        path.write_text(b"bytes")
    assert not path.exists()
    path.write_text("one\r\ntwo", newline="")
    assert path.read_text(newline="") == "one\r\ntwo" and path.read_text() == "one\ntwo"


def test_directories_are_deleted_with_their_contents(client, tree):
    client.path("/a").rmtree()
    assert not (tree / "a").exists()


def test_copies_and_moves(client, tree):
    top = client.path("/")
    copied = (top / "a").copy("/copy")
    assert str(copied) == "/copy" and (tree / "copy" / "b" / "ab.txt").read_text() == "a/b/ab.txt"
    assert str((top / "A").copy_into("/b")) == "/b/A" and (tree / "b" / "A").read_text() == "A"
    (tree / "b" / "A").write_text("old")
    assert (top / "A").copy("/b/A").read_text() == "A"
    for wrong in ("/a", "/a/b/c"):
        with pytest.raises(OSError):
            (top / "a").copy(wrong)
    with pytest.raises(FileExistsError):
        (top / "a").copy("/b")
    with pytest.raises(FileNotFoundError):
        (top / "missing").copy("/new")
    assert str((top / "A").move_into("/a")) == "/a/A" and not (tree / "A").exists()
    assert str((top / "a").move("/moved")) == "/moved" and (tree / "moved" / "A").read_text() == "A"


def test_copies_to_another_server(client, tree, tmp_path):
    with Server(tmp_path, generate_token()) as server, server.client() as other:
        copied = client.path("/a").copy(other.path("/elsewhere"))
        assert copied.client == other and (tmp_path / "elsewhere" / "b" / "a" / "b").read_text() == "a/b/a/b"


@needs_links
def test_links_are_made_read_and_resolved(client, tree):
    link = client.path("/b/link")
    link.symlink_to("../a/b")
    assert os.readlink(tree / "b" / "link") == "../a/b" and str(link.readlink()) == "/b/../a/b"
    assert link.is_symlink() and link.is_dir() and link.lstat().st_mode != link.stat().st_mode
    assert str((link / "a" / ".." / "ab.txt").resolve()) == "/a/b/ab.txt" and link.samefile("/a/b")
    assert str(client.path("/missing/../x").resolve()) == "/x"
    with pytest.raises(FileNotFoundError):
        client.path("/missing").resolve(strict=True)
    with pytest.raises(OSError):
        client.path("/a").readlink()
    client.path("/to-a").symlink_to(client.path("/a/b"))
    assert os.readlink(tree / "to-a") == "a/b"
    (tree / "circle").symlink_to("circle")
    with pytest.raises(OSError):
        client.path("/circle").resolve()


def test_a_path_without_links_is_resolved_by_any_client(client, tree):
    assert str(client.path("/a/../b/./c.tar.gz").resolve(strict=True)) == "/b/c.tar.gz"
    assert client.path("/a").samefile("/b/../a") and not client.path("/a").samefile("/b")


@pytest.mark.skipif(not hasattr(Client, "chmod"), reason="clients have no chmod")
def test_permissions_are_set(client, tree):
    path = client.path("/A")
    path.chmod(0o600)
    assert path.stat().st_mode & 0o777 == 0o600 == (tree / "A").stat().st_mode & 0o777
    client.path("/private").mkdir(0o700)
    assert (tree / "private").stat().st_mode & 0o777 == 0o700
    client.path("/secret").touch(0o600)
    assert (tree / "secret").stat().st_mode & 0o777 == 0o600
    with pytest.raises(NotImplementedError):
        path.lchmod(0o600)
