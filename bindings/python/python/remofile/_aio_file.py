"""Open files for programs that await."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from types import TracebackType
    from typing import IO, Any, Optional

__all__ = ["AsyncFile"]


class AsyncFile:
    """An open file whose calls are awaited: ``async with client.open(path) as file``, or ``await client.open(path)``.

    Its methods are those of :meth:`remofile.Client.open`'s files; ``async for`` gives its lines. If the block of
    ``async with`` raises, what was written to a file that is rewritten is forgotten.
    """

    def __init__(self, call: Callable[..., Awaitable[Any]], opening: Callable[[], IO[Any]]) -> None:
        self._call = call
        self._opening = opening
        self._opened: Optional[IO[Any]] = None

    async def _open(self) -> AsyncFile:
        if self._opened is None:
            opened: list[IO[Any]] = []
            try:
                await self._call(lambda: opened.append(self._opening()))
            except BaseException as error:
                # It was open when this was cancelled: left alone it would be closed, and replace what is there.
                for file in opened:
                    await self._call(file.__exit__, type(error), error, error.__traceback__)
                raise
            (self._opened,) = opened
        return self

    @property
    def file(self) -> IO[Any]:
        """The file whose calls are not awaited.

        :raises ValueError: if this one was not opened: neither awaited nor entered.
        """
        if self._opened is None:
            raise ValueError("the file is not open: await it, or enter it with 'async with'")
        return self._opened

    @property
    def closed(self) -> bool:
        """Whether it was closed, or never opened."""
        return self._opened is None or self._opened.closed

    async def read(self, size: int = -1) -> Any:
        """Read at most so much, or everything."""
        return await self._call(self.file.read, size)

    async def readline(self, size: int = -1) -> Any:
        """Read a line; at the end of the file it is empty."""
        return await self._call(self.file.readline, size)

    async def readlines(self, hint: int = -1) -> list[Any]:
        """Read all lines."""
        return await self._call(self.file.readlines, hint)  # type: ignore[no-any-return]

    async def write(self, data: Any) -> int:
        """Write it all; it is sent when enough of it waits."""
        return await self._call(self.file.write, data)  # type: ignore[no-any-return]

    async def seek(self, offset: int, whence: int = 0) -> int:
        """Change the position."""
        return await self._call(self.file.seek, offset, whence)  # type: ignore[no-any-return]

    async def tell(self) -> int:
        """The position."""
        return await self._call(self.file.tell)  # type: ignore[no-any-return]

    async def truncate(self, size: Optional[int] = None) -> int:
        """Cut it, or make it longer by zeros; at the position if no size is given."""
        return await self._call(self.file.truncate, size)  # type: ignore[no-any-return]

    async def flush(self) -> None:
        """Send what waits, of a file that is changed in place."""
        await self._call(self.file.flush)

    async def close(self) -> None:
        """Close it; what was written becomes visible."""
        await self._call(self.file.close)

    def __await__(self) -> Generator[Any, None, AsyncFile]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncFile:
        return await self._open()

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self._call(self.file.__exit__, kind, error, traceback)

    def __aiter__(self) -> AsyncFile:
        return self

    async def __anext__(self) -> Any:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line
