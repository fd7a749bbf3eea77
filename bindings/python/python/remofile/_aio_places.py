"""The calls of an asynchronous client about what is at a place."""

from __future__ import annotations

import os

from remofile._aio_connection import AsyncConnection
from remofile._entries import DirEntry, ScandirIterator, Tree, led_to, stat_of, target_of, told_whole
from remofile._paths import remote
from remofile._places import modified_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import Optional, Union

    from remofile._paths import RemotePath
    from remofile._remofile import Report, _EntryRow


class AsyncPlaces(AsyncConnection):
    """Operations on places: methods of :class:`remofile.AsyncClient`."""

    async def copy(
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
        :param bool recursive: whether a directory is copied with its contents.
        :param bool replace: whether a file that is in the way is replaced. A directory that is in the way then gets what it
            lacks.
        :param str on_conflict: in place of ``replace``, what becomes of files in the way: ``"abort"``, ``"replace"``,
            ``"skip"``, ``"rename"`` or ``"newer"``.
        :param bool parents: whether missing directories above the destination are made.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :return: the numbers of files, directories and bytes that were copied.
        :raises FileNotFoundError: if there is no such file, or no directory for the copy.
        :raises FileExistsError: if the destination is taken.
        :raises IsADirectoryError: if the source is a directory, without ``recursive``.
        :raises OSError: with ``EINVAL``, if source and destination are the same, or one inside the other.
        """
        rule = on_conflict if on_conflict is not None else "replace" if replace else "abort"
        ends = (remote(source, "Source"), remote(destination, "Destination"))
        method = self.client._native.copy
        return await self._ask(method, *ends, recursive, rule, parents, timeout=timeout, deadline=deadline)

    async def stat(self, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> os.stat_result:
        """Tell mode, size and time of a file; links are followed.

        Many at a time are asked for in one go::

            sizes = [found.st_size for found in await asyncio.gather(*map(client.stat, paths))]

        :param path: its absolute path.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :raises ValueError: if the path is not absolute.
        :raises FileNotFoundError: if there is no such file, or a link that leads nowhere.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        text = remote(path)
        row = await self._ask(self.client._native.entry, text, True, timeout=timeout, deadline=deadline)
        return stat_of(led_to(text, row))

    async def lstat(self, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> os.stat_result:
        """Tell mode, size and time of what a path names itself: a link is not followed.

        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :raises FileNotFoundError: if there is no such file.
        """
        method = self.client._native.entry
        return stat_of(await self._ask(method, remote(path), False, timeout=timeout, deadline=deadline))

    async def readlink(self, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> str:
        """Tell what a symbolic link leads to.

        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :raises FileNotFoundError: if there is no such link.
        :raises OSError: with ``EINVAL``, if it is no link.
        :raises PermissionError: if it leads out of what this client may see.
        """
        text = remote(path)
        row = await self._ask(self.client._native.entry, text, False, timeout=timeout, deadline=deadline)
        return target_of(text, row)

    async def symlink(
        self, target: str, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> None:
        """Make a symbolic link.

        :param str target: what it leads to, seen from its directory: a relative path that stays in what the server shows.
        :param path: the absolute path of the link.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :raises FileExistsError: if the name is taken.
        :raises PermissionError: if the target is absolute, or leads out.
        """
        method = self.client._native.make_link
        await self._ask(method, remote(path), os.fspath(target), timeout=timeout, deadline=deadline)

    async def chmod(
        self, path: RemotePath, mode: int, timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> None:
        """Set the permission bits of a file or directory; links are followed.

        :param int mode: the bits, of which the server takes ``0o777``.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :raises FileNotFoundError: if there is no such file.
        """
        method = self.client._native.set_attributes
        await self._ask(method, remote(path), mode & 0o777, None, timeout=timeout, deadline=deadline)

    async def utime(
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
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :raises FileNotFoundError: if there is no such file.
        :raises ValueError: if both ``times`` and ``ns`` are given.
        """
        method = self.client._native.set_attributes
        await self._ask(method, remote(path), None, modified_of(times, ns), timeout=timeout, deadline=deadline)

    async def scandir(
        self, path: RemotePath = "/", timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> ScandirIterator:
        """List a directory as :func:`os.scandir` does: awaited, it gives entries that wait for nothing.

        The entries know kind, size, time, permission bits and target without another trip. Only what a link leads to is
        asked for, without being awaited, where ``is_dir``, ``is_file`` or ``stat`` follow it. What is in the directory and
        cannot be listed, such as a name that is no UTF-8, is told by a :class:`remofile.UnlistedWarning`.

        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :raises FileNotFoundError: if there is no such directory.
        :raises NotADirectoryError: if it is no directory.
        """
        rows = await self._scan(remote(path), False, timeout, deadline)
        return ScandirIterator(DirEntry(self.client, row) for row in rows)

    async def walk(
        self,
        top: RemotePath = "/",
        topdown: bool = True,
        onerror: Optional[Callable[[OSError], object]] = None,
        timeout: Optional[int] = None,
        *,
        deadline: Optional[int] = None,
    ) -> AsyncIterator[tuple[str, list[str], list[str]]]:
        """Walk through a directory and everything below it, as :func:`os.walk` does; the steps come with ``async for``.

        The whole tree is told in one flight when the walk begins. Links to directories are among the directories and not
        entered. What cannot be listed is told by a :class:`remofile.UnlistedWarning`.

        :param top: the absolute path of the directory.
        :param bool topdown: whether a directory comes before those in it; then names that the caller removes are not
            entered.
        :param onerror: called with the error if the directory itself cannot be listed; by default nothing is told of it.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :return: for each directory its path, the names of the directories in it and the names of everything else.
        """
        text = remote(top)
        try:
            rows = await self._scan(text, True, timeout, deadline)
            # What links lead to is asked for.
            tree = await self._call(Tree, self.client, text, rows)
        except OSError as error:
            if onerror is not None:
                onerror(error)
            return
        for step in tree.walk(topdown):
            yield step

    async def _scan(
        self, path: str, recursive: bool, timeout: Optional[int], deadline: Optional[int]
    ) -> list[_EntryRow]:
        method = self.client._native.scan
        return told_whole(path, *await self._ask(method, path, recursive, timeout=timeout, deadline=deadline))
