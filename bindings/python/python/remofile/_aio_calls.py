"""The requests of an asynchronous client."""

from __future__ import annotations

from remofile._aio_places import AsyncPlaces
from remofile._calls import wanted_parts, whole_parts
from remofile._entries import warn_of_unlisted
from remofile._paths import base_name, below_root, child, content_of, is_nothing, remote, text_of, two_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Optional

    from remofile._aio_file import AsyncFile
    from remofile._paths import RemotePath
    from remofile._usage import DiskUsage, Usage


class AsyncCalls(AsyncPlaces):
    """Questions to a server: methods of :class:`remofile.AsyncClient`."""

    async def list_files(
        self, directory: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> dict[str, tuple[bool, int, float]]:
        """List a directory.

        :param directory: an absolute path.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :return: for each name whether it is a directory, its size in bytes (0 for a directory), and when it was
            last modified, in seconds since 1970, as ``st_mtime`` has it. What cannot be listed, such as a name that is no
            UTF-8, is told by a :class:`remofile.UnlistedWarning`.
        :raises ValueError: if the path is not absolute.
        :raises FileNotFoundError: if there is no such directory.
        :raises NotADirectoryError: if it is no directory.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        method = self.client._native.list
        path = remote(directory, "Directory")
        rows, unlisted = await self._ask(method, path, False, timeout=timeout, deadline=deadline)
        warn_of_unlisted(path, unlisted)
        return {base_name(path): (kind == "directory", size, time) for path, kind, size, time, _, _ in rows}

    async def create_file(
        self, name: str, directory: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> None:
        """Create an empty file.

        :param str name: its name.
        :param directory: the absolute path of an existing directory.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :raises ValueError: if the path is not absolute.
        :raises FileNotFoundError: if there is no such directory.
        :raises NotADirectoryError: if it is no directory.
        :raises FileNameError: if the name is not valid.
        :raises FileExistsError: if the name is taken.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        path = child(remote(directory, "Directory"), name)
        await self._ask(self.client._native.create_file, path, False, timeout=timeout, deadline=deadline)

    async def make_directory(
        self, name: str, directory: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> None:
        """Create a directory.

        :param str name: its name.
        :param directory: the absolute path of an existing directory.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :raises ValueError: if the path is not absolute.
        :raises FileNotFoundError: if there is no such directory.
        :raises NotADirectoryError: if it is no directory.
        :raises FileNameError: if the name is not valid.
        :raises FileExistsError: if the name is taken.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        path = child(remote(directory, "Directory"), name)
        await self._ask(self.client._native.make_directory, path, False, False, timeout=timeout, deadline=deadline)

    async def make_directories(
        self, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> None:
        """Create a directory and what is missing of those above it; one that exists is no error.

        :param path: its absolute path.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :raises ValueError: if the path is not absolute.
        :raises FileNameError: if a name in it is not valid.
        :raises FileExistsError: if it is a file.
        :raises NotADirectoryError: if one of those above it is a file.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        await self._ask(self.client._native.make_directory, remote(path), True, True, timeout=timeout, deadline=deadline)

    async def delete_file(
        self,
        path: RemotePath,
        directory: Optional[RemotePath] = None,
        timeout: Optional[int] = None,
        *,
        recursive: bool = False,
        deadline: Optional[int] = None,
    ) -> None:
        """Delete a file or a directory.

        :param path: its absolute path; or its name, if a directory is given.
        :param directory: the absolute path of the directory that it is in.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :param bool recursive: whether a directory is deleted with its contents.
        :raises ValueError: if the path is not absolute.
        :raises FileNotFoundError: if there is no such file.
        :raises OSError: with ``ENOTEMPTY``, if the directory has contents.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        if directory is None:
            whole = below_root(remote(path))
        else:
            whole = child(remote(directory, "Directory"), text_of(path))
        await self._ask(self.client._native.remove, whole, recursive, timeout=timeout, deadline=deadline)

    async def rename(
        self,
        source: RemotePath,
        destination: RemotePath,
        timeout: Optional[int] = None,
        *,
        replace: bool = False,
        deadline: Optional[int] = None,
    ) -> None:
        """Rename or move a file or directory, at once.

        :param source: its absolute path.
        :param destination: its new absolute path.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :param bool replace: whether a file that is in the way is replaced.
        :raises ValueError: if a path is not absolute.
        :raises FileNotFoundError: if there is no such file.
        :raises FileExistsError: if the new name is taken.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        method = self.client._native.rename
        old, new = below_root(remote(source)), remote(destination)
        with two_paths(old, new):
            await self._ask(method, old, new, replace, timeout=timeout, deadline=deadline)

    async def exists(self, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> bool:
        """Tell whether there is such a file or directory; a link that leads nowhere is none, nor is a name that no file can have.

        :param path: its absolute path.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :raises ValueError: if the path is not absolute.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        try:
            row = await self._ask(self.client._native.stat, remote(path), timeout=timeout, deadline=deadline)
        except OSError as error:
            if not is_nothing(error):
                raise
            return False
        return row[1] != "link"

    async def read_bytes(self, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> bytes:
        """Read a whole file into memory.

        :param path: its absolute path.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :raises ValueError: if the path is not absolute.
        :raises FileNotFoundError: if there is no such file.
        :raises IsADirectoryError: if it is a directory.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        return await self._ask(self.client._native.read, remote(path), timeout=timeout, deadline=deadline)

    async def write_bytes(
        self,
        path: RemotePath,
        content: bytes,
        timeout: Optional[int] = None,
        *,
        replace: bool = True,
        deadline: Optional[int] = None,
    ) -> None:
        """Make a file of some content. A file that is there is replaced when the new one is complete.

        :param path: its absolute path.
        :param bytes content: what it is to hold: bytes, or anything with a buffer of bytes.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :param bool replace: whether a file that is there is replaced.
        :raises ValueError: if the path is not absolute.
        :raises FileExistsError: if it may not be replaced.
        :raises FileNotFoundError: if there is no such directory.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        method = self.client._native.write
        await self._ask(method, remote(path), content_of(content), replace, timeout=timeout, deadline=deadline)

    def open(
        self,
        path: RemotePath,
        mode: str = "r",
        buffering: int = -1,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> AsyncFile:
        """Open a file at the server, whose calls are awaited: with ``async with``, or by awaiting this::

            async with client.open("/notes.txt") as file:
                async for line in file:
                    print(line, end="")

        What is read is read ahead, and what is written is written behind. ``w`` and ``x`` rewrite: what is written
        becomes visible, whole, when the file is closed, and is forgotten if its block raises. ``r+`` and ``a`` change
        the file in place. The client's timeout is that of each call that reaches the server.

        :param path: its absolute path.
        :param str mode: what the function ``open`` takes.
        :param int buffering: bytes of the buffer on this side; 0 for none (binary only), 1 for lines (text only).
        :param str encoding: of a text; by default that of the function ``open``.
        :param str errors: what becomes of what cannot be encoded or decoded.
        :param str newline: how lines end, as for the function ``open``.
        :param bool strict: whether reading fails once the file is written to, replaced or touched. Otherwise a file that
            grows, is replaced or gets another time is read on as it was when it was opened.
        :param bool follow: whether reading waits for more at the end, as ``tail -F`` does; the timeout ends a wait.
        :raises FileNotFoundError: if there is no such file (``r``), or no such directory.
        :raises FileExistsError: with ``x``, if the name is taken.
        :raises IsADirectoryError: if it is a directory.
        :raises ValueError: if the mode is not valid.
        """
        from remofile._aio_file import AsyncFile

        return AsyncFile(self, remote(path), mode, buffering, encoding, errors, newline, strict=strict, follow=follow)

    async def read_ranges(
        self,
        ranges: Iterable[tuple[RemotePath, int, Optional[int]]],
        timeout: Optional[int] = None,
        *,
        deadline: Optional[int] = None,
    ) -> list[bytes]:
        """Read parts of files, of one or of many, in one flight.

        :param ranges: for each part the path, the offset at which it begins, and the one at which it ends (``None`` for
            the end of the file). A part ends with its file.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :raises OSError: what is wrong with the first part that cannot be read.
        """
        method = self.client._native.read_ranges
        return whole_parts(await self._ask(method, wanted_parts(ranges), timeout=timeout, deadline=deadline))

    async def status(self, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> dict[str, Any]:
        """Ask how the server is: answered whoever uses it.

        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :return: ``agent``, ``uptime`` in seconds, ``holders`` (a :class:`remofile.Holder` each), ``waiting``,
            ``cipher``, ``round_trip`` in seconds, ``token`` (the name of the own one, if it has one), ``used`` and ``quota``
            as :meth:`usage` has them, and ``hides_others``: true if ``holders`` and ``waiting`` have at most those who use the
            same token, since the own one has fewer rights than ``all``.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        return await self._ask(self.client._native.status, timeout=timeout, deadline=deadline)

    async def usage(self, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> Usage:
        """Ask how many bytes of files are below ``/``, and how many the token may keep there.

        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :return: ``used``, ``quota`` and ``free``, in bytes: each ``None`` if it is not known, or has no bound.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        from remofile._usage import Usage

        return Usage(*await self._ask(self.client._native.usage, timeout=timeout, deadline=deadline))

    async def disk_usage(
        self, path: RemotePath = "/", timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> DiskUsage:
        """Ask how much room the server's disk has, as ``shutil.disk_usage`` tells it of one of this machine.

        :param path: an absolute path, which tells the disk if there are several.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :return: ``total``, ``used`` and ``free``, in bytes. A token with a quota is told of that as if it were the disk.
        :raises FileNotFoundError: if there is nothing at the path.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        from remofile._usage import DiskUsage

        method = self.client._native.disk_usage
        return DiskUsage(*await self._ask(method, remote(path), timeout=timeout, deadline=deadline))

    async def hash(
        self,
        path: RemotePath,
        algorithm: str = "xxh3",
        timeout: Optional[int] = None,
        *,
        deadline: Optional[int] = None,
    ) -> str:
        """Have the server hash a file, without fetching it.

        :param path: an absolute path.
        :param str algorithm: ``xxh3`` (128 bits), ``blake3``, ``sha256``, ``sha512``, ``sha1`` or ``md5``.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :return: hexadecimal digits, as ``hexdigest`` of :mod:`hashlib` gives them.
        :raises ValueError: if there is no such algorithm.
        :raises FileNotFoundError: if there is no such file.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        return await self._ask(self.client._native.hash, remote(path), algorithm, timeout=timeout, deadline=deadline)

    async def hashes(
        self,
        path: RemotePath = "/",
        algorithm: str = "xxh3",
        timeout: Optional[int] = None,
        *,
        deadline: Optional[int] = None,
    ) -> dict[str, str]:
        """Have the server hash all files below a directory in one flight, without fetching them.

        :param path: an absolute path; of a file it is that file alone. Links below it are left out.
        :param str algorithm: as for :meth:`hash`.
        :param int timeout: milliseconds for the whole call, from now on; by default the client's. ``deadline`` is the same.
        :return: for each file its absolute path, and hexadecimal digits.
        :raises OSError: if one of the files cannot be read. What has a name that no path can hold, such as one that is no UTF-8,
            is told by a :class:`remofile.UnlistedWarning`.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        method, top = self.client._native.hashes, remote(path)
        rows, unlisted = await self._ask(method, top, algorithm, timeout=timeout, deadline=deadline)
        warn_of_unlisted(top, unlisted)
        return dict(rows)
