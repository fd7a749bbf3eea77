"""Open files for programs that await."""

from __future__ import annotations

import asyncio
import functools
import io

from remofile._aio_read import Decoder, Reader
from remofile._aio_write import Encoder, Writer
from remofile._file import parted_mode, parts_of
from remofile._loop import ask
from remofile._settings import sooner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterable
    from types import TracebackType
    from typing import IO, Any, Optional, Union

    from remofile._aio_connection import AsyncConnection
    from remofile._remofile import NativeFile

__all__ = ["AsyncFile"]


class AsyncFile:
    """An open file whose calls are awaited: ``async with client.open(path) as file``, or ``await client.open(path)``.

    Its methods are those of :meth:`remofile.Client.open`'s files; ``async for`` gives its lines::

        async with client.open("/log.txt") as file:
            async for line in file:
                print(line, end="")

    Several tasks may use it: their calls are made one after the other. A call that is cancelled has read nothing: the
    next one reads the same. If the block of ``async with`` raises, what was written to a file that is rewritten is
    forgotten.
    """

    def __init__(
        self,
        calls: AsyncConnection,
        path: str,
        mode: str = "r",
        buffering: int = -1,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> None:
        #: The path of the file.
        self.name = path
        #: The mode in which it is open.
        self.mode = mode
        self._calls = calls
        self._arguments = (buffering, encoding, errors, newline)
        self._is_strict = strict
        self._is_followed = follow
        self._stream: Union[_Read, _Written, _Both, None] = None
        self._lock: Optional[asyncio.Lock] = None
        self._is_closed = False

    async def _open(self) -> AsyncFile:
        if self._stream is None:
            buffering, encoding, errors, newline = self._arguments
            kind, is_binary = parted_mode(self.mode)
            text = None
            if not is_binary:
                if buffering == 0:
                    raise ValueError("can't have unbuffered text I/O")
                # It checks what is given, and knows what is not.
                with io.TextIOWrapper(io.BytesIO(), encoding, errors, newline) as known:
                    text = (known.encoding, known.errors or "strict", newline)
            elif encoding is not None or errors is not None or newline is not None:
                raise ValueError("binary mode takes no encoding, errors and newline")
            if self._is_followed and (kind != "r" or self._is_strict):
                raise ValueError("a file that is followed is only read, and never strictly")
            self._lock = asyncio.Lock()
            if "+" in kind:
                self._stream = await _Both.open(self._calls, self.name, self.mode, *self._arguments, strict=self._is_strict)
                return self
            how = (self.name, kind, self._is_strict, self._is_followed)
            native = await self._calls._ask(self._calls.client._native.open, *how, timeout=None)
            if kind == "r":
                self._stream = _Read(native, self._calls, text, buffering, self._is_followed)
            else:
                written = _Written(native, self._calls, kind, text, buffering)
                await written.begin()
                self._stream = written
        return self

    @property
    def closed(self) -> bool:
        """True if it was closed, or never opened."""
        return self._stream is None or self._is_closed

    def readable(self) -> bool:
        """Tell whether it can be read."""
        return "r" in self.mode or "+" in self.mode

    def writable(self) -> bool:
        """Tell whether it can be written."""
        return "r" not in self.mode or "+" in self.mode

    def seekable(self) -> bool:
        """Tell whether its position can be changed: always."""
        return True

    async def read(self, size: int = -1) -> Any:
        """Read at most so many bytes or characters, or everything that is left; less only at the end of the file.

        :raises IntegrityError: with ``strict``, if the file was written to, replaced or touched since it was opened.
        """
        stream, lock = self._reading()
        if self._is_followed and (size is None or size < 0):
            raise io.UnsupportedOperation("a file that is followed has no end: read lines, or so much")
        async with lock:
            return await stream.read(size)

    async def readv(self, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Read parts of the file in binary mode, in one flight, whatever the position, which stays.

        :param ranges: offset and length of each part; a part ends with the file.
        """
        stream, lock = self._reading()
        if "b" not in self.mode:
            raise io.UnsupportedOperation("parts are read in binary mode")
        wanted = parts_of(ranges)
        async with lock:
            return await stream.readv(wanted)  # type: ignore[no-any-return]

    async def readline(self, size: int = -1) -> Any:
        """Read a line, or at most so much of it; at the end of the file it is empty."""
        stream, lock = self._reading()
        if size < 0 and stream.lines and not lock.locked():
            return stream.lines.popleft()
        async with lock:
            return await stream.readline(size)

    async def readlines(self, hint: int = -1) -> list[Any]:
        """Read all lines, or lines until there are so many bytes or characters."""
        stream, lock = self._reading()
        async with lock:
            return await stream.readlines(hint)  # type: ignore[no-any-return]

    async def write(self, data: Any) -> int:
        """Write bytes, or in text mode a text. It is sent when enough of it waits.

        :return: how many bytes or characters it is.
        :raises TypeError: if it is not what the mode says.
        """
        stream, lock = self._writing()
        async with lock:
            return await stream.write(data)  # type: ignore[no-any-return]

    async def writelines(self, lines: Iterable[Any]) -> None:
        """Write one after the other; line ends are not added."""
        for line in lines:
            await self.write(line)

    async def seek(self, offset: int, whence: int = 0) -> int:
        """Change the position: from the beginning (0), where it is (1) or the end (2). That of a text is what :meth:`tell` gave.

        :return: the new position.
        """
        stream, lock = self._either()
        async with lock:
            return await stream.seek(offset, whence)  # type: ignore[no-any-return]

    async def tell(self) -> int:
        """Tell the position."""
        stream, lock = self._either()
        async with lock:
            return await stream.tell()  # type: ignore[no-any-return]

    async def truncate(self, size: Optional[int] = None) -> int:
        """Cut it, or make it longer by zeros; at the position if no size is given.

        :return: its new size.
        """
        stream, lock = self._writing()
        async with lock:
            return await stream.truncate(size)  # type: ignore[no-any-return]

    async def flush(self) -> None:
        """Send what waits, of a file that is changed in place."""
        stream, lock = self._either()
        async with lock:
            if not isinstance(stream, _Read):
                await stream.flush()

    async def close(self) -> None:
        """Close it; what was written becomes visible. Closing it again does nothing.

        :raises OSError: if what was written could not be stored. A file that is rewritten is then as it was before.
        """
        if not self.closed:
            stream, lock = self._either()
            async with lock:
                self._leave(stream)
                await stream.close()

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
        if kind is None:
            await self.close()
        elif not self.closed:
            stream, _ = self._either()
            self._leave(stream)
            await stream.discard()

    def __aiter__(self) -> AsyncGenerator[Any, None]:
        return self._iterate()

    async def __anext__(self) -> Any:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def _iterate(self) -> AsyncGenerator[Any, None]:
        stream, lock = self._reading()
        lines = stream.lines
        while True:
            while lines:
                yield lines.popleft()
            line = await self.readline()
            if not line:
                return
            yield line

    def __del__(self) -> None:
        stream = getattr(self, "_stream", None)
        if stream is not None and not self._is_closed and not isinstance(stream, _Read):
            import warnings

            # It cannot be awaited here. Half of what was to be written must not take its place.
            warnings.warn(f"{self!r} was never closed: what was written is forgotten", ResourceWarning, stacklevel=2)
            stream.forget()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<remofile.AsyncFile {self.name!r}, mode {self.mode!r}, {state}>"

    def _leave(self, stream: Any) -> None:
        self._is_closed = True
        if isinstance(stream, _Read):
            stream.lines.clear()

    def _either(self) -> tuple[Any, asyncio.Lock]:
        if self._stream is None or self._lock is None:
            raise ValueError("the file is not open: await it, or enter it with 'async with'")
        if self._is_closed:
            raise ValueError("I/O operation on closed file.")
        return self._stream, self._lock

    def _reading(self) -> tuple[Any, asyncio.Lock]:
        found = self._either()
        if not self.readable():
            raise io.UnsupportedOperation("not readable")
        return found

    def _writing(self) -> tuple[Any, asyncio.Lock]:
        found = self._either()
        if not self.writable():
            raise io.UnsupportedOperation("not writable")
        return found


class _Native:
    """The native file, whose calls are awaited."""

    def __init__(self, native: NativeFile, calls: AsyncConnection) -> None:
        self._native = native
        self._calls = calls

    async def fetch(self, size: int, offset: int) -> bytes:
        return await ask(functools.partial(self._native.read, offset=offset), (size,), self._limit)

    async def fetch_some(self, size: int, offset: int) -> bytes:
        """Waits for something to fetch, as at the end of a file that is followed."""
        return await ask(functools.partial(self._native.read_some, offset=offset), (1, size), self._limit)

    async def readv(self, ranges: list[tuple[int, int]]) -> list[bytes]:
        return await ask(self._native.read_ranges, (ranges,), self._limit)

    async def size(self) -> int:
        return await ask(self._native.size, (), self._limit)

    async def write(self, data: bytes, offset: int) -> int:
        return await ask(functools.partial(self._native.write, offset=offset), (data,), self._limit)

    async def truncate(self, size: int) -> None:
        await ask(self._native.truncate, (size,), self._limit)

    async def flush(self) -> None:
        await ask(self._native.flush, (), self._limit)

    async def close(self) -> None:
        await ask(self._native.close, (), self._limit)

    def leave(self) -> None:
        """Closes it without what was not sent."""
        self._native.abort()

    async def abort(self) -> None:
        await self._calls._call(self._native.abort)

    @property
    def _limit(self) -> Optional[int]:
        return sooner(*self._calls.client._both(None, None))


class _Read(Reader):
    """A file that is only read."""

    def __init__(
        self,
        native: NativeFile,
        calls: AsyncConnection,
        text: Optional[tuple[str, str, Optional[str]]],
        buffering: int,
        is_followed: bool,
    ) -> None:
        self._file = _Native(native, calls)
        fetch = self._file.fetch_some if is_followed else self._file.fetch
        super().__init__(fetch, self._file.size, Decoder(*text) if text else None, buffering)

    async def readv(self, ranges: list[tuple[int, int]]) -> list[bytes]:
        return await self._file.readv(ranges)

    async def close(self) -> None:
        self._file.leave()

    discard = close


class _Written(Writer):
    """A file that is only written."""

    def __init__(
        self,
        native: NativeFile,
        calls: AsyncConnection,
        kind: str,
        text: Optional[tuple[str, str, Optional[str]]],
        buffering: int,
    ) -> None:
        self._file = _Native(native, calls)
        super().__init__(self._file, kind == "a", Encoder(*text) if text else None, buffering)

    async def close(self) -> None:
        try:
            await self._drain()
            await self._file.close()
        except BaseException:
            await self._file.abort()
            raise

    async def discard(self) -> None:
        await self._file.abort()

    def forget(self) -> None:
        self._file.leave()


class _Both:
    """A file that is read and written: one whose calls are not awaited, on threads."""

    lines = ()

    def __init__(self, calls: AsyncConnection, file: IO[Any]) -> None:
        self._calls = calls
        self._file = file

    @classmethod
    async def open(cls, calls: AsyncConnection, path: str, mode: str, *arguments: Any, strict: bool) -> _Both:
        opening = functools.partial(calls.client.open, path, mode, *arguments, strict=strict)
        return cls(calls, await calls._threads.call(opening, on_abandoned=_discard))

    async def read(self, size: int = -1) -> Any:
        return await self._calls._call(self._file.read, size)

    async def readv(self, ranges: list[tuple[int, int]]) -> list[bytes]:
        file: Any = self._file
        return await self._calls._call(file.readv, ranges)

    async def readline(self, size: int = -1) -> Any:
        return await self._calls._call(self._file.readline, size)

    async def readlines(self, hint: int = -1) -> list[Any]:
        return await self._calls._call(self._file.readlines, hint)

    async def write(self, data: Any) -> int:
        return await self._calls._call(self._file.write, data)

    async def seek(self, offset: int, whence: int = 0) -> int:
        return await self._calls._call(self._file.seek, offset, whence)

    async def tell(self) -> int:
        return await self._calls._call(self._file.tell)

    async def truncate(self, size: Optional[int] = None) -> int:
        return await self._calls._call(self._file.truncate, size)

    async def flush(self) -> None:
        await self._calls._call(self._file.flush)

    async def close(self) -> None:
        await self._calls._call(self._file.close)

    async def discard(self) -> None:
        await self._calls._call(_discard, self._file)

    def forget(self) -> None:
        _discard(self._file)


def _discard(file: IO[Any]) -> None:
    """Closes a file as a block that has raised: left alone it would be closed, and replace what is there."""
    file.__exit__(RuntimeError, RuntimeError("the block has raised"), None)
