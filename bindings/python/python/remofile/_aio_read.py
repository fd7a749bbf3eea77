"""Files that are read by programs that await.

Blocks are fetched ahead, decoded as :class:`io.TextIOWrapper` does it, and divided into lines when somebody wants lines.
"""

from __future__ import annotations

import codecs
import io
import os
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, NamedTuple, Optional

    class Block(NamedTuple):
        """A block that was fetched, and from which something may not have been read yet."""

        offset: int
        state: Any
        data: bytes
        length: int

else:
    from collections import namedtuple

    Block = namedtuple("Block", ("offset", "state", "data", "length"))

#: Bytes of the first block; as long as it is read on, each is twice as large as the one before.
_FIRST = 64 * 1024
_LARGEST = 1024 * 1024
#: Bytes that are fetched after a jump, unless more are wanted.
_JUMP = 4096


class Reader:
    """A file that is read: bytes, or with a :class:`Decoder` text."""

    def __init__(
        self,
        fetch: Callable[[int, int], Awaitable[bytes]],
        tell_size: Callable[[], Awaitable[int]],
        decoder: Optional[Decoder],
        buffering: int,
    ) -> None:
        #: Whole lines that were not read yet; of what is there they come first.
        self.lines: deque[Any] = deque()
        self._fetch = fetch
        self._tell_size = tell_size
        self._decoder = decoder
        self._first = buffering if buffering > 1 else _FIRST
        self._block = self._first
        #: What comes behind the lines: first what has no line end in it, then what was not looked through.
        self._plain: list[Any] = []
        self._fresh: list[Any] = []
        #: Where the next block begins.
        self._offset = 0
        #: The position that it has there, if nothing was fetched since.
        self._cookie = 0
        self._blocks: deque[Block] = deque()

    async def read(self, size: Optional[int] = -1) -> Any:
        parts: list[Any] = []
        need = -1 if size is None or size < 0 else size
        try:
            while need != 0:
                part = self._take(need)
                if part is not None:
                    parts.append(part)
                    need -= len(part) if need > 0 else 0
                elif not await self._fill(need):
                    break
        except BaseException:
            # Nobody hears of it: the next call reads it.
            self._fresh = [*parts, *self.lines, *self._plain, *self._fresh]
            self._plain = []
            self.lines.clear()
            raise
        return parts[0] if len(parts) == 1 else self._empty.join(parts)

    async def readline(self, size: Optional[int] = -1) -> Any:
        size = -1 if size is None else size
        while not self.lines:
            self._divide()
            if self.lines or 0 <= size <= sum(map(len, self._plain)) or not await self._fill(-1):
                break
        if not self.lines:
            line, self._plain = self._empty.join(self._plain), []
            if 0 <= size < len(line):
                line, self._plain = line[:size], [line[size:]]
            return line
        line = self.lines.popleft()
        if 0 <= size < len(line):
            self.lines.appendleft(line[size:])
            line = line[:size]
        return line

    async def readlines(self, hint: Optional[int] = -1) -> list[Any]:
        lines: list[Any] = []
        total = 0
        while hint is None or hint <= 0 or total < hint:
            line = await self.readline()
            if not line:
                break
            lines.append(line)
            total += len(line)
        return lines

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if self._decoder is not None and whence != os.SEEK_SET:
            if offset != 0:
                raise io.UnsupportedOperation("can't do nonzero seeks of a text but from its beginning")
            offset = await self.tell() if whence == os.SEEK_CUR else offset
        elif whence == os.SEEK_CUR:
            offset += await self.tell()
        if whence == os.SEEK_END:
            offset += await self._tell_size()
        elif whence not in (os.SEEK_SET, os.SEEK_CUR):
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        if offset < 0:
            raise ValueError(f"negative seek position {offset}")
        if self._decoder is None:
            self._go_to(offset)
            return offset
        position, skip = self._decoder.resume(offset)
        self._go_to(position)
        self._cookie = offset
        if skip and len(await self.read(skip)) != skip:
            raise OSError("can't restore logical file position")
        return offset

    async def tell(self) -> int:
        unread = self._unread()
        if self._decoder is None:
            return self._offset - unread
        if not self._blocks:
            return self._cookie
        for block in reversed(self._blocks):
            if unread <= block.length:
                return self._decoder.cookie(block, block.length - unread)
            unread -= block.length
        raise OSError("can't reconstruct logical file position")

    @property
    def _empty(self) -> Any:
        return b"" if self._decoder is None else ""

    def _unread(self) -> int:
        return sum(map(len, self.lines)) + sum(map(len, self._plain)) + sum(map(len, self._fresh))

    def _go_to(self, offset: int) -> None:
        if offset != self._offset:
            self._block = min(_JUMP, self._first)
        self._offset = offset
        self._plain, self._fresh = [], []
        self.lines.clear()
        self._blocks.clear()

    def _take(self, most: int) -> Any:
        """Returns what comes next of what is there, and at most so much; ``None`` if there is nothing."""
        for place in (self.lines, self._plain, self._fresh):
            if place:
                part = place[0]
                if 0 <= most < len(part):
                    place[0] = part[most:]
                    return part[:most]
                if place is self.lines:
                    self.lines.popleft()
                else:
                    del place[0]
                return part
        return None

    def _divide(self) -> None:
        """Makes lines of what was not looked through."""
        if not self._fresh:
            return
        whole = self._empty.join([*self._plain, *self._fresh])
        lines, rest = _lines_of_bytes(whole) if self._decoder is None else self._decoder.lines_of(whole)
        self.lines.extend(lines)
        self._plain, self._fresh = [rest] if rest else [], []

    async def _fill(self, wanted: int) -> bool:
        """Takes in the next block; false at the end of the file, if nothing more came of it."""
        size = max(self._block, min(wanted, 16 * _LARGEST))
        data = await self._fetch(size, self._offset)
        self._block = min(self._block * 2, max(_LARGEST, self._first))
        if self._decoder is None:
            self._offset += len(data)
            if data:
                self._fresh.append(data)
            return bool(data)
        unread = self._unread()
        while len(self._blocks) > 1 and sum(block.length for block in list(self._blocks)[1:]) >= unread:
            self._blocks.popleft()
        state, text, count = self._decoder.decode(data)
        self._blocks.append(Block(self._offset, state, data[:count], len(text)))
        self._offset += count
        if text:
            self._fresh.append(text)
        return bool(data or text)


