"""The calls of a client about what is at a place: what it is, what is in it, its attributes, and copies of it."""

from __future__ import annotations

import os

from remofile._connection import Connection
from remofile._entries import DirEntry, ScandirIterator, Tree, followed_entry, scan, stat_of, target_of, walk_tree
from remofile._paths import remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Optional, Union

    from remofile._paths import RemotePath
    from remofile._remofile import Report

_SECOND = 10**9


class Places(Connection):
    """Operations on places: methods of :class:`remofile.Client`."""

    def copy(
        self,
        source: RemotePath,
        destination: RemotePath,
        timeout: Optional[int] = None,
        *,
        recursive: bool = False,
        replace: bool = False,
        on_conflict: Optional[str] = None,
        parents: bool = False,
        deadline: Optional[int] = None,
    ) -> Report:
        """Copy a file or a directory to another path of the server, which does it without sending anything.

        The copy shares its content with the source where the server's disk can. It has its permission bits and its time
        of modification; links in a directory are copied as links. A file is there whole or not at all, whatever
        happens; of a directory, what was copied stays.

        :param source: the absolute path of a file, or with ``recursive`` of a directory.
        :param destination: the absolute path of the copy itself, in an existing directory.
        :param int timeout: milliseconds for the whole call, as ``deadline`` is.
        :param bool recursive: whether a directory is copied with its contents.
        :param bool replace: whether a file that is in the way is replaced. A directory that is in the way then gets what it
            lacks.
        :param str on_conflict: in place of ``replace``, what becomes of files in the way: ``"abort"``, ``"replace"``,
            ``"skip"``, ``"rename"`` or ``"newer"``.
        :param bool parents: whether missing directories above the destination are made.
        :return: the numbers of files, directories and bytes that were copied.
        :raises FileNotFoundError: if there is no such file, or no directory for the copy.
        :raises FileExistsError: if the destination is taken.
        :raises IsADirectoryError: if the source is a directory, without ``recursive``.
        :raises OSError: with ``EINVAL``, if source and destination are the same, or one inside the other.
        """
        rule = on_conflict if on_conflict is not None else "replace" if replace else "abort"
        ends = (remote(source, "Source"), remote(destination, "Destination"))
        return self._native.copy(*ends, recursive, rule, parents, *self._limits(timeout, deadline))

    def stat(self, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> os.stat_result:
        """Tell mode, size and time of a file; links are followed.

        :raises FileNotFoundError: if there is no such file, or a link that leads nowhere.
        """
        return stat_of(followed_entry(self, remote(path), timeout, deadline))

    def lstat(self, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> os.stat_result:
        """Tell mode, size and time of what a path names itself: a link is not followed.

        :raises FileNotFoundError: if there is no such file.
        """
        return stat_of(self._native.entry(remote(path), False, *self._limits(timeout, deadline)))

    def readlink(self, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> str:
        """Tell what a symbolic link leads to.

        :raises FileNotFoundError: if there is no such link.
        :raises OSError: with ``EINVAL``, if it is no link.
        :raises PermissionError: if it leads out of what this client may see.
        """
        text = remote(path)
        return target_of(text, self._native.entry(text, False, *self._limits(timeout, deadline)))

    def symlink(
        self, target: str, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> None:
        """Make a symbolic link.

        :param str target: what it leads to, seen from its directory: a relative path that stays in what the server shows.
        :param path: the absolute path of the link.
        :raises FileExistsError: if the name is taken.
        :raises PermissionError: if the target is absolute, or leads out.
        """
        self._native.make_link(remote(path), os.fspath(target), *self._limits(timeout, deadline))

    def chmod(
        self, path: RemotePath, mode: int, timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> None:
        """Set the permission bits of a file or directory; links are followed.

        :param int mode: the bits, of which the server takes ``0o777``.
        :raises FileNotFoundError: if there is no such file.
        """
        self._native.set_attributes(remote(path), mode & 0o777, None, *self._limits(timeout, deadline))

    def utime(
        self,
        path: RemotePath,
        times: Optional[tuple[Union[int, float], Union[int, float]]] = None,
        timeout: Optional[int] = None,
        *,
        ns: Optional[tuple[int, int]] = None,
        deadline: Optional[int] = None,
    ) -> None:
        """Set the time of modification of a file or directory, as :func:`os.utime` does; links are followed.

        :param times: seconds of last access and of modification; by default now. The server keeps the second alone.
        :param ns: in place of ``times``, both in nanoseconds.
        :raises FileNotFoundError: if there is no such file.
        :raises ValueError: if both ``times`` and ``ns`` are given.
        """
        modified = modified_of(times, ns)
        self._native.set_attributes(remote(path), None, modified, *self._limits(timeout, deadline))

    def scandir(
        self, path: RemotePath = "/", timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> ScandirIterator:
        """List a directory as :func:`os.scandir` does.

        The entries know kind, size, time, permission bits and target without another trip. What is in the directory and
        cannot be listed, such as a name that is no UTF-8, is told by a :class:`remofile.UnlistedWarning`.

        :raises FileNotFoundError: if there is no such directory.
        :raises NotADirectoryError: if it is no directory.
        """
        rows = scan(self, remote(path), False, timeout, deadline)
        return ScandirIterator(DirEntry(self, row) for row in rows)

    def walk(
        self,
        top: RemotePath = "/",
        topdown: bool = True,
        onerror: Optional[Callable[[OSError], object]] = None,
        timeout: Optional[int] = None,
        *,
        deadline: Optional[int] = None,
    ) -> Iterator[tuple[str, list[str], list[str]]]:
        """Walk through a directory and everything below it, as :func:`os.walk` does.

        The whole tree is told in one flight when the walk begins. Links to directories are among the directories and not
        entered. What cannot be listed is told by a :class:`remofile.UnlistedWarning`.

        :param top: the absolute path of the directory.
        :param bool topdown: whether a directory comes before those in it; then names that the caller removes are not
            entered.
        :param onerror: called with the error if the directory itself cannot be listed; by default nothing is told of it.
        :return: for each directory its path, the names of the directories in it and the names of everything else.
        """
        text = remote(top)
        return walk_tree(lambda: Tree(self, text, scan(self, text, True, timeout, deadline)), topdown, onerror)


def modified_of(
    times: Optional[tuple[Union[int, float], Union[int, float]]], ns: Optional[tuple[int, int]]
) -> tuple[int, int]:
    """Seconds and nanoseconds of a time of modification."""
    if times is not None and ns is not None:
        raise ValueError("utime: you may specify either 'times' or 'ns' but not both")
    if ns is not None:
        return divmod(int(ns[1]), _SECOND)
    if times is None:
        import time

        return divmod(time.time_ns(), _SECOND)
    seconds, part = divmod(times[1], 1)
    return int(seconds), min(int(part * _SECOND), _SECOND - 1)
