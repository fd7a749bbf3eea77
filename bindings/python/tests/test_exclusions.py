"""Files that are excluded count from the relative directory, whatever the source is."""

import pytest

from remofile import SourceNotFound, download_files, upload_files
from remofile._exclusions import Exclusions

pytestmark = pytest.mark.one_version

FILES = ["a/b/one.txt", "a/b/two.txt", "a/b/deep/one.txt", "a/c/one.txt", "a/.hidden/x.txt", "one.txt", "b/one.txt", "b/e.bin"]


def fill(directory):
    for name in FILES:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(name)


def transferred(way, client, root, local, source, exclude, **options):
    source_side, target = (local, root) if way == "up" else (root, local)
    fill(source_side)
    (target / "to").mkdir(exist_ok=True)
    if way == "up":
        upload_files(client, source, "/to", local, recursive=True, exclude_files=exclude, **options)
    else:
        download_files(client, source, local / "to", "/", recursive=True, exclude_files=exclude, **options)
    found = [path.relative_to(target / "to").as_posix() for path in (target / "to").rglob("*") if path.is_file()]
    return sorted(name for name in found if not name.startswith(".remofile"))


CASES = [
    # A path from the relative directory, however the source is written.
    ("a", ["a/b/one.txt"], ["a/.hidden/x.txt", "a/b/deep/one.txt", "a/b/two.txt", "a/c/one.txt"]),
    ("a/b", ["a/b/one.txt"], ["b/deep/one.txt", "b/two.txt"]),
    ("a/b", ["a/*/one.txt"], ["b/deep/one.txt", "b/two.txt"]),
    ("a/b", ["a/b/deep"], ["b/one.txt", "b/two.txt"]),
    ("a/b", ["a/b/deep/"], ["b/one.txt", "b/two.txt"]),
    ("a/b", ["/b/one.txt"], ["b/deep/one.txt", "b/one.txt", "b/two.txt"]),
    ("a/b", ["a/**/one.txt"], ["b/two.txt"]),
    # A name, at any depth.
    ("a/b", ["one.txt"], ["b/two.txt"]),
    ("a", ["deep", "c/", "two.txt"], ["a/.hidden/x.txt", "a/b/one.txt"]),
    # A pattern as the source.
    ("a/*/one.txt", ["a/b/one.txt"], ["one.txt"]),
    ("*", ["a/b", "b/*.bin", "a/.hidden", "to"], ["a/c/one.txt", "b/one.txt", "one.txt"]),
    ("**/e.bin", ["a/b"], ["e.bin"]),
    # The last rule that matches decides.
    ("a/b", ["*.txt", "!a/b/two.txt"], ["b/two.txt"]),
    ("a/b", ["a/b/*.txt", "!a/b/two.txt"], ["b/deep/one.txt", "b/two.txt"]),
]


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("source, exclude, left", CASES)
def test_exclusions_count_from_the_relative_directory(client, root, local, way, source, exclude, left):
    assert transferred(way, client, root, local, source, exclude) == left


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_source_that_is_excluded_is_not_transferred(client, root, local, way):
    assert transferred(way, client, root, local, "a/b", ["a"]) == []
    assert transferred(way, client, root, local, "a/b", ["a/b/"]) == []
    assert transferred(way, client, root, local, "a/*/one.txt", ["a/*/one.txt"]) == []


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_pattern_that_matches_nothing_is_told_with_exclusions_too(client, root, local, way):
    with pytest.raises(SourceNotFound):
        transferred(way, client, root, local, "*.none", ["a/b"])
    for wrong in (["a/[b"], ["["]):
        with pytest.raises(ValueError):
            transferred(way, client, root, local, "a", wrong)
    with pytest.raises(TypeError):
        transferred(way, client, root, local, "a", "a/b")


def test_rules_have_the_meaning_of_gitignore():
    admits = Exclusions(["# no rule", "", "*.o", "!keep.o", "/top", "d/**", "x?z", "[!a]q", r"\#s", "e/"]).admits
    refused = ["a.o", "d/a.o", "top", "top/below", "d/any/thing", "xyz", "bq", "#s", "e/below"]
    admitted = ["keep.o", "deep/top", "d", "aq", "# no rule", "xyyz", "a/oo"]
    assert [path for path in refused if admits(path, False)] == []
    assert [path for path in admitted if not admits(path, False)] == []
    assert admits("e", False) and not admits("e", True)
