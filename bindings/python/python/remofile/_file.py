"""Open files at a server.

What is read is read ahead, and what is written is written behind. A file that is rewritten (``w``, ``x``) is sent while it is
written, and becomes visible, whole, when it is closed; if its ``with`` block raises, it is forgotten. Others
(``r+``, ``a``) are changed in place.
"""

from __future__ import annotations

import io
import os

from remofile._paths import content_of
from remofile._settings import INTERRUPT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import IO, Any, Optional, Type

    from remofile._connection import Connection

__all__ = ["RemoteFile", "open_remote"]

#: Bytes of a buffer by default: of a file that is only read, and of any other.
READ_BYTES = 64 * 1024
WRITE_BYTES = 1024 * 1024
#: Bytes that are fetched after a jump if nobody says how many are wanted.
JUMP_BYTES = 4096
#: Bytes that are read, or passed on to be written, at once by who reads or writes everything.
_PIECE = 4 * 1024 * 1024


def open_remote(
    client: Connection,
    path: str,
    mode: str,
    buffering: int = -1,
    encoding: Optional[str] = None,
    errors: Optional[str] = None,
    newline: Optional[str] = None,
    strict: bool = False,
    follow: bool = False,
) -> IO[Any]:
    """The file object that ``open`` gives, for a file at a server."""
    kind, is_binary = parted_mode(mode)
    if is_binary and (encoding is not None or errors is not None or newline is not None):
        raise ValueError("binary mode takes no encoding, errors and newline")
    raw = RemoteFile(client, path, kind, strict=strict, follow=follow)
    try:
        return _wrapped(raw, mode, buffering, encoding, errors, newline)
    except BaseException:
        raw.discard()  # An empty file must not take the place of one that could not be opened so.
        raise


def _wrapped(
    raw: RemoteFile,
    mode: str,
    buffering: int,
    encoding: Optional[str],
    errors: Optional[str],
    newline: Optional[str],
) -> IO[Any]:
    """The file with its buffer, as text if it is no binary one."""
    is_binary = "b" in mode
    if buffering == 0:
        if not is_binary:
            raise ValueError("can't have unbuffered text I/O")
        return raw  # type: ignore[return-value]
    size = buffering if buffering > 1 else WRITE_BYTES if raw.writable() else READ_BYTES
    raw.is_buffered = True
    buffered: Any
    if raw.readable() and raw.writable():
        buffered = _Random(raw, size)
    elif raw.writable():
        buffered = _Writer(raw, size)
    else:
        buffered = _Reader(raw, size)
    if is_binary:
        return buffered  # type: ignore[no-any-return]
    return Text(buffered, encoding, errors, newline, line_buffering=buffering == 1).told_mode(mode)


def parted_mode(mode: str) -> tuple[str, bool]:
    """The parts of a mode: one of ``r``, ``w``, ``a`` and ``x``, perhaps with ``+``, and whether it is of bytes.

    :raises ValueError: if it is none, as by the function ``open``.
    """
    kinds = [letter for letter in mode if letter in "rwax"]
    if len(set(mode)) < len(mode) or len(kinds) != 1 or set(mode) - set("rwax+bt") or {"b", "t"} <= set(mode):
        raise ValueError(f"invalid mode: {mode!r}")
    return kinds[0] + ("+" if "+" in mode else ""), "b" in mode


