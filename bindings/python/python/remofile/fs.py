"""The file system for fsspec: ``fsspec.open("remofile://host:port/path", token=...)``."""

from __future__ import annotations

import datetime
from typing import Any, Optional

from remofile._file import Text
from remofile._fs_blocking import blocking
from remofile._fs_file import RangedFile
from remofile._fs_bulk import Bulk
from remofile._fs_compressed import Compressed

__all__ = ["RemofileFileSystem"]


class RemofileFileSystem(Bulk):
    """A server's directory as a file system of fsspec.

    Its methods block. Those that begin with ``_``, and ``open_async``, are awaited, on any loop and any number of them at
    once: this is fsspec's asynchronous interface, which ``asynchronous=True`` announces to programs that look for it.

    Its pickle, ``to_json()`` and ``to_dict()`` hold the token in clear, as those of every fsspec file system hold what
    it was made with. Without ``token`` each process takes that of its own ``REMOFILE_TOKEN``, and nothing holds it;
    ``to_json(include_password=False)`` leaves it out. URLs that the file system gives never hold it.

    In a transaction (``with fs.transaction:``) what is written, copied, moved or removed is done at the end, in order, or
    not at all; until then everybody, this file system too, sees what was there before. What is appended to or changed in
    place is so at once.

    :param str host: host name or address; by default ``REMOFILE_HOSTNAME``, or this machine.
    :param int port: the port; by default ``REMOFILE_PORT``, or 6768.
    :param str token: the token; by default ``REMOFILE_TOKEN``.
    :param public_key: the server's public key, if it has one; by default ``REMOFILE_PUBLIC_KEY``.
    :param int timeout: the timeout of each call, in milliseconds.
    :param float wait: how many seconds to wait while others use the server; by default ``REMOFILE_WAIT``.
    :param client: a client to use in place of all that: a :class:`remofile.Client` or :class:`remofile.AsyncClient`.
    :param int protocol_version: 2, or 1 for a server of the original; by default ``REMOFILE_PROTOCOL``.
    :param bool encryption: whether the session is to be encrypted.
    :param identity: a directory in which the identity is kept: see :class:`remofile.Client`.
    :param bool asynchronous: whether the program awaits.
    :param bool use_listings_cache: whether listings are kept, with ``listings_expiry_time`` seconds and ``max_paths``. By
        default they are not, as others may change what is there; what this file system changes is forgotten at once.
    """

    def created(self, path: str) -> datetime.datetime:
        """The time of the last change: when a file was created is not known."""
        return self.modified(path)

    def modified(self, path: str) -> datetime.datetime:
        """The time of the last change."""
        return datetime.datetime.fromtimestamp(self.info(path)["mtime"], tz=datetime.timezone.utc)

    def ukey(self, path: str) -> str:
        """A text that is another one when the file was changed."""
        found = self.info(path)
        return f"{found['name']}:{found['size']}:{found['mtime']!r}"

    def checksum(self, path: str) -> int:
        """A number that is another one when the content is another one: the server hashes the file, and sends nothing of it."""
        return int(self.hash(path), 16)

    def hash(self, path: str, algorithm: str = "xxh3") -> str:
        """Have the server hash a file, without fetching it: see :meth:`remofile.Client.hash`."""
        return self.client.hash(self._strip_protocol(path), algorithm)

    def open(
        self,
        path: str,
        mode: str = "rb",
        block_size: Optional[int] = None,
        cache_options: Optional[dict[str, Any]] = None,
        compression: Optional[str] = None,
        **kwargs: Any,
    ) -> Any:
        """Open a file, as :meth:`remofile.Client.open` does; missing directories are made.

        :param int block_size: bytes of the buffer on this side.
        :param str cache_type: one of fsspec's caches (``"blockcache"``, ``"readahead"``...) to read it through.
        """
        if "b" in mode and compression is not None:
            from fsspec.compression import compr
            from fsspec.core import get_compression

            kind = get_compression(path, compression)
            # The file itself is what a transaction commits, not what compresses into it, as older versions of fsspec have it.
            opened = self.open(path, mode, block_size, cache_options, **kwargs)
            if kind is None:
                return opened
            other = compr[kind](opened, mode=mode[0])
            return other if "r" in mode else Compressed(other, opened)
        if "b" in mode or (compression is not None and "r" in mode):
            return super().open(path, mode, block_size, cache_options, compression, **kwargs)
        # The base class would wrap it in a file that, where its block raises, makes half of a text visible.
        text = {name: kwargs.pop(name, None) for name in ("encoding", "errors", "newline")}
        binary = mode.replace("t", "") + "b"
        opened = self.open(path, binary, block_size, cache_options, compression, **kwargs)
        try:
            return Text(opened, **text).told_mode(mode)
        except BaseException:
            if "r" not in mode:
                opened.raw.discard()
            raise

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: Optional[int] = None,
        autocommit: bool = True,
        cache_options: Optional[dict[str, Any]] = None,
        **kwargs: Any,
    ) -> Any:
        path = self._strip_protocol(path)
        if mode == "rb" and kwargs.get("cache_type") is not None:
            size = kwargs.pop("size", None)
            cache = kwargs.pop("cache_type")
            return RangedFile(self, path, mode, block_size or "default", cache_type=cache, cache_options=cache_options, size=size)
        file = self._opened(path, mode, block_size or -1)
        if self.dircache.use_listings_cache and mode != "rb":
            self._forget_when_closed(file, path)
        if not autocommit and "r" not in mode:
            # What is appended becomes visible at once.
            raw = file.raw
            raw.is_deferred = raw._is_rewritten

            def commit() -> None:
                file.close()  # Whoever compressed into it may have left that to the end.
                raw.commit()

            file.commit, file.discard = commit, raw.discard
        return file

    def _forget_when_closed(self, file: Any, path: str) -> None:
        close = file.close

        def closed() -> None:
            try:
                close()
            finally:
                self._forget(path)

        file.close = closed

    async def _opening(self, path: str, mode: str, buffering: int) -> Any:
        async def opened() -> Any:
            return await self._engine.work(self.client.open, path, mode, buffering)

        return await (opened() if "r" in mode else self._with_parents(path, opened))

    async def open_async(self, path: str, mode: str = "rb", block_size: Optional[int] = None, **kwargs: Any) -> Any:
        """Open a file whose calls are awaited, as :meth:`remofile.AsyncClient.open` does."""
        if kwargs.get("compression"):
            raise ValueError("a file whose calls are awaited cannot be compressed: compress what is written")
        path = self._strip_protocol(path)
        text = {name: kwargs[name] for name in ("encoding", "errors", "newline") if name in kwargs}

        async def opened() -> Any:
            return await self._engine.awaited.open(path, mode, block_size or -1, **text)

        return await (opened() if "r" in mode else self._with_parents(path, opened))

    _opened = blocking(_opening)
