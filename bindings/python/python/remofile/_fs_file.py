"""A file of the file system for fsspec that is read through one of fsspec's caches."""

from __future__ import annotations

import threading
from typing import Any, Optional

from fsspec.spec import AbstractBufferedFile

from remofile._file import RemoteFile


class RangedFile(AbstractBufferedFile):  # type: ignore[misc]
    """An open file whose cache was asked for, with ``cache_type``: it decides what is fetched, and when."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._source: Optional[RemoteFile] = None
        # Some caches fetch on threads of their own.
        self._turn = threading.Lock()
        super().__init__(*arguments, **options)

    def _fetch_range(self, start: int, end: int) -> bytes:
        with self._turn:
            if self._source is None:
                self._source = RemoteFile(self.fs.client, self.path, "r")
            self._source.seek(start)
            return read_fully(self._source, end - start)

    def close(self) -> None:
        """Close it."""
        source, self._source = self._source, None
        if source is not None:
            source.close()
        super().close()


def read_fully(file: RemoteFile, size: int) -> bytes:
    """So many bytes from the position on; fewer only at the end of the file."""
    parts: list[bytes] = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
