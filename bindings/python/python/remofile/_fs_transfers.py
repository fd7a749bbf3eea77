"""The file system for fsspec: content that comes and goes."""

from __future__ import annotations

import os
from typing import Any, Optional

from fsspec.callbacks import NoOpCallback
from fsspec.utils import isfilelike

from remofile._file import RemoteFile
from remofile._fs_blocking import blocking
from remofile._fs_changes import Changes
from remofile._fs_file import read_fully
from remofile._settings import interest

#: Bytes that pass through Python at once.
_BLOCK = 4 * 1024 * 1024

#: Bytes of one value that a transaction keeps in memory until its end.
_KEPT = 1024 * 1024


class Transfers(Changes):
    """The part of the file system that reads and writes whole files."""

    async def _put_file(
        self, lpath: Any, rpath: str, mode: str = "overwrite", callback: Any = None, **kwargs: Any
    ) -> None:
        """Upload a file, or make a directory.

        :param str mode: ``"create"`` to leave a file that is there alone: ``FileExistsError``.
        """
        rpath = self._strip_protocol(rpath)
        if os.path.isdir(lpath):
            await self._makedirs(rpath, exist_ok=True)
            return
        if self._intrans:
            await self._engine.work(self._stage, lpath, rpath, mode, callback)
            return
        parent, _, name = rpath.rpartition("/")
        stall_timeout, _ = self.client._transfer_limits(None)
        told = interest(None, 512, _progress(callback), stall_timeout=stall_timeout)
        source = ("", os.path.abspath(lpath), name)
        os.stat(lpath)  # So that what is missing below is the directory at the server.

        def put(may_replace: bool) -> Any:
            _, limits = self.client._transfer_limits(None)
            options = dict(on_conflict="replace" if may_replace else "abort", total=tells(callback))
            return self.client._native.upload([source], parent or "/", options, told, *limits)

        def write(may_replace: bool) -> Any:
            return self._engine.work(put, may_replace)

        await self._with_parents(rpath, lambda: write(False) if mode == "create" else self._replacing(write))

    def _stage(self, lpath: Any, rpath: str, mode: str, callback: Any) -> None:
        """Sends the content of a local file, which becomes visible at the end of the transaction."""
        with open(lpath, "rb") as source, self.open(rpath, "xb" if mode == "create" else "wb") as destination:
            if tells(callback):
                callback.set_size(os.fstat(source.fileno()).st_size)
            while content := source.read(_BLOCK):
                destination.write(content)
                if tells(callback):
                    callback.relative_update(len(content))

    async def _get_file(
        self, rpath: str, lpath: Any = None, callback: Any = None, outfile: Any = None, **kwargs: Any
    ) -> None:
        """Download a file, or make a local directory.

        :param lpath: the local path, or an open file.
        """
        rpath = self._strip_protocol(rpath)
        if outfile is not None or isfilelike(lpath):
            await self._engine.work(self._copy_out, rpath, outfile if outfile is not None else lpath, callback)
            return
        local = os.path.abspath(lpath)
        if (await self._info(rpath))["type"] == "directory":
            os.makedirs(local, exist_ok=True)
            return
        directory, name = os.path.split(local)
        os.makedirs(directory, exist_ok=True)
        options = dict(on_conflict="replace", total=tells(callback))
        stall_timeout, _ = self.client._transfer_limits(None)
        told = interest(None, 512, _progress(callback), stall_timeout=stall_timeout)

        def get() -> Any:
            _, limits = self.client._transfer_limits(None)
            return self.client._native.download("/", [(rpath, name)], directory, options, told, *limits)

        await self._engine.work(get)

    def _copy_out(self, rpath: str, outfile: Any, callback: Any) -> None:
        with RemoteFile(self.client, rpath, "r") as source:
            if tells(callback):
                callback.set_size(source.size)
            while content := source.read(_BLOCK):
                outfile.write(content)
                if tells(callback):
                    callback.relative_update(len(content))

    async def _cat_file(
        self, path: str, start: Optional[int] = None, end: Optional[int] = None, **kwargs: Any
    ) -> bytes:
        """The content of a file, or of a part of it; places count from the end if they are negative."""
        path = self._strip_protocol(path)
        if start is None and end is None:
            return await self._engine.call("read_bytes", path)  # type: ignore[no-any-return]
        return await self._engine.work(self._read_part, path, start, end)

    def _read_part(self, path: str, start: Optional[int], end: Optional[int]) -> bytes:
        with RemoteFile(self.client, path, "r") as file:
            first, last, _ = slice(start, end).indices(file.size)
            file.seek(first)
            return read_fully(file, last - first)

    async def _cat_ranges(
        self, paths: Any, starts: Any, ends: Any, max_gap: Any = None, batch_size: Any = None, on_error: str = "return", **kwargs: Any
    ) -> list[Any]:
        """Parts of files, in one flight; an error is in the place of its part, or raised with ``on_error="raise"``."""
        if max_gap is not None:
            raise NotImplementedError
        if not isinstance(paths, list):
            raise TypeError("the paths are no list")
        starts = starts if isinstance(starts, list) else [starts] * len(paths)
        ends = ends if isinstance(ends, list) else [ends] * len(paths)
        if len(starts) != len(paths) or len(ends) != len(paths):
            raise ValueError("there are not as many starts and ends as paths")
        wanted = []
        for path, start, end in zip(paths, starts, ends):
            path, start = self._strip_protocol(path), start or 0
            if start < 0 or (end or 0) < 0:
                size = (await self._info(path))["size"]
                start, end, _ = slice(start, end).indices(size)
            wanted.append((path, start, None if end is None else max(end - start, 0)))
        parts = await self._engine.ask("read_ranges", wanted)
        for part in parts:
            if on_error == "raise" and isinstance(part, BaseException):
                raise part
        return parts  # type: ignore[no-any-return]

    async def _pipe_file(self, path: str, value: Any, mode: str = "overwrite", **kwargs: Any) -> None:
        """Make a file of some content.

        :param str mode: ``"create"`` to leave a file that is there alone: ``FileExistsError``.
        """
        path, may_replace = self._strip_protocol(path), mode != "create"
        if self._intrans and len(value) > _KEPT:
            await self._engine.work(self._stage_value, path, value, may_replace)
        elif self._intrans:
            content = bytes(value)
            self._put_off(lambda: self.pipe_file(path, content, mode))
        else:

            def write(may_replace: bool) -> Any:
                return self._engine.call("write_bytes", path, value, replace=may_replace)

            await self._with_parents(path, lambda: self._replacing(write) if may_replace else write(False))

    def _stage_value(self, path: str, value: Any, may_replace: bool) -> None:
        with self.open(path, "wb" if may_replace else "xb") as file:
            file.write(value)

    put_file = blocking(_put_file)
    get_file = blocking(_get_file)
    cat_file = blocking(_cat_file)
    pipe_file = blocking(_pipe_file)


def tells(callback: Any) -> bool:
    """True if a callback of fsspec wants to hear anything."""
    return callback is not None and not isinstance(callback, NoOpCallback)


def _progress(callback: Any) -> Any:
    """A callback of fsspec as a function of bytes done and bytes in all."""
    if not tells(callback):
        return None

    def tell(done: int, total: int) -> None:
        callback.set_size(total)
        callback.absolute_update(done)

    return tell
