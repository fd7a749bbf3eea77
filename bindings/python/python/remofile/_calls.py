"""The calls of a client."""

from __future__ import annotations

from remofile._entries import warn_of_unlisted
from remofile._relaying import Relaying
from remofile._paths import base_name, below_root, child, content_of, is_nothing, remote, text_of, two_paths
from remofile._settings import CHUNK_SIZE
from remofile._transfers import Transfer, download, upload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import BufferedRandom, BufferedReader, BufferedWriter, TextIOWrapper
    from typing import IO, Any, BinaryIO, Literal, Optional, Union, overload

    from _typeshed import (
        OpenBinaryMode,
        OpenBinaryModeReading,
        OpenBinaryModeUpdating,
        OpenBinaryModeWriting,
        OpenTextMode,
    )

    from typing_extensions import Unpack

    from remofile._options import DownloadOptions, TransferOptions
    from remofile._paths import LocalPath, RemotePath
    from remofile._progress import Progress
    from remofile._transfers import ProcessChunk
    from remofile._usage import Usage
else:

    def overload(function):
        """For type checkers only."""
        return function


class Calls(Relaying):
    """The operations at a server: the methods of :class:`remofile.Client`."""

    # Single files and directories.

    def list_files(
        self, directory: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> dict[str, tuple[bool, int, float]]:
        """List a directory.

        :param directory: an absolute path.
        :param int timeout: milliseconds for the whole call, as ``deadline`` is.
        :return: for each name whether it is a directory, its size in bytes (0 for a directory), and when it was
            last modified, in seconds since 1970, as ``st_mtime`` has it. What cannot be listed, such as a name that is no
            UTF-8, is told by a :class:`remofile.UnlistedWarning`.
        :raises ValueError: if the path is not absolute.
        :raises FileNotFoundError: if there is no such directory.
        :raises NotADirectoryError: if it is no directory.
        :raises TimeoutError: if it takes longer than the timeout.
        """
        path = remote(directory, "Directory")
        rows, unlisted = self._native.list(path, False, *self._limits(timeout, deadline))
        warn_of_unlisted(path, unlisted)
        return {base_name(path): (kind == "directory", size, time) for path, kind, size, time, _, _ in rows}

    def create_file(
        self, name: str, directory: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> None:
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
        self._native.create_file(path, False, *self._limits(timeout, deadline))

    def make_directory(
        self, name: str, directory: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> None:
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
        self._native.make_directory(path, False, False, *self._limits(timeout, deadline))

    def make_directories(self, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> None:
        """Create a directory and what is missing of those above it; one that exists is no error."""
        self._native.make_directory(remote(path), True, True, *self._limits(timeout, deadline))

    def delete_file(
        self,
        path: RemotePath,
        directory: Optional[RemotePath] = None,
        timeout: Optional[int] = None,
        *,
        recursive: bool = False,
        deadline: Optional[int] = None,
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
            whole = below_root(remote(path))
        else:
            whole = child(remote(directory, "Directory"), text_of(path))
        self._native.remove(whole, recursive, *self._limits(timeout, deadline))

    def rename(
        self,
        source: RemotePath,
        destination: RemotePath,
        timeout: Optional[int] = None,
        *,
        replace: bool = False,
        deadline: Optional[int] = None,
    ) -> None:
        """Rename or move a file or directory, at once.

        :param bool replace: whether a file that is in the way is replaced.
        :raises FileNotFoundError: if there is no such file.
        :raises FileExistsError: if the new name is taken.
        """
        old, new = below_root(remote(source)), remote(destination)
        with two_paths(old, new):
            self._native.rename(old, new, replace, *self._limits(timeout, deadline))

    def exists(self, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> bool:
        """Tell whether there is such a file or directory; a link that leads nowhere is none.

        A name that no file can have is none, either.

        :raises ValueError: if the path is not absolute.
        """
        try:
            return self._kind(remote(path), timeout, deadline) not in (None, "link")
        except OSError as error:
            if not is_nothing(error):
                raise
            return False

    def read_bytes(self, path: RemotePath, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> bytes:
        """Read a whole file into memory.

        :raises FileNotFoundError: if there is no such file.
        """
        return self._native.read(remote(path), *self._limits(timeout, deadline))

    def write_bytes(
        self,
        path: RemotePath,
        content: bytes,
        timeout: Optional[int] = None,
        *,
        replace: bool = True,
        deadline: Optional[int] = None,
    ) -> None:
        """Make a file of some content. A file that is there is replaced when the new one is complete.

        :raises FileExistsError: if it may not be replaced.
        """
        self._native.write(remote(path), content_of(content), replace, *self._limits(timeout, deadline))

    def status(self, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> dict[str, Any]:
        """Ask how the server is: answered whoever uses it.

        :return: ``agent``, ``uptime`` in seconds, ``holders`` (a :class:`remofile.Holder` each), ``waiting``,
            ``cipher``, ``round_trip`` in seconds, ``token`` (the name of the own one, if it has one), ``used`` and ``quota``
            as :meth:`usage` has them, and ``hides_others``: true if ``holders`` and ``waiting`` have at most those who use the
            same token, since the own one has fewer rights than ``all``.
        """
        return self._native.status(*self._limits(timeout, deadline))

    def usage(self, timeout: Optional[int] = None, *, deadline: Optional[int] = None) -> Usage:
        """Ask how many bytes of files are below ``/``, and how many the token may keep there.

        :return: ``used``, ``quota`` and ``free``, in bytes: each ``None`` if it is not known, or has no bound.
        """
        from remofile._usage import Usage

        return Usage(*self._native.usage(*self._limits(timeout, deadline)))

    @overload
    def open(
        self,
        path: RemotePath,
        mode: OpenTextMode = "r",
        buffering: int = -1,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> TextIOWrapper: ...

    @overload
    def open(
        self,
        path: RemotePath,
        mode: OpenBinaryModeUpdating,
        buffering: Literal[-1, 1] = -1,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> BufferedRandom: ...

    @overload
    def open(
        self,
        path: RemotePath,
        mode: OpenBinaryModeWriting,
        buffering: Literal[-1, 1] = -1,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> BufferedWriter: ...

    @overload
    def open(
        self,
        path: RemotePath,
        mode: OpenBinaryModeReading,
        buffering: Literal[-1, 1] = -1,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> BufferedReader: ...

    @overload
    def open(
        self,
        path: RemotePath,
        mode: OpenBinaryMode,
        buffering: int = -1,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> BinaryIO: ...

    @overload
    def open(
        self,
        path: RemotePath,
        mode: str,
        buffering: int = -1,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> IO[Any]: ...

    def open(
        self,
        path: RemotePath,
        mode: str = "r",
        buffering: int = -1,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> IO[Any]:
        """Open a file at the server, as the function ``open`` opens one here.

        What is read is read ahead, and what is written is written behind. ``w`` and ``x`` rewrite: what is written
        becomes visible, whole, when the file is closed, and is forgotten if its ``with`` block raises. ``r+`` and
        ``a`` change the file in place. The timeout is that of each call that reaches the server.

        A file that grows, is replaced or gets another time is read on as it was when it was opened. ``readv`` of a file
        in binary mode reads parts of it, ``[(offset, length), ...]``, in one flight.

        :param int buffering: bytes of the buffer on this side, by default 64 KiB, or 1 MiB to write; 0 for none (binary
            only).
        :param bool strict: whether reading fails once the file is written to, replaced or touched.
        :param bool follow: whether reading waits for more at the end, as ``tail -F`` does; the timeout ends a wait.
        :raises FileNotFoundError: if there is no such file (``r``), or no such directory.
        :raises FileExistsError: with ``x``, if the name is taken.
        :raises IsADirectoryError: if it is a directory.
        :raises ValueError: if the mode is not valid.
        """
        from remofile._file import open_remote

        return open_remote(self, remote(path), mode, buffering, encoding, errors, newline, strict, follow)

    def read_ranges(
        self,
        ranges: Iterable[tuple[RemotePath, int, Optional[int]]],
        timeout: Optional[int] = None,
        *,
        deadline: Optional[int] = None,
    ) -> list[bytes]:
        """Read parts of files, of one or of many, in one flight.

        :param ranges: for each part the path, the offset at which it begins, and the one at which it ends (``None`` for
            the end of the file). A part ends with its file.
        :raises OSError: what is wrong with the first part that cannot be read.
        """
        return whole_parts(self._native.read_ranges(wanted_parts(ranges), *self._limits(timeout, deadline)))

    # Transfers.

    def upload_file(
        self,
        source: LocalPath,
        destination: RemotePath,
        name: Optional[str] = None,
        chunk_size: int = CHUNK_SIZE,
        process_chunk: Optional[ProcessChunk] = None,
        timeout: Optional[int] = None,
        *,
        progress: Optional[Progress] = None,
        deadline: Optional[int] = None,
        **options: Unpack[TransferOptions],
    ) -> None:
        """Upload a file.

        It is visible when it is complete. What an interrupted upload has sent is kept for the next one.

        :param source: a local file.
        :param destination: the absolute path of an existing directory.
        :param str name: the name it gets; by default its own.
        :param int chunk_size: how many bytes ``process_chunk`` sees at once. It must be in the server's range, by default
            512 to 8192; one of protocol 1 is sent chunks of that size.
        :param process_chunk: called with each chunk before it is sent: the chunk, the bytes that remain (these
            included), the size of the file and its name. If what it returns is false, the upload is cancelled
            quietly; if it raises, that is raised here. In both cases nothing is left at the server.
        :param int timeout: milliseconds that it may go without progress, however large the file is. What is slow and gets
            on is not ended.
        :param int deadline: milliseconds for the whole call.
        :param progress: a progress bar like tqdm's, or a function of bytes done and bytes in all.
        :param on_conflict: what becomes of a file of that name: a :class:`remofile.OnConflict` or its text, ``abort`` by
            default; or a function that is given a :class:`remofile.Conflict` and returns one of them.
        :param bool overwrite: the same as ``on_conflict="replace"``.
        :param bool resume: whether what an earlier attempt moved is used.
        :param bool preserve_mode: whether permission bits are kept.
        :param bool archive: whether all permission bits, times of directories and links, links and holes are kept;
            ``owner`` keeps owner and group, by number with ``numeric_ids``, ``xattrs`` extended attributes, ``hard_links`` second names,
            ``devices`` special files, and ``encode_names`` names of any bytes.
        :param compress: whether to compress, or the level of it, 1 to 19.
        :param int bytes_per_second: how fast to be at most.
        :param int retries: how often in a row it is tried again after a lost connection, 5 by default.
        :param bool strict: whether a file that is written to while it is sent is an error, even if it only grows.
        :param bool sparse: whether holes are kept as holes.
        :param str links: what becomes of symbolic links below the source: ``skip``, ``follow``, ``copy`` or ``keep``.
        :param exclude: patterns of what is left out, in the notation of gitignore; ``include`` takes back, and
            ``exclude_from`` is a file of such lines.
        :param int min_size: the smallest file that is meant, in bytes; ``max_size`` the largest.
        :param int transfers: how many connections are used, 1 to 16; by default as many as help.
        :param bool dry_run: whether nothing is sent, and it is only found out what would be, or fail.
        :raises ValueError: if the destination is not absolute, or the chunk size or the file's size not valid.
        :raises SourceNotFound: if there is no such local file.
        :raises DestinationNotFound: if there is no such directory at the server.
        :raises FileExistsError: if the name is taken, and ``on_conflict`` is ``abort``.
        :raises FileNameError: if the name is not valid.
        :raises TimeoutError: if nothing moves for the timeout, or it takes longer than the deadline.
        """
        how = Transfer(name, chunk_size, process_chunk, timeout, deadline, progress, dict(options))
        upload(self, False, source, destination, how)

    def upload_directory(
        self,
        source: LocalPath,
        destination: RemotePath,
        name: Optional[str] = None,
        chunk_size: int = CHUNK_SIZE,
        process_chunk: Optional[ProcessChunk] = None,
        timeout: Optional[int] = None,
        *,
        progress: Optional[Progress] = None,
        deadline: Optional[int] = None,
        **options: Unpack[TransferOptions],
    ) -> None:
        """Upload a directory with its contents.

        Parameters, options and errors are those of :meth:`upload_file`; the source is a local directory. A callback that
        cancels the upload cancels it as a whole.
        """
        how = Transfer(name, chunk_size, process_chunk, timeout, deadline, progress, dict(options))
        upload(self, True, source, destination, how)

    def download_file(
        self,
        source: RemotePath,
        destination: LocalPath,
        name: Optional[str] = None,
        chunk_size: int = CHUNK_SIZE,
        process_chunk: Optional[ProcessChunk] = None,
        timeout: Optional[int] = None,
        *,
        progress: Optional[Progress] = None,
        deadline: Optional[int] = None,
        **options: Unpack[DownloadOptions],
    ) -> None:
        """Download a file.

        It is visible when it is complete. What an interrupted download has received is kept for the next one.

        :param source: the absolute path of a file.
        :param destination: an existing local directory.
        :param str name: the name it gets; by default its own.
        :param int chunk_size: how many bytes ``process_chunk`` sees at once: as for :meth:`upload_file`.
        :param process_chunk: called with each chunk before it is written: as for :meth:`upload_file`.
        :param int timeout: milliseconds that it may go without progress: as for :meth:`upload_file`.
        :param int deadline: milliseconds for the whole call.
        :param progress: a progress bar like tqdm's, or a function of bytes done and bytes in all.
        :param str fsync: when it is on the disk: ``"end"`` before this returns, ``"each"`` before the file is visible,
            ``"none"`` whenever the system likes. With ``"none"`` a power failure may leave a file without its content.
        :param float partial_expiry: seconds for which what is left of interrupted downloads is kept, a week by default.

        The other options are those of :meth:`upload_file`.

        :raises ValueError: if the source is not absolute, or the chunk size or ``fsync`` is not valid.
        :raises SourceNotFound: if there is no such file at the server.
        :raises DestinationNotFound: if there is no such local directory.
        :raises FileExistsError: if the name is taken, and ``on_conflict`` is ``abort``.
        :raises FileNameError: if the name is not valid.
        :raises TimeoutError: if nothing moves for the timeout, or it takes longer than the deadline.
        """
        how = Transfer(name, chunk_size, process_chunk, timeout, deadline, progress, dict(options))
        download(self, False, source, destination, how)

    def download_directory(
        self,
        source: RemotePath,
        destination: LocalPath,
        name: Optional[str] = None,
        chunk_size: int = CHUNK_SIZE,
        process_chunk: Optional[ProcessChunk] = None,
        timeout: Optional[int] = None,
        *,
        progress: Optional[Progress] = None,
        deadline: Optional[int] = None,
        **options: Unpack[DownloadOptions],
    ) -> None:
        """Download a directory with its contents.

        Parameters, options and errors are those of :meth:`download_file`; the source is a directory. A callback that
        cancels the download cancels it as a whole.
        """
        how = Transfer(name, chunk_size, process_chunk, timeout, deadline, progress, dict(options))
        download(self, True, source, destination, how)


def wanted_parts(ranges: Iterable[tuple[RemotePath, int, Optional[int]]]) -> list[tuple[str, int, Optional[int]]]:
    """Parts of files by their lengths.

    :raises ValueError: for one that begins before its file.
    """
    ranges = list(ranges)
    if any(start < 0 for _path, start, _end in ranges):
        raise ValueError("a part of a file begins at 0 or later")
    return [(remote(path), start, None if end is None else max(end - start, 0)) for path, start, end in ranges]


def whole_parts(parts: list[Union[bytes, BaseException]]) -> list[bytes]:
    """Parts that were read.

    :raises OSError: if one could not be.
    """
    for part in parts:
        if isinstance(part, BaseException):
            raise part
    return parts  # type: ignore[return-value]
