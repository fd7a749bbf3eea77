"""A file of the file system for fsspec that is compressed as it is written."""

from __future__ import annotations

import io
from types import TracebackType
from typing import Any, Optional, Type

from remofile._file import leave


class Compressed(io.BufferedIOBase):
    """An open file behind something that compresses into it.

    Closed, it has all of what was written; where its block raises, nothing of it becomes visible.
    """

    def __init__(self, squeezer: Any, file: Any) -> None:
        super().__init__()
        self._squeezer, self._file = squeezer, file
        #: The file at the server.
        self.raw = file.raw
        self.name, self.mode = self.raw.name, self.raw.mode
        self._is_whole = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        self._squeezer.write(data)
        return memoryview(data).nbytes

    def tell(self) -> int:
        return self._squeezer.tell()  # type: ignore[no-any-return]

    def flush(self) -> None:
        if not self._is_whole and hasattr(self._squeezer, "flush"):
            self._squeezer.flush()

    def close(self) -> None:
        """Close it; what was written becomes visible."""
        if self.closed:
            return
        try:
            self._squeezer.close()
        except BaseException:
            self.raw.discard()
            raise
        finally:
            self._is_whole = True
            try:
                self._file.close()
            finally:
                super().close()

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        leave(self, self.raw, kind)
