"""Paths at a server, with the interface of :mod:`pathlib`."""

from __future__ import annotations

import fnmatch
from pathlib import PurePosixPath

from remofile._calls import Calls
from remofile._paths import checked_name, content_of, remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from typing import IO, Any, Optional

    from remofile._paths import RemotePath

__all__ = ["RemofilePath"]


class RemofilePath:
    """A path at a server: what :class:`pathlib.Path` is for this machine.

    It is always absolute. It is no ``os.PathLike``, so that no function takes it for a path of this machine; every
    method of :class:`remofile.Client` takes it.

    :param client: the client of the server.
    :param path: an absolute path.
    """

    __slots__ = ("_path", "client")

    def __init__(self, client: Calls, path: RemotePath = "/") -> None:
        #: The client that it is reached through.
        self.client = client
        self._path = PurePosixPath(remote(path))

    # What it is made of.

    @property
    def _remote_path(self) -> str:
        return str(self._path)

    @property
    def name(self) -> str:
        """Its last name; empty for the root."""
        return self._path.name

    @property
    def stem(self) -> str:
        """Its last name without the suffix."""
        return self._path.stem

    @property
    def suffix(self) -> str:
        """The last suffix of its name, with the dot."""
        return self._path.suffix

    @property
    def suffixes(self) -> list[str]:
        """All suffixes of its name."""
        return self._path.suffixes

    @property
    def parts(self) -> tuple[str, ...]:
        """The root and its names."""
        return self._path.parts

    @property
    def parent(self) -> RemofilePath:
        """The directory that it is in; the root itself for the root."""
        return self._at(self._path.parent)

    @property
    def parents(self) -> tuple[RemofilePath, ...]:
        """The directories above it, from its own up to the root."""
        return tuple(self._at(parent) for parent in self._path.parents)

    def joinpath(self, *others: str) -> RemofilePath:
        """Another path, taken from this one."""
        return self._at(self._path.joinpath(*others))

    def __truediv__(self, other: str) -> RemofilePath:
        return self.joinpath(other)

    def with_name(self, name: str) -> RemofilePath:
        """The same with another last name."""
        return self._at(self._path.with_name(name))

    def with_stem(self, stem: str) -> RemofilePath:
        """The same with another last name, up to the suffix."""
        return self._at(self._path.with_stem(stem))

    def with_suffix(self, suffix: str) -> RemofilePath:
        """The same with another suffix."""
        return self._at(self._path.with_suffix(suffix))

    def relative_to(self, other: RemotePath) -> PurePosixPath:
        """What leads here from a directory above."""
        return self._path.relative_to(remote(other))

    def is_relative_to(self, other: RemotePath) -> bool:
        """Whether it is below a directory."""
        return self._path.is_relative_to(remote(other))

    def is_absolute(self) -> bool:
        """It is."""
        return True

    def match(self, pattern: str) -> bool:
        """Whether a shell pattern matches it."""
        return self._path.match(pattern)

    def as_posix(self) -> str:
        """It as a text."""
        return str(self._path)

    def as_uri(self) -> str:
        """It as a URL, as fsspec takes it."""
        from urllib.parse import quote

        return f"remofile://{self.client.hostname}:{self.client.port}{quote(str(self._path))}"

    def __str__(self) -> str:
        return str(self._path)

    def __repr__(self) -> str:
        return f"RemofilePath({str(self._path)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RemofilePath):
            return NotImplemented
        return self._path == other._path and self.client == other.client

    def __hash__(self) -> int:
        return hash((self._path, self.client))

    def __lt__(self, other: RemofilePath) -> bool:
        if not isinstance(other, RemofilePath):
            return NotImplemented
        return self._path < other._path

    # What is there.

    def stat(self) -> os.stat_result:
        """Mode, size and time; links are followed."""
        return self.client.stat(self)

    def exists(self) -> bool:
        """Whether there is something."""
        return self._kind() is not None

    def is_dir(self) -> bool:
        """Whether it is a directory."""
        return self._kind() == "directory"

    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self._kind() == "file"

    def is_symlink(self) -> bool:
        """Whether it is a link."""
        return any(row[0] == str(self._path) and row[5] for row in self.parent._list(False)) if self.name else False

    def iterdir(self) -> Iterator[RemofilePath]:
        """What is in the directory."""
        return iter([self._at(row[0]) for row in self._list(False)])

    def glob(self, pattern: str) -> Iterator[RemofilePath]:
        """What is below it and matches a shell pattern; ``**`` is any number of directories."""
        if not pattern or pattern.startswith("/"):
            raise ValueError(f"unacceptable pattern: {pattern!r}")
        parts = [part for part in pattern.split("/") if part and part != "."]
        wants_directories = pattern.endswith("/") or parts[-1] == "**"
        own_depth = len(self._path.parts)
        if _matches([], parts):
            yield self
        for path, kind, _, _, _, _ in self._list(len(parts) > 1 or parts[0] == "**"):
            found = self._at(path)
            if (kind == "directory" or not wants_directories) and _matches(list(found.parts[own_depth:]), parts):
                yield found

    def rglob(self, pattern: str) -> Iterator[RemofilePath]:
        """What is anywhere below it and matches a shell pattern."""
        return self.glob(f"**/{pattern}")

    # Changing it.

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Create the directory. The mode is the server's affair."""
        native, limits = self.client._native, self.client._limits(None)
        try:
            native.make_directory(str(self._path), False, parents, *limits)
        except FileExistsError:
            if not exist_ok or not self.is_dir():
                raise

    def touch(self, mode: int = 0o666, exist_ok: bool = True) -> None:
        """Create an empty file, or set the time of one to now. The mode is the server's affair."""
        self.client._native.create_file(str(self._path), exist_ok, *self.client._limits(None))

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete the file."""
        from errno import EISDIR

        if self.is_dir() and not self.is_symlink():
            raise IsADirectoryError(EISDIR, "it is a directory", str(self._path))
        try:
            self.client.delete_file(self)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rmdir(self) -> None:
        """Delete the directory, which must be empty."""
        from errno import ENOTDIR

        if self._kind() not in (None, "directory"):
            raise NotADirectoryError(ENOTDIR, "it is no directory", str(self._path))
        self.client.delete_file(self)

    def rename(self, target: RemotePath) -> RemofilePath:
        """Rename it; a file that is in the way is an error.

        :return: the new path.
        """
        return self._rename(target, replace=False)

    def replace(self, target: RemotePath) -> RemofilePath:
        """Rename it; a file that is in the way is replaced.

        :return: the new path.
        """
        return self._rename(target, replace=True)

    # Content.

    def open(
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> IO[Any]:
        """Open the file: see :meth:`remofile.Client.open`."""
        return self.client.open(self, mode, buffering, encoding, errors, newline)

    def read_bytes(self) -> bytes:
        """The content of the file."""
        return self.client.read_bytes(self)

    def read_text(self, encoding: Optional[str] = None, errors: Optional[str] = None) -> str:
        """The content of the file as text."""
        with self.open("r", encoding=encoding, errors=errors) as file:
            content: str = file.read()
            return content

    def write_bytes(self, data: bytes) -> int:
        """Make the file of some content, in place of what was there.

        :return: how many bytes that are.
        """
        content = content_of(data)
        self.client.write_bytes(self, content)
        return len(content)

    def write_text(
        self,
        data: str,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> int:
        """Make the file of some text, in place of what was there.

        :return: how many characters that are.
        """
        with self.open("w", encoding=encoding, errors=errors, newline=newline) as file:
            file.write(data)
        return len(data)

    def _at(self, path: RemotePath) -> RemofilePath:
        return RemofilePath(self.client, path)

    def _kind(self) -> Optional[str]:
        return self.client._kind(str(self._path), None)

    def _list(self, recursive: bool) -> list[tuple[str, str, int, float, Optional[int], bool]]:
        rows, _ = self.client._native.list(str(self._path), recursive, *self.client._limits(None))
        return rows

    def _rename(self, target: RemotePath, *, replace: bool) -> RemofilePath:
        new = self._at(target)
        if new.name:
            checked_name(new.name)
        self.client.rename(self, new, replace=replace)
        return new


def _matches(path: list[str], pattern: list[str]) -> bool:
    """Whether names match a shell pattern, part by part."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        if len(pattern) == 1:
            return True
        return any(_matches(path[skipped:], pattern[1:]) for skipped in range(len(path) + 1))
    return bool(path) and fnmatch.fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])
