"""Open files at a server.

What is read is read ahead, and what is written is written behind. A file that is rewritten (``w``, ``x``) is kept on
this side, and becomes visible, whole, when it is closed; if its ``with`` block raises, it is forgotten. Others
(``r+``, ``a``) are changed in place.
"""

from __future__ import annotations

import io
import os
import sys

from remofile._paths import content_of
from remofile._settings import INTERRUPT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import IO, Any, Optional, Type

    from remofile._connection import Connection

__all__ = ["RemoteFile", "open_remote"]


def open_remote(
    client: Connection,
    path: str,
    mode: str,
    buffering: int = -1,
    encoding: Optional[str] = None,
    errors: Optional[str] = None,
    newline: Optional[str] = None,
) -> IO[Any]:
    """What the function ``open`` gives, for a file at a server."""
    is_binary = "b" in mode
    if is_binary and (encoding is not None or errors is not None or newline is not None):
        raise ValueError("binary mode takes no encoding, errors and newline")
    raw = RemoteFile(client, path, mode.replace("b", "").replace("t", ""))
    if buffering == 0:
        if not is_binary:
            raw.discard()
            raise ValueError("can't have unbuffered text I/O")
        return raw  # type: ignore[return-value]
    size = buffering if buffering > 1 else 1024 * 1024
    buffered: Any
    if raw.readable() and raw.writable():
        buffered = _Random(raw, size)
    elif raw.writable():
        buffered = _Writer(raw, size)
    else:
        buffered = _Reader(raw, size)
    if is_binary:
        return buffered  # type: ignore[no-any-return]
    return Text(buffered, encoding, errors, newline, line_buffering=buffering == 1)


class RemoteFile(io.RawIOBase):
    """An open file at a server, as bytes.

    :param mode: one of ``r``, ``w``, ``a``, ``x``, and ``+`` for both reading and writing.
    :raises FileExistsError: With ``x``, if the name is taken.
    :raises FileNotFoundError: With ``r``, if there is no such file, and always if there is no such directory.
    """

    def __init__(self, client: Connection, path: str, mode: str) -> None:
        super().__init__()
        self.name = path
        self.mode = mode
        self._reads = "r" in mode or "+" in mode
        self._writes = "r" not in mode or "+" in mode
        self._is_rewritten = "w" in mode or "x" in mode
        self._is_discarded = False
        #: Whether closing it leaves it to :meth:`commit` to make it visible.
        self.is_deferred = False
        self._native = client._native.open(path, mode, *client._limits(None))
        if "a" in mode:
            self._native.seek(0, os.SEEK_END)

    def readable(self) -> bool:
        return self._reads

    def writable(self) -> bool:
        return self._writes

    def seekable(self) -> bool:
        return True

    @property
    def size(self) -> int:
        """Its size in bytes, with what was written and not sent yet."""
        self._check(True)
        return self._native.size()

    def readinto(self, buffer: Any) -> int:
        self._check(self._reads, "not readable")
        view = memoryview(buffer).cast("B")
        data = self._native.read(len(view), INTERRUPT.get())
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        self._check(self._reads, "not readable")
        return self._native.read(sys.maxsize, INTERRUPT.get())

    def write(self, data: Any) -> int:
        self._check(self._writes, "not writable")
        # What a buffer still held when its file was discarded goes nowhere.
        return len(data) if self._is_discarded else self._native.write(content_of(data), INTERRUPT.get())

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._check(True)
        # A buffer that is closed asks for its position, even that of a file that was discarded.
        return 0 if self._is_discarded else self._native.seek(offset, whence)

    def tell(self) -> int:
        return self.seek(0, os.SEEK_CUR)

    def truncate(self, size: Optional[int] = None) -> int:
        self._check(self._writes, "not writable")
        size = self.tell() if size is None else size
        self._native.truncate(size, INTERRUPT.get())
        return size

    def flush(self) -> None:
        """Send what waits, of a file that is changed in place."""
        super().flush()
        if self._writes and not self._is_rewritten and not self._is_discarded:
            self._native.flush(INTERRUPT.get())

    def close(self) -> None:
        """Close it; what was written becomes visible."""
        if self.closed:
            return
        if self.is_deferred and not self._is_discarded:
            super().close()
            return
        native = getattr(self, "_native", None)
        try:
            if native is not None and not self._is_discarded:
                native.close(INTERRUPT.get())
        finally:
            self._is_discarded = True
            if native is not None:
                native.abort()
            super().close()

    def commit(self) -> None:
        """Make what was written visible, of a file whose closing was deferred."""
        if self.is_deferred and not self._is_discarded:
            self._is_discarded = True
            try:
                self._native.close(INTERRUPT.get())
            finally:
                self._native.abort()

    def _check(self, can: bool, message: str = "") -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if not can:
            raise io.UnsupportedOperation(message)

    def discard(self) -> None:
        """Close it; what was not sent is forgotten, and so is everything of a file that is rewritten."""
        self._is_discarded = True
        self._native.abort()

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if kind is not None:
            self.discard()
        self.close()


class _Reader(io.BufferedReader):
    @property
    def size(self) -> int:
        """What fsspec asks of an open file."""
        return self.raw.size  # type: ignore[attr-defined, no-any-return]


class _Writer(io.BufferedWriter):
    def flush(self) -> None:
        super().flush()
        self.raw.flush()

    def close(self) -> None:
        _close(self, self.raw, super().close)

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        _leave(self, self.raw, kind)


class _Random(io.BufferedRandom):
    def flush(self) -> None:
        super().flush()
        self.raw.flush()

    def close(self) -> None:
        _close(self, self.raw, super().close)

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        _leave(self, self.raw, kind)


class Text(io.TextIOWrapper):
    def close(self) -> None:
        _close(self, self.buffer.raw, super().close)  # type: ignore[attr-defined]

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        _leave(self, self.buffer.raw, kind)  # type: ignore[attr-defined]


def _close(file: Any, raw: Any, close: Callable[[], None]) -> None:
    """Closes a buffer, which closes its file whether or not it could write what it held.

    A file that is rewritten is discarded before, if it could not: it would be seen without its end.
    """
    try:
        if raw._is_rewritten and not file.closed:
            file.flush()
    except BaseException:
        raw.discard()
        raise
    finally:
        close()


def _leave(file: Any, raw: Any, kind: Optional[Type[BaseException]]) -> None:
    """Closes a file at the end of its block; if the block has raised, without what a buffer still holds."""
    if kind is not None and not file.closed:
        raw.discard()
    file.close()
