"""Files that are written by programs that await."""

from __future__ import annotations

import codecs
import io
import os

from remofile._paths import content_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, Optional, Protocol

    class Sink(Protocol):
        """The destination of bytes."""

        def write(self, data: bytes, offset: int) -> Awaitable[int]: ...
        def truncate(self, size: int) -> Awaitable[None]: ...
        def flush(self) -> Awaitable[None]: ...
        def size(self) -> Awaitable[int]: ...


#: Bytes that wait before they are written.
_BUFFER = 1024 * 1024


class Writer:
    """A file that is written: bytes, or with an :class:`Encoder` text."""

    def __init__(self, sink: Sink, appends: bool, encoder: Optional[Encoder], buffering: int) -> None:
        self._sink = sink
        self._appends = appends
        self._encoder = encoder
        self._most = {0: 0, 1: _BUFFER}.get(buffering, buffering if buffering > 1 else _BUFFER)
        self._flushes_lines = encoder is not None and buffering == 1
        self._waiting: list[bytes] = []
        self._count = 0
        #: Where what waits goes, unless it is appended.
        self._offset = 0
        #: Whether a call was cancelled that may have appended something.
        self._is_unsure = False

    async def begin(self) -> None:
        """Learns where the file ends, if it is appended to."""
        if self._appends:
            self._offset = await self._sink.size()
            if self._encoder is not None and self._offset:
                self._encoder.go_on()

    async def write(self, data: Any) -> int:
        if self._encoder is not None:
            if not isinstance(data, str):
                raise TypeError(f"write() argument must be str, not {type(data).__name__}")
            content = self._encoder.encode(data)
        else:
            if isinstance(data, str):
                raise TypeError("a bytes-like object is required, not 'str'")
            content = content_of(data)
        self._waiting.append(content)
        self._count += len(content)
        if self._flushes_lines and ("\n" in data or "\r" in data):
            await self.flush()
        elif self._count > self._most:
            await self._drain()
        return len(data) if self._encoder is not None else len(content)

    async def flush(self) -> None:
        await self._drain()
        await self._sink.flush()

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if self._encoder is not None and whence != os.SEEK_SET and offset != 0:
            raise io.UnsupportedOperation("can't do nonzero seeks of a text but from its beginning")
        await self._drain()
        if whence == os.SEEK_CUR:
            offset += self._offset
        elif whence == os.SEEK_END:
            offset += await self._sink.size()
        elif whence != os.SEEK_SET:
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        if offset < 0:
            raise ValueError(f"negative seek position {offset}")
        self._offset = offset
        if self._encoder is not None:
            self._encoder.begin() if offset == 0 else self._encoder.go_on()
        return offset

    async def tell(self) -> int:
        return self._offset + self._count

    async def truncate(self, size: Optional[int] = None) -> int:
        await self._drain()
        size = self._offset if size is None else size
        await self._sink.truncate(size)
        return size

    async def _drain(self) -> None:
        """Writes what waits. What could not be written waits on."""
        if self._is_unsure:
            raise OSError("a call was cancelled that appended something: nobody knows whether it is there")
        while self._count:
            data = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
            self._waiting = [data]
            self._is_unsure = self._appends
            try:
                count = await self._sink.write(data, self._offset)
            except Exception:
                self._is_unsure = False
                raise
            self._is_unsure = False
            self._waiting = [data[count:]] if count < len(data) else []
            self._count -= count
            self._offset += count


class Encoder:
    """The encoder that makes bytes of text as :class:`io.TextIOWrapper` does it."""

    def __init__(self, encoding: str, errors: str, newline: Optional[str]) -> None:
        self._encoder = codecs.getincrementalencoder(encoding)(errors)
        self._newline = os.linesep if newline is None else newline

    def encode(self, text: str) -> bytes:
        if self._newline not in ("", "\n"):
            text = text.replace("\n", self._newline)
        return self._encoder.encode(text)

    def begin(self) -> None:
        """Notes that what comes now is at the beginning of the file."""
        self._encoder.reset()

    def go_on(self) -> None:
        """Notes that what comes now is not at the beginning of the file: it needs no mark of the byte order."""
        self._encoder.setstate(0)
