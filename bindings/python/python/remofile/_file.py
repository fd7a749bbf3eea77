"""Open files at a server.

What is read is fetched when the file is opened, and what is written is sent when it is closed, by way of a
temporary file of this machine.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile

from remofile._settings import interest, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any, Optional

    from remofile.client import Client

__all__ = ["RemoteFile", "open_remote"]


def open_remote(
    client: Client,
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
        buffered = io.BufferedRandom(raw, size)
    elif raw.writable():
        buffered = io.BufferedWriter(raw, size)
    else:
        buffered = io.BufferedReader(raw, size)
    if is_binary:
        return buffered  # type: ignore[no-any-return]
    return io.TextIOWrapper(buffered, encoding, errors, newline, line_buffering=buffering == 1)


class RemoteFile(io.RawIOBase):
    """An open file at a server, as bytes.

    :param mode: one of ``r``, ``w``, ``a``, ``x``, and ``+`` for both reading and writing.
    """

    def __init__(self, client: Client, path: str, mode: str) -> None:
        super().__init__()
        kind = mode.replace("+", "")
        if kind not in ("r", "w", "a", "x") or mode.count("+") > 1:
            raise ValueError(f"invalid mode: {mode!r}")
        self.name = path
        self.mode = mode
        self._client = client
        self._reads = kind == "r" or "+" in mode
        self._writes = kind != "r" or "+" in mode
        self._appends = kind == "a"
        self._directory: Optional[str] = None
        self._check(kind)
        self._directory = tempfile.mkdtemp(prefix="remofile-")
        self._local = os.path.join(self._directory, "content")
        try:
            if kind == "r" or kind == "a" and client.exists(path):
                client.download_file(path, self._directory, "content")
            self._spool = open(self._local, "r+b" if os.path.exists(self._local) else "w+b", buffering=0)
        except BaseException:
            self.discard()
            raise
        if self._appends:
            self._spool.seek(0, os.SEEK_END)

    def _check(self, kind: str) -> None:
        """Fails as opening a local file would."""
        import errno

        found = self._client._kind(self.name, None)
        if found == "directory":
            raise IsADirectoryError(errno.EISDIR, "it is a directory", self.name)
        if found is not None and kind == "x":
            raise FileExistsError(errno.EEXIST, "it exists already", self.name)
        if found is None:
            parent = self.name.rpartition("/")[0] or "/"
            if kind == "r" or self._client._kind(parent, None) != "directory":
                raise FileNotFoundError(errno.ENOENT, "there is no such file or directory", self.name)

    def readable(self) -> bool:
        return self._reads

    def writable(self) -> bool:
        return self._writes

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._reads:
            raise io.UnsupportedOperation("not readable")
        return self._spool.readinto(buffer)

    def write(self, data: Any) -> int:
        if not self._writes:
            raise io.UnsupportedOperation("not writable")
        if self._appends:
            self._spool.seek(0, os.SEEK_END)
        return self._spool.write(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._spool.seek(offset, whence)

    def tell(self) -> int:
        return self._spool.tell()

    def truncate(self, size: Optional[int] = None) -> int:
        if not self._writes:
            raise io.UnsupportedOperation("not writable")
        return self._spool.truncate(size)

    def close(self) -> None:
        """Close it; what was written becomes visible."""
        if self.closed:
            return
        try:
            if self._writes and self._directory is not None:
                self._spool.flush()
                self._send()
        finally:
            self.discard()

    def discard(self) -> None:
        """Close it; what was written is forgotten."""
        directory, self._directory = self._directory, None
        if directory is not None:
            spool = getattr(self, "_spool", None)
            if spool is not None:
                spool.close()
            shutil.rmtree(directory, ignore_errors=True)
        super().close()

    def _send(self) -> None:
        parent, _, name = self.name.rpartition("/")
        self._client._native.upload(
            [("", self._local, name)],
            parent or "/",
            settings(on_conflict="abort" if self.mode.startswith("x") else "replace", resume=False),
            interest(None, 512, None),
            *self._client._patience(None),
        )
