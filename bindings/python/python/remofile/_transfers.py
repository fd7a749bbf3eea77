"""The transfers of single files and directories."""

from __future__ import annotations

import os
from contextlib import contextmanager

from remofile._paths import base_name, child, remote
from remofile._remofile import clear_local_partials
from remofile._settings import check_chunk_size, interest
from remofile.exceptions import DestinationNotFound, SourceNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn, Optional

    from remofile._connection import Connection
    from remofile._paths import LocalPath, RemotePath
    from remofile._progress import Progress

    #: Called with a chunk, the bytes that remain, the size of the file and its name.
    ProcessChunk = Callable[[bytes, int, int, str], Any]


def upload(
    client: Connection,
    is_directory: bool,
    source: LocalPath,
    destination: RemotePath,
    name: Optional[str],
    chunk_size: int,
    process_chunk: Optional[ProcessChunk],
    timeout: Optional[int],
    progress: Optional[Progress],
) -> None:
    """Upload one file or directory: see `Client.upload_file`."""
    local = os.path.abspath(source)
    what = "directory" if is_directory else "file"
    if not (os.path.isdir(local) if is_directory else os.path.isfile(local)):
        raise SourceNotFound(f"Source {what} could not be found: {os.fspath(source)}")
    directory = remote(destination, "Destination")
    own_name = os.path.basename(local)
    path = child(directory, name or own_name)
    check_chunk_size(chunk_size)
    limits = client._limits(timeout)
    if client._kind(path, timeout) is not None:
        _raise_exists(path)
    watched = Watched(process_chunk) if process_chunk is not None else None
    told = interest(watched, chunk_size, progress, None if is_directory else own_name)
    options = dict(recursive=is_directory, total=progress is not None)

    def clean_up() -> None:
        client._native.clear_partials(path, *limits)
        if is_directory and client._kind(path, None) is not None:
            client._native.remove(path, True, *limits)

    with destination_at_server(), cancellation(watched, clean_up):
        client._native.upload([("", local, base_name(path))], directory, options, told, *limits)


def download(
    client: Connection,
    is_directory: bool,
    source: RemotePath,
    destination: LocalPath,
    name: Optional[str],
    chunk_size: int,
    process_chunk: Optional[ProcessChunk],
    timeout: Optional[int],
    progress: Optional[Progress],
) -> None:
    """Download one file or directory: see `Client.download_file`."""
    path = remote(source, "Source")
    what = "directory" if is_directory else "file"
    limits = client._limits(timeout)
    if client._kind(path, timeout) != what:
        raise SourceNotFound(f"Source {what} could not be found: {path}")
    directory = os.path.abspath(destination)
    if not os.path.isdir(directory):
        raise DestinationNotFound(f"Destination directory could not be found: {os.fspath(destination)}")
    own_name = base_name(path)
    target = child(directory, name or own_name)
    check_chunk_size(chunk_size)
    if os.path.lexists(target):
        _raise_exists(target)
    watched = Watched(process_chunk) if process_chunk is not None else None
    told = interest(watched, chunk_size, progress, None if is_directory else own_name)
    options = dict(recursive=is_directory, total=progress is not None)

    def clean_up() -> None:
        clear_local_partials(directory, "/" + base_name(target))
        if is_directory:
            import shutil

            shutil.rmtree(target, ignore_errors=True)

    with cancellation(watched, clean_up):
        client._native.download("/", [(path, base_name(target))], directory, options, told, *limits)


def _raise_exists(path: str) -> NoReturn:
    from errno import EEXIST

    raise FileExistsError(EEXIST, "it exists already", path)


@contextmanager
def destination_at_server() -> Iterator[None]:
    """What is missing at the server is the destination: the source was there."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        if getattr(error, "is_remote", False):
            raise DestinationNotFound(f"Destination directory could not be found: {error.filename}") from error
        raise SourceNotFound(f"Source could not be found: {error.filename}") from error


class Watched:
    """A callback, and what it raised."""

    def __init__(self, callback: ProcessChunk) -> None:
        self._callback = callback
        self.raised: Optional[BaseException] = None

    def __call__(self, chunk: bytes, remaining: int, size: int, name: str) -> Any:
        try:
            return self._callback(chunk, remaining, size, name)
        except BaseException as error:
            self.raised = error
            raise


@contextmanager
def cancellation(watched: Optional[Watched] = None, clean_up: Optional[Callable[[], None]] = None) -> Iterator[None]:
    """A callback's wish to end the transfer is no error; nothing is left of what a callback ended."""
    try:
        yield
    except Exception as error:
        is_wish = getattr(error, "kind", None) == "stopped"
        is_callback_s = watched is not None and error is watched.raised
        if clean_up is not None and (is_wish or is_callback_s):
            clean_up()
        if is_callback_s or not is_wish:
            raise
