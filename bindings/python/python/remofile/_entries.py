"""Entries of directories at a server: entries that know what they are without another trip."""

from __future__ import annotations

import os
import stat as modes
import warnings

from remofile._paths import base_name
from remofile.exceptions import UnlistedWarning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Optional

    from remofile._connection import Connection
    from remofile._remofile import _EntryRow

    Step = tuple[str, list[str], list[str]]

__all__ = ["DirEntry", "ScandirIterator"]

#: Names that one warning tells.
_MOST_NAMES = 10

_TYPES = {"file": modes.S_IFREG, "directory": modes.S_IFDIR, "link": modes.S_IFLNK}


class DirEntry:
    """An entry of a directory: what :class:`os.DirEntry` is on this machine.

    It was told whole with its directory, so that nothing is asked for it again, but what a link leads to: that is asked
    once, when somebody wants to know. Every method of a client takes it for a path.
    """

    __slots__ = ("_client", "_followed", "_row", "name", "path")

    def __init__(self, client: Connection, row: _EntryRow) -> None:
        self._client = client
        self._row = row
        self._followed: Optional[_EntryRow] = None
        #: Its absolute path.
        self.path = row[0]
        #: Its last name.
        self.name = base_name(row[0])

    @property
    def _remote_path(self) -> str:
        return self.path

    @property
    def target(self) -> Optional[str]:
        """The path that a link leads to; ``None`` for anything else, and where it cannot be told."""
        return self._row[6]

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether it is a directory, or a link to one."""
        return self._kind(follow_symlinks) == "directory"

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether it is a regular file, or a link to one."""
        return self._kind(follow_symlinks) == "file"

    def is_symlink(self) -> bool:
        """Tell whether it is a symbolic link."""
        return self._row[1] == "link"

    def is_junction(self) -> bool:
        """Tell whether it is a junction: there is none at a server."""
        return False

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Tell mode, size and time.

        :raises FileNotFoundError: for a link that leads nowhere.
        """
        return stat_of(self._target_row() if follow_symlinks and self.is_symlink() else self._row)

    def _kind(self, follows: bool) -> str:
        if not (follows and self.is_symlink()):
            return self._row[1]
        try:
            return self._target_row()[1]
        except OSError:
            return "link"

    def _target_row(self) -> _EntryRow:
        if self._followed is None:
            self._followed = followed_entry(self._client, self.path, None)
        return self._followed

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"


class ScandirIterator:
    """The entries of a directory, as :func:`os.scandir` gives them: an iterator, and a context manager."""

    def __init__(self, entries: Iterator[DirEntry]) -> None:
        self._entries: Optional[Iterator[DirEntry]] = entries

    def __iter__(self) -> ScandirIterator:
        return self

    def __next__(self) -> DirEntry:
        if self._entries is None:
            raise StopIteration
        return next(self._entries)

    def close(self) -> None:
        """Give no more entries."""
        self._entries = None

    def __enter__(self) -> ScandirIterator:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()


class Tree:
    """A directory with everything below it, which was told in one flight."""

    def __init__(self, client: Connection, top: str, rows: Sequence[_EntryRow]) -> None:
        self._top = top
        #: For each directory the names of the directories and of the others in it.
        self._names: dict[str, tuple[list[str], list[str]]] = {top: ([], [])}
        kinds = {row[0]: row[1] for row in rows}
        for row in rows:
            path = row[0]
            kind = _kind_behind(client, row, kinds) if row[1] == "link" else row[1]
            if row[1] == "directory":
                self._names[path] = ([], [])
            above, _, name = path.rpartition("/")
            directories, others = self._names[above or "/"]
            (directories if kind == "directory" else others).append(name)

    def walk(self, topdown: bool) -> Iterator[Step]:
        """Its directories, as :func:`os.walk` gives them; links to directories are named and not entered."""
        # A directory that comes before what is in it, or after.
        left: list[tuple[str, bool]] = [(self._top, False)]
        while left:
            path, is_over = left.pop()
            # Nothing is known of what a link leads to, and of names that a caller has added.
            directories, others = self._names.get(path, ([], []))
            if is_over:
                yield path, directories, others
                continue
            if topdown:
                yield path, directories, others
            else:
                left.append((path, True))
            inner = (f"{path.rstrip('/')}/{name}" for name in reversed(directories))
            left.extend((below, False) for below in inner if below in self._names)


def _kind_behind(client: Connection, row: _EntryRow, kinds: dict[str, str]) -> Optional[str]:
    """The kind of the entry that a link leads to: mostly one that was told as well."""
    path, target = row[0], row[6]
    if target is not None and ".." not in target:
        kind = kinds.get(os.path.normpath(f"{path.rpartition('/')[0]}/{target}"))
        if kind is not None and kind != "link":
            return kind
    return client._kind(path, None)


def scan(
    client: Connection, path: str, recursive: bool, timeout: Optional[int], deadline: Optional[int] = None
) -> list[_EntryRow]:
    """The entries of a directory; of what cannot be listed, a warning tells."""
    return told_whole(path, *client._native.scan(path, recursive, *client._limits(timeout, deadline)))


def told_whole(
    path: str, rows: list[_EntryRow], unlisted: Sequence[tuple[Optional[str], str]]
) -> list[_EntryRow]:
    """The entries, after a warning about what could not be listed."""
    warn_of_unlisted(path, [f"{name or path} ({why})" for name, why in unlisted])
    return rows


def warn_of_unlisted(path: str, unlisted: Sequence[str]) -> None:
    """Tells what is in a directory and could not be listed."""
    if not unlisted:
        return
    more = len(unlisted) - _MOST_NAMES
    told = ", ".join(unlisted[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    level = _level_outside()
    warnings.warn(UnlistedWarning(f"not everything in {path} could be listed: {told}"), stacklevel=level)


def _level_outside() -> int:
    """The number of frames up to whoever uses the package."""
    import sys

    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("remofile."):
        level, frame = level + 1, frame.f_back
    return level


def followed_entry(
    client: Connection, path: str, timeout: Optional[int], deadline: Optional[int] = None
) -> _EntryRow:
    """The entry that a path leads to.

    :raises FileNotFoundError: if that is nothing.
    """
    return led_to(path, client._native.entry(path, True, *client._limits(timeout, deadline)))


def led_to(path: str, row: _EntryRow) -> _EntryRow:
    """The entry that a path was found to lead to.

    :raises FileNotFoundError: if that is nothing.
    """
    if row[1] == "link":
        from errno import ENOENT

        raise FileNotFoundError(ENOENT, "the symbolic link leads nowhere, or out of what the server shows", path)
    return row


def target_of(path: str, row: _EntryRow) -> str:
    """The path that a symbolic link leads to.

    :raises OSError: if it is none.
    :raises PermissionError: if the server does not tell it.
    """
    from errno import EINVAL, EPERM

    kind, target = row[1], row[6]
    if kind != "link":
        raise OSError(EINVAL, "it is not a symbolic link", path)
    if target is None:
        raise PermissionError(EPERM, "what the symbolic link leads to cannot be told", path)
    return target


def stat_of(row: _EntryRow) -> os.stat_result:
    """An entry as ``os.stat`` tells it. The times of last access and change are that of modification."""
    _, kind, size, seconds, nanoseconds, mode, _ = row
    permissions = mode if mode is not None else (0o755 if kind == "directory" else 0o644)
    whole = _TYPES.get(kind, modes.S_IFIFO) | permissions
    time, nanoseconds = seconds + 1e-9 * nanoseconds, seconds * 10**9 + nanoseconds
    times = {f"st_{what}time": time for what in "amc"}
    exact = {f"st_{what}time_ns": nanoseconds for what in "amc"}
    return os.stat_result((whole, 0, 0, 1, 0, 0, size, seconds, seconds, seconds), {**times, **exact})


def walk_tree(tree: Callable[[], Tree], topdown: bool, onerror: Optional[Callable[[OSError], object]]) -> Iterator[Step]:
    """The steps of a walk through a tree that is asked for when the walk begins."""
    try:
        found = tree()
    except OSError as error:
        if onerror is not None:
            onerror(error)
        return
    yield from found.walk(topdown)