def parts_of(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Parts of a file, as they are given to read them.

    :raises ValueError: if an offset or a length is negative.
    """
    parts = [(offset, length) for offset, length in ranges]
    if any(offset < 0 or length < 0 for offset, length in parts):
        raise ValueError("a part of a file begins at 0 or later, and has 0 bytes or more")
    return parts


class RemoteFile(io.RawIOBase):
    """An open file at a server, as bytes.

    :param mode: one of ``r``, ``w``, ``a``, ``x``, and ``+`` for both reading and writing.
    :raises FileExistsError: With ``x``, if the name is taken.
    :raises FileNotFoundError: With ``r``, if there is no such file, and always if there is no such directory.
    """

    def __init__(
        self, client: Connection, path: str, mode: str, *, strict: bool = False, follow: bool = False
    ) -> None:
        super().__init__()
        self.name = path
        #: As files of this machine tell it.
        self.mode = f"{mode[0]}b{mode[1:]}"
        self._client = client
        self._reads = "r" in mode or "+" in mode
        self._writes = "r" not in mode or "+" in mode
        self._is_rewritten = "w" in mode or "x" in mode
        self._is_discarded = False
        #: Whether closing it leaves it to :meth:`commit` to make it visible.
        self.is_deferred = False
        #: Whether a buffer is filled with what is read: it takes less than it has room for.
        self.is_buffered = False
        #: How many bytes the next read is for; ``None`` for as many as there is room for.
        self.wanted: Optional[int] = None
        self._is_followed = follow
        if follow and (self._writes or strict):
            raise ValueError("a file that is followed is only read, and never strictly")
        self._native = client._native.open(path, mode, strict, follow, *client._limits(None))
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
        most, wanted, self.wanted = len(view), self.wanted, None
        if most == 0:
            return 0
        data = self._native.read_some(most if wanted is None else min(wanted, most), most, INTERRUPT.get())
        if wanted is not None and len(data) < wanted:
            # A buffer asks for the rest of a large read by itself.
            self.wanted = wanted - len(data)
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        self._check(self._reads, "not readable")
        if self._is_followed:
            raise io.UnsupportedOperation("a file that is followed has no end: read lines, or so many bytes")
        piece = self._native.read(_PIECE, INTERRUPT.get())
        if len(piece) < _PIECE:
            return piece
        start = self._native.tell() - len(piece)
        # A buffer that grows where it is, and is given away: the content is in memory once.
        content = io.BytesIO()
        try:
            # What does not fit is told now, not when everything before has come: nothing touches this memory.
            bytes(max(self._native.size() - start, 0))
            while piece:
                content.write(piece)
                piece = self._native.read(_PIECE, INTERRUPT.get())
        except BaseException:
            self._native.seek(start, os.SEEK_SET)
            raise
        return content.getvalue()

    def readv(self, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Read parts of the file in one flight, whatever the position, which stays.

        :param ranges: offset and length of each part; a part ends with the file.
        :raises ValueError: for one that begins before the file, or has less than no bytes.
        """
        self._check(self._reads, "not readable")
        return self._native.read_ranges(parts_of(ranges), INTERRUPT.get())

    def write(self, data: Any) -> int:
        self._check(self._writes, "not writable")
        view = memoryview(data)
        if self._is_discarded:
            return view.nbytes  # What a buffer still held when its file was discarded goes nowhere.
        if view.nbytes <= _PIECE or not (self._is_rewritten and view.c_contiguous):
            return self._native.write(content_of(data), INTERRUPT.get())
        view = view.cast("B")
        # A buffer hands on what is large as it is: of that only a piece at a time is copied.
        for start in range(0, len(view), _PIECE):
            self._native.write(content_of(view[start : start + _PIECE]), INTERRUPT.get())
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._check(True)
        if self.is_buffered and whence != os.SEEK_CUR:
            # A jump: nobody knows yet how much is read from there.
            self.wanted = JUMP_BYTES
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

    def _dealloc_warn(self, source: object) -> None:
        """Tell of a file that nobody has closed: buffers ask for it by this name."""
        import warnings

        warnings.warn(f"unclosed file {source!r}", ResourceWarning, stacklevel=2, source=source)

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if kind is not None:
            self.discard()
        self.close()


class _Wanting:
    """A buffer that tells a file how many bytes a read is for, so that no more are fetched after a jump."""

    raw: RemoteFile

    def read(self, size: Optional[int] = -1) -> bytes:
        if size is not None and size >= 0:
            self.raw.wanted = size
        return super().read(size)  # type: ignore[misc, no-any-return]

    def read1(self, size: int = -1) -> bytes:
        if size >= 0:
            self.raw.wanted = size
        return super().read1(size)  # type: ignore[misc, no-any-return]

    def readinto(self, buffer: Any) -> int:
        self.raw.wanted = memoryview(buffer).nbytes
        return super().readinto(buffer)  # type: ignore[misc, no-any-return]

    def readv(self, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Read parts of the file in one flight: see :meth:`RemoteFile.readv`."""
        self.flush()  # type: ignore[attr-defined]
        return self.raw.readv(ranges)


def _reopened(client: Connection, path: str, size: int, position: int) -> IO[bytes]:
    file = _Reader(RemoteFile(client, path, "r"), size)
    file.seek(position)
    return file


class _Reader(_Wanting, io.BufferedReader):  # type: ignore[misc]
    def __init__(self, raw: RemoteFile, size: int) -> None:
        super().__init__(raw, size)
        self._buffer_size = size

    def __reduce__(self) -> Any:
        """A pickle, which opens the file anew, at the same position: it holds the token in clear, as that of a client."""
        raw: Any = self.raw
        return _reopened, (raw._client, raw.name, self._buffer_size, self.tell())

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__reduce__()

    @property
    def size(self) -> int:
        """An open file as fsspec asks for it."""
        return self.raw.size


class _Writer(io.BufferedWriter):
    def flush(self) -> None:
        super().flush()
        self.raw.flush()

    def close(self) -> None:
        _close(self, self.raw, super().close)

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        leave(self, self.raw, kind)


class _Random(_Wanting, io.BufferedRandom):  # type: ignore[misc]
    def flush(self) -> None:
        super().flush()
        self.raw.flush()

    def close(self) -> None:
        _close(self, self.raw, super().close)

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        leave(self, self.raw, kind)


class Text(io.TextIOWrapper):
    def told_mode(self, mode: str) -> Text:
        """The same file, with the mode that it was opened with, as ``open`` leaves it."""
        self.mode = mode  # type: ignore[misc]
        return self

    @property
    def _raw(self) -> Any:
        if self.buffer is None:
            raise ValueError("underlying buffer has been detached")
        return self.buffer.raw  # type: ignore[attr-defined]

    def close(self) -> None:
        _close(self, self._raw, super().close)

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        leave(self, self._raw, kind)


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


def leave(file: Any, raw: Any, kind: Optional[Type[BaseException]]) -> None:
    """Closes a file at the end of its block; if the block has raised, without what a buffer still holds."""
    if kind is not None and not file.closed:
        raw.discard()
    file.close()
