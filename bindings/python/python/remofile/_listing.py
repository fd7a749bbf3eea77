"""The entries of directories, as listings tell them, and the search among them."""

from __future__ import annotations

import stat as modes
from errno import ELOOP

from remofile import _patterns
from remofile._entries import scan
from remofile._paths import base_name, is_nothing, remote
from remofile.exceptions import RemofileException

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, NoReturn, Optional

    from remofile._calls import Calls
    from remofile._remofile import _EntryRow

__all__ = ["Entry", "Search", "list_entries", "lookup", "raise_broken"]

_SECOND = 10**9
#: Errors of single directories that a search passes over, as pathlib does.
PASSED_OVER = (FileNotFoundError, NotADirectoryError, PermissionError)
#: Directories that are listed one by one, where one listing of all that is below could be asked for instead.
_SINGLE_LISTINGS = 16
#: Links to directories that lead from one to the next before their path is given up, as Linux has it.
_MOST_LINKS = 40


class Entry:
    """An entry of a directory, with links followed: what a link leads to is asked for when somebody wants to know."""

    __slots__ = ("_client", "_kind", "_mode", "_size", "_time", "is_link", "path")

    def __init__(self, client: Calls, path: str, is_link: bool) -> None:
        self._client = client
        self.path = path
        self.is_link = is_link
        self._kind: Optional[str] = None
        self._size = self._time = 0
        self._mode: Optional[int] = None

    def tell(self, kind: str, size: int, time: int, mode: Optional[int]) -> Entry:
        """Takes what was told of it, the time in nanoseconds."""
        self._kind, self._size, self._time, self._mode = kind, size, time, mode
        return self

    @property
    def kind(self) -> str:
        """``file``, ``directory``, ``link`` for one that leads nowhere, or ``special``."""
        if self._kind is None:
            found = lookup(self._client, self.path)
            if found is None:
                self._kind = "link"
            else:
                self.tell(found.kind, found._size, found._time, found._mode)
        return self._kind or "link"

    def exists(self) -> bool:
        """Tell whether there is something."""
        return self.kind != "link"

    def stat(self) -> os.stat_result:
        """The result of ``stat``.

        :raises FileNotFoundError: if it is a link that leads nowhere.
        """
        if not self.exists():
            raise_broken(self.path)
        return _stat_result(self.kind, self._size, self._time, self._mode)


def _stat_result(kind: str, size: int, time: int, mode: Optional[int]) -> os.stat_result:
    import os

    types = {"file": modes.S_IFREG, "directory": modes.S_IFDIR}
    permissions = mode if mode is not None else (0o755 if kind == "directory" else 0o644)
    seconds = time // _SECOND
    times: dict[str, object] = {f"st_{name}time": time / _SECOND for name in "amc"}
    times.update({f"st_{name}time_ns": time for name in "amc"})
    whole = types.get(kind, modes.S_IFIFO) | permissions
    return os.stat_result((whole, 0, 0, 1, 0, 0, size, seconds, seconds, seconds), times)


def raise_missing(path: str) -> NoReturn:
    """Raise what is raised for a path that names nothing."""
    import os
    from errno import ENOENT

    raise FileNotFoundError(ENOENT, os.strerror(ENOENT), path)


def raise_broken(path: str) -> NoReturn:
    """Raise what is raised for a link that leads nowhere."""
    from errno import ENOENT

    raise FileNotFoundError(ENOENT, "it is a link that leads nowhere", path)


def list_entries(client: Calls, path: str, recursive: bool = False) -> list[Entry]:
    """The entries of a directory, and with ``recursive`` those of the directories below; links are not followed there.

    What cannot be listed is told by a warning.
    """
    return [_entry(client, row) for row in scan(client, remote(path), recursive, None)]


def lookup(client: Calls, path: str) -> Optional[Entry]:
    """The entry at a path, with links followed; ``None`` for nothing, and for a path that no file can have."""
    try:
        return _entry(client, client._native.entry(remote(path), True, *client._limits(None)), is_followed=True)
    except OSError as error:
        if not is_nothing(error):
            raise
        return None


def _entry(client: Calls, row: _EntryRow, is_followed: bool = False) -> Entry:
    path, kind, size, seconds, nanoseconds, mode, _ = row
    if kind == "link" and not is_followed:
        return Entry(client, path, True)
    return Entry(client, path, False).tell(kind, size, seconds * _SECOND + nanoseconds, mode)


def is_link(client: Calls, path: str) -> bool:
    """Tell whether a path is a link."""
    try:
        return modes.S_ISLNK(client.lstat(path).st_mode)
    except OSError as error:
        if not is_nothing(error):
            raise
        return False


