"""The transfers of an asynchronous client.

Each runs on a thread of its own, where its callbacks are called, while others take turns with it at the connections.
"""

from __future__ import annotations

from remofile import algorithm
from remofile._aio_relaying import AsyncRelaying
from remofile._settings import CHUNK_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import Optional, Union

    from typing_extensions import Unpack

    from remofile._options import (
        DownloadOptions,
        FilesDownloadOptions,
        FilesUploadOptions,
        SyncDownloadOptions,
        SyncOptions,
        TransferOptions,
    )
    from remofile._paths import LocalPath, RemotePath
    from remofile._progress import Progress
    from remofile._remofile import Report
    from remofile._transfers import ProcessChunk
    from remofile.conflicts import ConflictRule

    Patterns = Iterable[Union[str, "os.PathLike[str]"]]


class AsyncTransfers(AsyncRelaying):
    """Transfers of files: methods of :class:`remofile.AsyncClient`."""

    async def upload_file(
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

        It is visible when it is complete. What an upload has sent that was cancelled or interrupted otherwise is kept for
        the next one.

        :param source: a local file.
        :param destination: the absolute path of an existing directory.
        :param str name: the name it gets; by default its own.
        :param int chunk_size: how many bytes ``process_chunk`` sees at once, in the server's range: by default 512 to 8192.
        :param process_chunk: called with each chunk before it is sent, on a thread that is not the loop's: the chunk, the
            bytes that remain (these included), the size of the file and its name. If what it returns is false, the upload
            is cancelled quietly; if it raises, that is raised here. In both cases nothing is left at the server.
        :param int timeout: milliseconds that it may go without progress, however large the file is; by default the client's.
        :param int deadline: milliseconds for the whole call, from now on; by default the client's.
        :param progress: a progress bar like tqdm's, or a function of bytes done and bytes in all; it is called on a thread
            that is not the loop's, too.
        :param on_conflict: what becomes of a file of that name: a :class:`remofile.OnConflict` or its text, ``abort`` by
            default; or a function that is given a :class:`remofile.Conflict` and returns one of them, on a thread that is not
            the loop's.

        The other options are those of :meth:`remofile.Client.upload_file`.

        :raises ValueError: if the destination is not absolute, or the chunk size or the file's size not valid.
        :raises SourceNotFound: if there is no such local file.
        :raises DestinationNotFound: if there is no such directory at the server.
        :raises FileExistsError: if the name is taken, and ``on_conflict`` is ``abort``.
        :raises FileNameError: if the name is not valid.
        :raises TimeoutError: if nothing moves for the timeout, or it takes longer than the deadline.
        """
        await self._call(
            self.client.upload_file,
            source,
            destination,
            name,
            chunk_size,
            process_chunk,
            timeout=timeout,
            progress=progress,
            deadline=deadline,
            **options,
        )

    async def upload_directory(
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
        await self._call(
            self.client.upload_directory,
            source,
            destination,
            name,
            chunk_size,
            process_chunk,
            timeout=timeout,
            progress=progress,
            deadline=deadline,
            **options,
        )

    async def download_file(
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

        It is visible when it is complete. What a download has received that was cancelled or interrupted otherwise is
        kept for the next one.

        :param source: the absolute path of a file.
        :param destination: an existing local directory.
        :param str name: the name it gets; by default its own.
        :param int chunk_size: how many bytes ``process_chunk`` sees at once, in the server's range: by default 512 to 8192.
        :param process_chunk: called with each chunk before it is written: as for :meth:`upload_file`.
        :param int timeout: milliseconds that it may go without progress, however large the file is; by default the client's.
        :param int deadline: milliseconds for the whole call, from now on; by default the client's.
        :param progress: a progress bar or function, as for :meth:`upload_file`.
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
        await self._call(
            self.client.download_file,
            source,
            destination,
            name,
            chunk_size,
            process_chunk,
            timeout=timeout,
            progress=progress,
            deadline=deadline,
            **options,
        )

    async def download_directory(
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
        await self._call(
            self.client.download_directory,
            source,
            destination,
            name,
            chunk_size,
            process_chunk,
            timeout=timeout,
            progress=progress,
            deadline=deadline,
            **options,
        )

    async def upload_files(
        self,
        source: LocalPath,
        destination: RemotePath,
        relative_directory: Optional[LocalPath] = None,
        *,
        recursive: bool = False,
        exclude_files: Patterns = (),
        on_conflict: ConflictRule = "abort",
        chunk_size: int = CHUNK_SIZE,
        process_chunk: Optional[ProcessChunk] = None,
        timeout: Optional[int] = None,
        progress: Optional[Progress] = None,
        deadline: Optional[int] = None,
        **options: Unpack[FilesUploadOptions],
    ) -> Optional[Report]:
        """Upload a file, a directory, or what matches a shell pattern.

        Parameters, options, errors and what is returned are those of :func:`remofile.upload_files`; callbacks are called on a
        thread that is not the loop's.
        """
        return await self._call(
            algorithm.upload_files,
            self.client,
            source,
            destination,
            relative_directory,
            recursive=recursive,
            exclude_files=exclude_files,
            on_conflict=on_conflict,
            chunk_size=chunk_size,
            process_chunk=process_chunk,
            timeout=timeout,
            progress=progress,
            deadline=deadline,
            **options,
        )

    async def download_files(
        self,
        source: RemotePath,
        destination: LocalPath,
        relative_directory: Optional[RemotePath] = None,
        *,
        recursive: bool = False,
        exclude_files: Patterns = (),
        on_conflict: ConflictRule = "abort",
        chunk_size: int = CHUNK_SIZE,
        process_chunk: Optional[ProcessChunk] = None,
        timeout: Optional[int] = None,
        progress: Optional[Progress] = None,
        deadline: Optional[int] = None,
        **options: Unpack[FilesDownloadOptions],
    ) -> Optional[Report]:
        """Download a file, a directory, or what matches a shell pattern.

        Parameters, options, errors and what is returned are those of :func:`remofile.download_files`; callbacks are called on a
        thread that is not the loop's.
        """
        return await self._call(
            algorithm.download_files,
            self.client,
            source,
            destination,
            relative_directory,
            recursive=recursive,
            exclude_files=exclude_files,
            on_conflict=on_conflict,
            chunk_size=chunk_size,
            process_chunk=process_chunk,
            timeout=timeout,
            progress=progress,
            deadline=deadline,
            **options,
        )

    async def synchronize_upload(self, source: LocalPath, destination: RemotePath, **options: Unpack[SyncOptions]) -> Report:
        """Make a directory at the server like a local one.

        Options, errors and what is returned are those of :func:`remofile.synchronize_upload`; callbacks are called on a thread
        that is not the loop's.
        """
        return await self._call(algorithm.synchronize_upload, self.client, source, destination, **options)

    async def synchronize_download(self, source: RemotePath, destination: LocalPath, **options: Unpack[SyncDownloadOptions]) -> Report:
        """Make a local directory like one at the server.

        Options, errors and what is returned are those of :func:`remofile.synchronize_download`; callbacks are called on a thread
        that is not the loop's.
        """
        return await self._call(algorithm.synchronize_download, self.client, source, destination, **options)
