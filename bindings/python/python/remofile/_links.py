"""Walks through directories and links at a server."""

from __future__ import annotations

import posixpath

from remofile._listing import PASSED_OVER, Entry, asked_of, is_link, list_entries, lookup, raise_missing
from remofile._paths import base_name
from remofile.exceptions import RemofileException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Optional

    from remofile._calls import Calls

    OnError = Callable[[OSError], object]

__all__ = ["resolve", "walk"]

#: Links that lead from one to the next before they are taken for a circle, as Linux has it.
_MOST_LINKS = 40


def resolve(client: Calls, path: str, strict: bool) -> str:
    """A path without links and ``..``: see :meth:`remofile.RemofilePath.resolve`."""
    waiting = path.split("/")[:0:-1]
    found, links = "", 0
    while waiting:
        name = waiting.pop()
        if name == "..":
            found = posixpath.dirname(found).rstrip("/")
        elif name not in ("", "."):
            here = f"{found}/{name}"
            target = _target(client, here)
            if target is None or target.startswith("/"):
                # What leads out of the directory that is served is nothing there.
                found = here
                continue
            links += 1
            if links > _MOST_LINKS:
                _raise_circle(path)
            waiting.extend(reversed(target.split("/")))
    if strict:
        there = lookup(client, found or "/")
        if there is None or not there.exists():
            raise_missing(found or "/")
    return found or "/"


def _target(client: Calls, path: str) -> Optional[str]:
    """The target of a link; ``None`` for what is none."""
    if not hasattr(client, "readlink"):
        # Without it what has no links is resolved still.
        return str(asked_of(client, "readlink")(path)) if is_link(client, path) else None
    try:
        return str(asked_of(client, "readlink")(path))
    except OSError as error:
        from errno import EINVAL

        if isinstance(error, RemofileException):
            raise
        if error.errno == EINVAL or isinstance(error, PASSED_OVER):
            # What leads out of what the client may see is told to nobody.
            return None
        raise


def _raise_circle(path: str) -> None:
    import os
    from errno import ELOOP

    raise OSError(ELOOP, os.strerror(ELOOP), path)


def walk(
    client: Calls, top: str, top_down: bool, on_error: Optional[OnError], follow_symlinks: bool
) -> Iterator[tuple[str, list[str], list[str]]]:
    """The directories from one on: see :meth:`remofile.RemofilePath.walk`."""
    found = _from_above(_Trees(client, on_error), top, follow_symlinks)
    # Seen from behind, each directory comes after those in it.
    return found if top_down else iter(list(found)[::-1])


def _from_above(trees: _Trees, top: str, follow_symlinks: bool) -> Iterator[tuple[str, list[str], list[str]]]:
    waiting = [top]
    while waiting:
        directory = waiting.pop()
        entries = trees.take(directory)
        if entries is None:
            continue
        directories: list[str] = []
        files: list[str] = []
        for entry in entries:
            is_walked = entry.kind == "directory" and (follow_symlinks or not entry.is_link)
            (directories if is_walked else files).append(base_name(entry.path))
        yield directory, directories, files
        waiting.extend(f"{directory.rstrip('/')}/{name}" for name in reversed(directories))


class _Trees:
    """The directories that were listed and not taken yet."""

    def __init__(self, client: Calls, on_error: Optional[OnError]) -> None:
        self._client = client
        self._on_error = on_error
        self._known: dict[str, list[Entry]] = {}

    def take(self, directory: str) -> Optional[list[Entry]]:
        """The entries of a directory, after those of all below it were asked for; ``None`` if it cannot be listed."""
        if directory not in self._known:
            try:
                self._add(directory, list_entries(self._client, directory, recursive=True))
            except OSError as error:
                if isinstance(error, RemofileException) or not isinstance(error, PASSED_OVER):
                    raise
                if self._on_error is not None:
                    self._on_error(error)
                return None
        return self._known.pop(directory)

    def _add(self, top: str, entries: list[Entry]) -> None:
        self._known[top] = []
        for entry in entries:
            if entry.kind == "directory" and not entry.is_link:
                self._known.setdefault(entry.path, [])
            self._known.setdefault(entry.path.rpartition("/")[0] or "/", []).append(entry)