def asked_of(client: Calls, method: str) -> Callable[..., Any]:
    """A method of a client.

    :raises NotImplementedError: if this version has none of that name.
    """
    found: Optional[Callable[..., Any]] = getattr(client, method, None)
    if found is None:
        raise NotImplementedError(f"{method} is unsupported by this version of remofile")
    return found


class Listings:
    """The listings of a search: what was told once is not asked for again."""

    def __init__(self, client: Calls) -> None:
        self._client = client
        self._known: dict[str, dict[str, Entry]] = {}
        #: Directories below which all is known.
        self._whole: set[str] = set()

    def load(self, directory: str) -> None:
        """Asks for all that is below a directory, in one listing."""
        if directory in self._whole:
            return
        self._begin(directory)
        for entry in self._list(directory, recursive=True):
            if entry.kind == "directory" and not entry.is_link:
                self._begin(entry.path)
            parent, _, name = entry.path.rpartition("/")
            self._known[parent or "/"][name] = entry

    def _begin(self, directory: str) -> None:
        self._known[directory] = {}
        self._whole.add(directory)

    def children(self, directory: str) -> list[Entry]:
        """The entries of a directory; none if it is not there, is no directory, or may not be read."""
        if directory not in self._known:
            self._known[directory] = {base_name(entry.path): entry for entry in self._list(directory)}
        return list(self._known[directory].values())

    def find(self, path: str) -> Optional[Entry]:
        """The entry at a path."""
        parent, _, name = path.rpartition("/")
        known = self._known.get(parent or "/")
        return lookup(self._client, path) if known is None or not name else known.get(name)

    def _list(self, directory: str, recursive: bool = False) -> list[Entry]:
        try:
            return list_entries(self._client, directory, recursive)
        except OSError as error:
            # A directory that may not be read is no error, as with pathlib; a token that does not allow it is one.
            is_passed_over = isinstance(error, PASSED_OVER) or error.errno == ELOOP
            if isinstance(error, RemofileException) or not is_passed_over:
                raise
            return []


class Search:
    """The search for what matches a pattern: see :meth:`remofile.RemofilePath.glob`."""

    def __init__(self, client: Calls, case_sensitive: Optional[bool], recurse_symlinks: bool) -> None:
        self._listings = Listings(client)
        self._case_sensitive = case_sensitive
        self._recurse_symlinks = recurse_symlinks

    def run(self, directory: str, parts: Sequence[str]) -> Iterator[Entry]:
        """The entries below a directory that match, each once."""
        seen: set[str] = set()
        for entry in self._select(directory, None, parts):
            if entry.path not in seen:
                seen.add(entry.path)
                yield entry

    def _select(self, path: str, entry: Optional[Entry], parts: Sequence[str]) -> Iterator[Entry]:
        """The entries that the parts of a pattern match from a path on, whose entry is told if it is known."""
        if not parts or not parts[0]:
            entry = entry or self._listings.find(path)
            if entry is not None and (not parts or entry.kind == "directory"):
                yield entry
            return
        part, rest = parts[0], parts[1:]
        if part == "**":
            yield from self._below(path, entry, rest)
        elif self._case_sensitive is not False and not _patterns.is_magic(part):
            yield from self._select(f"{path.rstrip('/')}/{part}", None, rest)
        else:
            yield from self._matching(path, part, rest)

    def _matching(self, path: str, part: str, rest: Sequence[str]) -> Iterator[Entry]:
        found = [
            entry
            for entry in self._listings.children(path)
            if (not rest or entry.kind == "directory")
            and _patterns.name_matches(base_name(entry.path), part, self._case_sensitive)
        ]
        # To list each of the directories takes a trip each.
        if len(found) > _SINGLE_LISTINGS and any(map(_patterns.is_magic, rest)):
            self._listings.load(path)
        for entry in found:
            yield from self._select(entry.path, entry, rest)

    def _below(self, path: str, entry: Optional[Entry], rest: Sequence[str]) -> Iterator[Entry]:
        """The entries that match the rest of a pattern in a directory and in all below it."""
        self._listings.load(path)
        # After `**` at the end everything matches, after `**/` every directory.
        is_end = not rest or not rest[0]
        if is_end:
            yield from self._select(path, entry, [""])
        waiting: list[tuple[str, Optional[Entry], int]] = [(path, entry, 0)]
        while waiting:
            directory, entry, links = waiting.pop()
            if links:
                self._listings.load(directory)
            if not is_end:
                yield from self._select(directory, entry, rest)
            below = []
            for child in self._listings.children(directory):
                is_directory = child.kind == "directory"
                if is_end and (is_directory or not rest):
                    yield child
                if is_directory and (not child.is_link or self._follows(links)):
                    below.append((child.path, child, links + child.is_link))
            waiting.extend(reversed(below))

    def _follows(self, links: int) -> bool:
        return self._recurse_symlinks and links < _MOST_LINKS
