"""The client for programs that await."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from concurrent.futures import ThreadPoolExecutor

from remofile import algorithm
from remofile._remofile import Interrupt
from remofile._settings import INTERRUPT
from remofile.client import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Optional, TypeVar

    from remofile._aio_file import AsyncFile
    from remofile._paths import LocalPath, RemotePath
    from remofile._remofile import Report

    T = TypeVar("T")

__all__ = ["AsyncClient"]

#: Calls of one client that wait for their turn at the same time.
_THREADS = 8


class AsyncClient:
    """A :class:`remofile.Client` whose calls are awaited.

    It is made of the same arguments, and its methods have the same names, parameters and errors. A call that is
    cancelled is ended: what an interrupted transfer has moved is kept for the next one. Callbacks run on a thread
    that is not the loop's. As an asynchronous context manager it ends its session at the end.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        #: The client that makes the calls.
        self.client = Client(*arguments, **options)
        self._executor: Optional[ThreadPoolExecutor] = None

    @classmethod
    def from_environment(cls, **options: Any) -> AsyncClient:
        """A client of the server that the environment names: see :meth:`remofile.Client.from_environment`."""
        made = cls.__new__(cls)
        made.client = Client.from_environment(**options)
        made._executor = None
        return made

    async def list_files(self, directory: RemotePath, timeout: Optional[int] = None) -> dict[str, tuple[bool, int, float]]:
        """See :meth:`remofile.Client.list_files`."""
        return await self._call(self.client.list_files, directory, timeout)

    async def create_file(self, name: str, directory: RemotePath, timeout: Optional[int] = None) -> None:
        """See :meth:`remofile.Client.create_file`."""
        await self._call(self.client.create_file, name, directory, timeout)

    async def make_directory(self, name: str, directory: RemotePath, timeout: Optional[int] = None) -> None:
        """See :meth:`remofile.Client.make_directory`."""
        await self._call(self.client.make_directory, name, directory, timeout)

    async def make_directories(self, path: RemotePath, timeout: Optional[int] = None) -> None:
        """See :meth:`remofile.Client.make_directories`."""
        await self._call(self.client.make_directories, path, timeout)

    async def delete_file(
        self,
        path: RemotePath,
        directory: Optional[RemotePath] = None,
        timeout: Optional[int] = None,
        *,
        recursive: bool = False,
    ) -> None:
        """See :meth:`remofile.Client.delete_file`."""
        await self._call(self.client.delete_file, path, directory, timeout, recursive=recursive)

    async def rename(
        self, source: RemotePath, destination: RemotePath, timeout: Optional[int] = None, *, replace: bool = False
    ) -> None:
        """See :meth:`remofile.Client.rename`."""
        await self._call(self.client.rename, source, destination, timeout, replace=replace)

    async def stat(self, path: RemotePath, timeout: Optional[int] = None) -> os.stat_result:
        """See :meth:`remofile.Client.stat`."""
        return await self._call(self.client.stat, path, timeout)

    async def exists(self, path: RemotePath, timeout: Optional[int] = None) -> bool:
        """See :meth:`remofile.Client.exists`."""
        return await self._call(self.client.exists, path, timeout)

    async def read_bytes(self, path: RemotePath, timeout: Optional[int] = None) -> bytes:
        """See :meth:`remofile.Client.read_bytes`."""
        return await self._call(self.client.read_bytes, path, timeout)

    async def write_bytes(
        self, path: RemotePath, content: bytes, timeout: Optional[int] = None, *, replace: bool = True
    ) -> None:
        """See :meth:`remofile.Client.write_bytes`."""
        await self._call(self.client.write_bytes, path, content, timeout, replace=replace)

    def open(
        self,
        path: RemotePath,
        mode: str = "r",
        buffering: int = -1,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> AsyncFile:
        """See :meth:`remofile.Client.open`; the file is awaited, or entered with ``async with``."""
        from remofile._aio_file import AsyncFile

        arguments = (path, mode, buffering, encoding, errors, newline)
        return AsyncFile(self._call, functools.partial(self.client.open, *arguments))

    async def status(self, timeout: Optional[int] = None) -> dict[str, Any]:
        """See :meth:`remofile.Client.status`."""
        return await self._call(self.client.status, timeout)

    async def upload_file(self, source: LocalPath, destination: RemotePath, *arguments: Any, **options: Any) -> None:
        """See :meth:`remofile.Client.upload_file`."""
        await self._call(self.client.upload_file, source, destination, *arguments, **options)

    async def upload_directory(
        self, source: LocalPath, destination: RemotePath, *arguments: Any, **options: Any
    ) -> None:
        """See :meth:`remofile.Client.upload_directory`."""
        await self._call(self.client.upload_directory, source, destination, *arguments, **options)

    async def download_file(self, source: RemotePath, destination: LocalPath, *arguments: Any, **options: Any) -> None:
        """See :meth:`remofile.Client.download_file`."""
        await self._call(self.client.download_file, source, destination, *arguments, **options)

    async def download_directory(
        self, source: RemotePath, destination: LocalPath, *arguments: Any, **options: Any
    ) -> None:
        """See :meth:`remofile.Client.download_directory`."""
        await self._call(self.client.download_directory, source, destination, *arguments, **options)

    async def upload_files(
        self, source: LocalPath, destination: RemotePath, *arguments: Any, **options: Any
    ) -> Optional[Report]:
        """See :func:`remofile.upload_files`."""
        return await self._call(algorithm.upload_files, self.client, source, destination, *arguments, **options)

    async def download_files(
        self, source: RemotePath, destination: LocalPath, *arguments: Any, **options: Any
    ) -> Optional[Report]:
        """See :func:`remofile.download_files`."""
        return await self._call(algorithm.download_files, self.client, source, destination, *arguments, **options)

    async def synchronize_upload(self, source: LocalPath, destination: RemotePath, **options: Any) -> Report:
        """See :func:`remofile.synchronize_upload`."""
        return await self._call(algorithm.synchronize_upload, self.client, source, destination, **options)

    async def synchronize_download(self, source: RemotePath, destination: LocalPath, **options: Any) -> Report:
        """See :func:`remofile.synchronize_download`."""
        return await self._call(algorithm.synchronize_download, self.client, source, destination, **options)

    async def close(self) -> None:
        """End the session, if there is one."""
        await self._call(self.client.close)
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<remofile.AsyncClient of {self.client.hostname}:{self.client.port}>"

    async def _call(self, function: Callable[..., T], /, *arguments: Any, **options: Any) -> T:
        """Makes a call on a thread; if it is cancelled, ends it and waits for its end."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="remofile")
        interrupt = Interrupt()
        context = contextvars.copy_context()
        context.run(INTERRUPT.set, interrupt)
        body = functools.partial(context.run, function, *arguments, **options)
        future = asyncio.get_running_loop().run_in_executor(self._executor, body)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            interrupt.trigger()
            while not future.done():
                try:
                    await asyncio.wait([future])
                except asyncio.CancelledError:
                    continue
            if not future.cancelled():
                future.exception()  # It was heard of: the call was interrupted.
            raise