class Decoder:
    """The decoder that makes text of bytes as :class:`io.TextIOWrapper` does it, and positions of places in the text."""

    def __init__(self, encoding: str, errors: str, newline: Optional[str]) -> None:
        self._settings = (encoding, errors, newline)
        decoder: Any = codecs.getincrementaldecoder(encoding)(errors)
        if not newline:
            decoder = io.IncrementalNewlineDecoder(decoder, translate=newline is None)
        self._decoder = decoder
        self._newline = newline

    def decode(self, data: bytes) -> tuple[Any, str, int]:
        """The state before, the text of some bytes, and of how many: not of those that have no text, but for the first."""
        state = self._decoder.getstate()
        try:
            return state, self._decoder.decode(data, not data), len(data)
        except UnicodeDecodeError as error:
            self._decoder.setstate(state)
            good = error.start - (len(error.object) - len(data))
            if not 0 < good < len(data):
                raise
        # What comes before it is read; whoever reads on is told.
        return state, self._decoder.decode(data[:good]), good

    def lines_of(self, text: str) -> tuple[list[str], str]:
        """The whole lines of a text, and what is behind them."""
        newline = self._newline
        if newline in ("\r", "\r\n"):
            *lines, rest = text.split(newline)
            return [line + newline for line in lines], rest
        lines = io.StringIO(text, "\n" if newline is None else newline).readlines()
        if lines and not lines[-1].endswith("\n" if newline else ("\n", "\r") if newline == "" else "\n"):
            return lines, lines.pop()
        return lines, ""

    def cookie(self, block: Block, characters: int) -> int:
        """The position behind so many characters of a block, as :meth:`io.TextIOWrapper.tell` has it."""
        buffered, flags = block.state
        # Not at the very beginning, where a mark of the byte order would be looked for.
        begin = block.offset - len(buffered) - 1
        with io.TextIOWrapper(io.BytesIO(b"\0" + buffered + block.data), *self._settings) as text:
            text.seek(1 | flags << 64)
            text.read(characters)
            return text.tell() + begin

    def resume(self, cookie: int) -> tuple[int, int]:
        """Takes the state of a position. The place to read on, and how many characters to skip there."""
        position = cookie & 0xFFFF_FFFF_FFFF_FFFF
        flags, skip = (cookie >> shift & 0xFFFF_FFFF for shift in (64, 128))
        if position == 0 and flags == 0:
            self._decoder.reset()
        else:
            self._decoder.setstate((b"", flags))
        return position, skip


def _lines_of_bytes(data: bytes) -> tuple[list[bytes], bytes]:
    lines = io.BytesIO(data).readlines()
    if lines and not lines[-1].endswith(b"\n"):
        return lines, lines.pop()
    return lines, b""
