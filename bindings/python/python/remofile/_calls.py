"""The calls of a client."""

from __future__ import annotations

import os

from remofile._connection import Connection
from remofile._paths import base_name, child, content_of, remote, text_of
from remofile._transfers import download, upload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any, Optional

    from remofile._paths import LocalPath, RemotePath
    from remofile._progress import Progress
    from remofile._transfers import ProcessChunk


class Calls(Connection):
    """What can be done at a server: the methods of :class:`remofile.Client`."""

    # Single files and directories.

    def list_files(self, directory: RemotePath, timeout: Optional[int] = None) -> dict[str, tuple[bool, int, float]]:
        """List a directory.

        :param directory: an absolute path.
        :param int timeout: milliseconds for the whole call.
        :return: for each name whether it is a directory, its size in bytes (0 for a directory), and when it was
            last modified, in seconds since 1970, as ``st_mtime`` has it.
        :raises ValueError: if the path is not absolute.
        :raises FileNotFoundError: if there is no such directory.
        :raises NotADirectoryError: if it is no directory.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        rows, _ = self._native.list(remote(directory, "Directory"), False, *self._limits(timeout))
        return {base_name(path): (kind == "directory", size, time) for path, kind, size, time, _, _ in rows}

    def create_file(self, name: str, directory: RemotePath, timeout: Optional[int] = None) -> None:
        """Create an empty file.

        :param str name: its name.
        :param directory: the absolute path of an existing directory.
        :param int timeout: milliseconds for the whole call.
        :raises ValueError: if the path is not absolute.
        :raises FileNotFoundError: if there is no such directory.
        :raises NotADirectoryError: if it is no directory.
        :raises FileNameError: if the name is not valid.
        :raises FileExistsError: if the name is taken.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        path = child(remote(directory, "Directory"), name)
        self._native.create_file(path, False, *self._limits(timeout))

    def make_directory(self, name: str, directory: RemotePath, timeout: Optional[int] = None) -> None:
        """Create a directory.

        :param str name: its name.
        :param directory: the absolute path of an existing directory.
        :param int timeout: milliseconds for the whole call.
        :raises ValueError: if the path is not absolute.
        :raises FileNotFoundError: if there is no such directory.
        :raises NotADirectoryError: if it is no directory.
        :raises FileNameError: if the name is not valid.
        :raises FileExistsError: if the name is taken.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        path = child(remote(directory, "Directory"), name)
        self._native.make_directory(path, False, False, *self._limits(timeout))

    def make_directories(self, path: RemotePath, timeout: Optional[int] = None) -> None:
        """Create a directory and what is missing of those above it; one that exists is no error."""
        self._native.make_directory(remote(path), True, True, *self._limits(timeout))

    def delete_file(
        self,
        path: RemotePath,
        directory: Optional[RemotePath] = None,
        timeout: Optional[int] = None,
        *,
        recursive: bool = False,
    ) -> None:
        """Delete a file or a directory.

        :param path: its absolute path; or its name, if a directory is given.
        :param directory: the absolute path of the directory that it is in.
        :param int timeout: milliseconds for the whole call.
        :param bool recursive: whether a directory is deleted with its contents.
        :raises ValueError: if the path is not absolute.
        :raises FileNotFoundError: if there is no such file.
        :raises OSError: with ``ENOTEMPTY``, if the directory has contents.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        if directory is None:
            whole = remote(path)
        else:
            whole = child(remote(directory, "Directory"), text_of(path))
        self._native.remove(whole, recursive, *self._limits(timeout))

    def rename(
        self, source: RemotePath, destination: RemotePath, timeout: Optional[int] = None, *, replace: bool = False
    ) -> None:
        """Rename or move a file or directory, at once.

        :param bool replace: whether a file that is in the way is replaced.
        :raises FileNotFoundError: if there is no such file.
        :raises FileExistsError: if the new name is taken.
        """
        self._native.rename(remote(source), remote(destination), replace, *self._limits(timeout))

    def stat(self, path: RemotePath, timeout: Optional[int] = None) -> os.stat_result:
        """Tell mode, size and time of a file; links are followed.

        :raises FileNotFoundError: if there is no such file.
        """
        _, kind, size, time, mode, _ = self._native.stat(remote(path), *self._limits(timeout))
        return _stat_result(kind, size, time, mode)

    def exists(self, path: RemotePath, timeout: Optional[int] = None) -> bool:
        """Tell whether there is such a file or directory."""
        return self._kind(remote(path), timeout) is not None

    def read_bytes(self, path: RemotePath, timeout: Optional[int] = None) -> bytes:
        """Read a whole file into memory.

        :raises FileNotFoundError: if there is no such file.
        """
        return self._native.read(remote(path), *self._limits(timeout))

    def write_bytes(
        self, path: RemotePath, content: bytes, timeout: Optional[int] = None, *, replace: bool = True
    ) -> None:
        """Make a file of some content. A file that is there is replaced when the new one is complete.

        :raises FileExistsError: if it may not be replaced.
        """
        self._native.write(remote(path), content_of(content), replace, *self._limits(timeout))

    def status(self, timeout: Optional[int] = None) -> dict[str, Any]:
        """Ask how the server is: answered whoever uses it.

        :return: ``agent``, ``uptime`` in seconds, ``holders``, ``waiting``, ``cipher``, ``round_trip`` in seconds.
        """
        agent, uptime, holders, waiting, cipher, round_trip = self._native.status(*self._limits(timeout))
        return {
            "agent": agent,
            "uptime": uptime / 1000,
            "holders": holders,
            "waiting": waiting,
            "cipher": cipher,
            "round_trip": round_trip,
        }

    def open(
        self,
        path: RemotePath,
        mode: str = "r",
        buffering: int = -1,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> IO[Any]:
        """Open a file at the server, as the function ``open`` opens one here.

        What is read is read ahead, and what is written is written behind. ``w`` and ``x`` rewrite: what is written
        becomes visible, whole, when the file is closed, and is forgotten if its ``with`` block raises. ``r+`` and
        ``a`` change the file in place. The timeout is that of each call that reaches the server.

        :param int buffering: bytes of the buffer on this side, by default 1 MiB; 0 for none (binary only).
        :raises FileNotFoundError: if there is no such file (``r``), or no such directory.
        :raises FileExistsError: with ``x``, if the name is taken.
        :raises IsADirectoryError: if it is a directory.
        :raises ValueError: if the mode is not valid.
        """
        from remofile._file import open_remote

        return open_remote(self, remote(path), mode, buffering, encoding, errors, newline)

    # Transfers.

    def upload_file(
        self,
        source: LocalPath,
        destination: RemotePath,
        name: Optional[str] = None,
        chunk_size: int = 512,
        process_chunk: Optional[ProcessChunk] = None,
        timeout: Optional[int] = None,
        *,
        progress: Optional[Progress] = None,
    ) -> None:
        """Upload a file.

        It is visible when it is complete. What an interrupted upload has sent is kept for the next one.

        :param source: a local file.
        :param destination: the absolute path of an existing directory.
        :param str name: the name it gets; by default its own.
        :param int chunk_size: how many bytes ``process_chunk`` sees at once, 512 to 8192.
        :param process_chunk: called with each chunk before it is sent: the chunk, the bytes that remain (these
            included), the size of the file and its name. If what it returns is false, the upload is cancelled
            quietly; if it raises, that is raised here. In both cases nothing is left at the server. It cannot use
            this client, which waits for it.
        :param int timeout: milliseconds for the whole call.
        :param progress: a progress bar like tqdm's, or a function of bytes done and bytes in all.
        :raises ValueError: if the destination is not absolute, or the chunk size or the file's size not valid.
        :raises SourceNotFound: if there is no such local file.
        :raises DestinationNotFound: if there is no such directory at the server.
        :raises FileExistsError: if the name is taken.
        :raises FileNameError: if the name is not valid.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        upload(self, False, source, destination, name, chunk_size, process_chunk, timeout, progress)

    def upload_directory(
        self,
        source: LocalPath,
        destination: RemotePath,
        name: Optional[str] = None,
        chunk_size: int = 512,
        process_chunk: Optional[ProcessChunk] = None,
        timeout: Optional[int] = None,
        *,
        progress: Optional[Progress] = None,
    ) -> None:
        """Upload a directory with its contents.

        Parameters and errors are those of :meth:`upload_file`; the source is a local directory. A callback that
        cancels the upload cancels it as a whole.
        """
        upload(self, True, source, destination, name, chunk_size, process_chunk, timeout, progress)

    def download_file(
        self,
        source: RemotePath,
        destination: LocalPath,
        name: Optional[str] = None,
        chunk_size: int = 512,
        process_chunk: Optional[ProcessChunk] = None,
        timeout: Optional[int] = None,
        *,
        progress: Optional[Progress] = None,
    ) -> None:
        """Download a file.

        It is visible when it is complete. What an interrupted download has received is kept for the next one.

        :param source: the absolute path of a file.
        :param destination: an existing local directory.
        :param str name: the name it gets; by default its own.
        :param int chunk_size: how many bytes ``process_chunk`` sees at once, 512 to 8192.
        :param process_chunk: called with each chunk before it is written: as for :meth:`upload_file`.
        :param int timeout: milliseconds for the whole call.
        :param progress: a progress bar like tqdm's, or a function of bytes done and bytes in all.
        :raises ValueError: if the source is not absolute, or the chunk size is not valid.
        :raises SourceNotFound: if there is no such file at the server.
        :raises DestinationNotFound: if there is no such local directory.
        :raises FileExistsError: if the name is taken.
        :raises FileNameError: if the name is not valid.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        download(self, False, source, destination, name, chunk_size, process_chunk, timeout, progress)

    def download_directory(
        self,
        source: RemotePath,
        destination: LocalPath,
        name: Optional[str] = None,
        chunk_size: int = 512,
        process_chunk: Optional[ProcessChunk] = None,
        timeout: Optional[int] = None,
        *,
        progress: Optional[Progress] = None,
    ) -> None:
        """Download a directory with its contents.

        Parameters and errors are those of :meth:`download_file`; the source is a directory. A callback that
        cancels the download cancels it as a whole.
        """
        download(self, True, source, destination, name, chunk_size, process_chunk, timeout, progress)


def _stat_result(kind: str, size: int, time: float, mode: Optional[int]) -> os.stat_result:
    import stat

    types = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "link": stat.S_IFLNK}
    permissions = mode if mode is not None else (0o755 if kind == "directory" else 0o644)
    whole = types.get(kind, stat.S_IFIFO) | permissions
    times = {"st_atime": time, "st_mtime": time, "st_ctime": time}
    return os.stat_result((whole, 0, 0, 1, 0, 0, size, int(time), int(time), int(time)), times)
