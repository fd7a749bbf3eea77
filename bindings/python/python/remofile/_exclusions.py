"""Files that are excluded by their paths from a directory, whichever of what is in it is transferred."""

from __future__ import annotations

import os
import re

from remofile._paths import base_name
from remofile.exceptions import FileNameError, SourceNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Optional

    from remofile._connection import Connection

__all__ = ["Exclusions", "LocalTree", "RemoteTree", "Tree"]

#: The name that Remofile uses for itself at the top of directories.
_OWN = ".remofile"


class Exclusions:
    """Rules in the notation of gitignore, taken from one directory: the last that matches decides."""

    def __init__(self, rules: Sequence[str]) -> None:
        self._rules = [rule for rule in map(_Rule.read, rules) if rule is not None]
        #: Those that are about names, wherever they are.
        self.of_names = [rule.text for rule in self._rules if not rule.is_anchored]
        #: Whether all of them are.
        self.are_of_names = len(self.of_names) == len(self._rules)
        self._take_back = any(rule.is_anchored and rule.takes_back for rule in self._rules)

    def admits(self, path: str, is_directory: bool) -> bool:
        """True if a path is not excluded, and nothing above it."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        return all(
            self._admits(parts[:end], is_directory or end < len(parts)) for end in range(1, len(parts) + 1)
        )

    def _admits(self, parts: list[str], is_directory: bool) -> bool:
        for rule in reversed(self._rules):
            if rule.matches(parts, is_directory):
                return rule.takes_back
        return True

    def left_of(self, source: str, tree: Tree) -> tuple[list[tuple[str, Optional[str]]], list[str]]:
        """The entries that are left of a source, each with its name at the destination, and the rules that go with all of it."""
        left: list[tuple[str, Optional[str]]] = []
        for path, is_directory in tree.find(source):
            if self.admits(path, is_directory):
                left.extend(self._below(path, base_name(path), is_directory, tree))
        return left, [] if self._take_back else self.of_names

    def _below(self, path: str, name: str, is_directory: bool, tree: Tree) -> Iterator[tuple[str, str]]:
        if not is_directory or not (self._take_back or self._reach_below(path)):
            yield path, name
            return
        is_empty = True
        for child, is_one_too in tree.children(path):
            is_empty = False
            below = f"{path}/{child}"
            if self.admits(below, is_one_too):
                yield from self._below(below, f"{name}/{child}", is_one_too, tree)
        if is_empty:
            yield path, name

    def _reach_below(self, path: str) -> bool:
        parts = path.split("/")
        return any(rule.is_anchored and rule.reaches_below(parts) for rule in self._rules)


class _Rule:
    """A rule."""

    def __init__(self, text: str, takes_back: bool, directories: bool, is_anchored: bool, parts: list[str]) -> None:
        self.text = text
        self.takes_back = takes_back
        self.is_anchored = is_anchored
        self._directories = directories
        # None stands for any number of directories.
        self._parts = [None if part == "**" else _name(part, text) for part in parts]

    @classmethod
    def read(cls, text: str) -> Optional[_Rule]:
        """The rule of a line; none of an empty one or a comment."""
        if not text.strip() or text.startswith("#"):
            return None
        takes_back = text.startswith("!")
        rest = text[1:] if takes_back else text
        directories, rest = rest.endswith("/"), rest.rstrip("/")
        while rest.startswith("./"):
            rest = rest[2:]
        parts = rest.lstrip("/").split("/")
        return cls(text, takes_back, directories, "/" in rest, parts)

    def matches(self, parts: list[str], is_directory: bool) -> bool:
        """True if it says something of this very path."""
        if self._directories and not is_directory:
            return False
        if not self.is_anchored:
            only = self._parts[0]
            return only is None or only.fullmatch(parts[-1]) is not None
        return _match(self._parts, parts)

    def reaches_below(self, parts: list[str]) -> bool:
        """True if it may say something of what is below this directory."""
        for place, pattern in enumerate(self._parts):
            if pattern is None or place >= len(parts):
                return True
            if pattern.fullmatch(parts[place]) is None:
                return False
        return False


def _match(patterns: Sequence[Optional[re.Pattern[str]]], parts: Sequence[str]) -> bool:
    if not patterns:
        return not parts
    first, rest = patterns[0], patterns[1:]
    if first is None:
        # At the end it stands for everything below, and for nothing else.
        return bool(parts) if not rest else any(_match(rest, parts[start:]) for start in range(len(parts) + 1))
    return bool(parts) and first.fullmatch(parts[0]) is not None and _match(rest, parts[1:])


def _name(pattern: str, rule: str) -> re.Pattern[str]:
    """The expression of a part of a rule between two slashes."""
    written, place = "", 0
    while place < len(pattern):
        character = pattern[place]
        end = pattern.find("]", place + 2) if character == "[" else -1
        if character == "*":
            written += ".*"
        elif character == "?":
            written += "."
        elif end > 0:
            inner = pattern[place + 1 : end].replace("\\", "\\\\")
            written += "[" + ("^" + inner[1:] if inner[0] in "!^" else inner) + "]"
            place = end
        elif character == "[":
            raise ValueError(f"{rule}: the pattern is malformed (a set has no end)")
        elif character == "\\" and place + 1 < len(pattern):
            place += 1
            written += re.escape(pattern[place])
        else:
            written += re.escape(character)
        place += 1
    try:
        return re.compile(written, re.DOTALL)
    except re.error as error:
        raise ValueError(f"{rule}: the pattern is malformed ({error})") from error


class Tree:
    """A directory, here or at a server, in which paths are relative."""

    def children(self, path: str) -> Iterator[tuple[str, bool]]:
        """The names in a directory, and whether each is one, too."""
        raise NotImplementedError

    def is_directory(self, path: str) -> Optional[bool]:
        """True if a path is a directory; ``None`` if there is nothing."""
        raise NotImplementedError

    def find(self, source: str) -> Iterator[tuple[str, bool]]:
        """The source itself, or what matches it as a shell pattern."""
        source = "/".join(part for part in source.split("/") if part not in ("", "."))
        is_directory = self.is_directory(source)
        if is_directory is not None:
            yield source, is_directory
            return
        found = False
        for path, is_directory in sorted(set(self._expand("", source.split("/")))):
            found = True
            yield path, is_directory
        if not found:
            raise SourceNotFound(f"{source}: nothing matches the pattern", source)

    def _expand(self, above: str, parts: list[str]) -> Iterator[tuple[str, bool]]:
        part, rest = parts[0], parts[1:]
        if part == "**":
            if rest:
                yield from self._expand(above, rest)
            for name, is_directory in self.children(above):
                if name.startswith("."):
                    continue
                path = f"{above}/{name}" if above else name
                if not rest:
                    yield path, is_directory
                if is_directory:
                    yield from self._expand(path, parts)
            return
        pattern = _name(part, part)
        for name, is_directory in self.children(above):
            if pattern.fullmatch(name) is None or (name.startswith(".") and not part.startswith(".")):
                continue
            path = f"{above}/{name}" if above else name
            if not rest:
                yield path, is_directory
            elif is_directory:
                yield from self._expand(path, rest)


class LocalTree(Tree):
    """A directory of this machine."""

    def __init__(self, base: str) -> None:
        self._base = base

    def children(self, path: str) -> Iterator[tuple[str, bool]]:
        with os.scandir(os.path.join(self._base, path)) as entries:
            for entry in entries:
                if entry.name != _OWN and not entry.is_symlink():
                    yield entry.name, entry.is_dir()

    def is_directory(self, path: str) -> Optional[bool]:
        whole = os.path.join(self._base, path)
        return os.path.isdir(whole) if os.path.exists(whole) else None


class RemoteTree(Tree):
    """A directory at a server."""

    def __init__(self, client: Connection, base: str, timeout: Optional[int], deadline: Optional[int]) -> None:
        self._client = client
        self._base = base.rstrip("/")
        self._limits = (timeout, deadline)

    def _whole(self, path: str) -> str:
        return f"{self._base}/{path}".rstrip("/") or "/"

    def children(self, path: str) -> Iterator[tuple[str, bool]]:
        native = self._client._native
        rows, _ = native.list(self._whole(path), False, *self._client._limits(*self._limits))
        for row in rows:
            if base_name(row[0]) != _OWN and not row[5]:
                yield base_name(row[0]), row[1] == "directory"

    def is_directory(self, path: str) -> Optional[bool]:
        try:
            kind = self._client._kind(self._whole(path), *self._limits)
        except FileNameError:
            # A pattern has characters that names at that server cannot have.
            return None
        return None if kind is None else kind == "directory"
