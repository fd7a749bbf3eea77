"""What is made of a client's operations: transfers of many files, and synchronisation."""

from __future__ import annotations

import os
from contextlib import contextmanager

from remofile._paths import remote, text_of
from remofile._settings import check_chunk_size, interest
from remofile._transfers import cancellation, destination_at_server
from remofile.client import Client
from remofile.exceptions import DestinationNotFound, SourceNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Optional, Union, overload

    from remofile._paths import LocalPath, RemotePath
    from remofile._progress import Progress
    from remofile._remofile import Report
    from remofile._transfers import ProcessChunk
else:

    def overload(function):
        """For type checkers only."""
        return function


__all__ = ["download_files", "synchronize_download", "synchronize_upload", "upload_files"]


def upload_files(
    client: Client,
    source: LocalPath,
    destination: RemotePath,
    relative_directory: Optional[LocalPath] = None,
    *,
    recursive: bool = False,
    exclude_files: Iterable[Union[str, os.PathLike[str]]] = (),
    on_conflict: str = "abort",
    chunk_size: int = 512,
    process_chunk: Optional[ProcessChunk] = None,
    timeout: Optional[int] = None,
    progress: Optional[Progress] = None,
) -> Optional[Report]:
    """Upload a file, a directory, or what matches a shell pattern.

    :param client: the client of the server.
    :param source: a relative path, which may hold ``*``, ``**``, ``?`` and ``[...]``.
    :param destination: the absolute path of an existing directory.
    :param relative_directory: the absolute path of the local directory that the source is in; by default the
        current one.
    :param bool recursive: whether directories are uploaded, with their contents.
    :param exclude_files: relative paths and patterns of what is left out, in the notation of gitignore.
    :param str on_conflict: what becomes of names that are taken: ``abort`` (nothing is changed at all), ``replace``,
        ``skip``, ``rename`` or ``newer``.
    :param int chunk_size: how many bytes ``process_chunk`` sees at once, 512 to 8192.
    :param process_chunk: as for :meth:`Client.upload_file`.
    :param int timeout: milliseconds for the whole call.
    :param progress: a progress bar like tqdm's, or a function of bytes done and bytes in all.
    :return: what was done; ``None`` if the callback cancelled it.
    :raises ValueError: if the source is absolute, or one of the directories is not.
    :raises SourceNotFound: if the source does not exist, or nothing matches it.
    :raises DestinationNotFound: if there is no such directory at the server.
    :raises FileExistsError: if a name is taken, and ``on_conflict`` is ``abort``.
    """
    path = os.fspath(source)
    if os.path.isabs(path):
        raise ValueError("Source must be a relative path")
    base = os.fspath(relative_directory) if relative_directory is not None else os.getcwd()
    if not os.path.isabs(base):
        raise ValueError("Relative directory must be an absolute path")
    target = remote(destination, "Destination")
    check_chunk_size(chunk_size)
    if not os.path.isdir(base):
        raise SourceNotFound(f"Relative directory could not be found: {base}")
    if not _is_pattern(path):
        found = os.path.join(base, path)
        if not os.path.exists(found):
            raise SourceNotFound(f"Source could not be found: {path}")
        _check_recursive(recursive, os.path.isdir(found), path)
    options = dict(
        recursive=recursive, on_conflict=on_conflict, exclude=_rules(exclude_files), total=progress is not None
    )
    told = interest(process_chunk, chunk_size, progress)
    with destination_at_server(), cancellation():
        return client._native.upload([(base, path, None)], target, options, told, *client._limits(timeout))
    return None


def download_files(
    client: Client,
    source: RemotePath,
    destination: LocalPath,
    relative_directory: Optional[RemotePath] = None,
    *,
    recursive: bool = False,
    exclude_files: Iterable[Union[str, os.PathLike[str]]] = (),
    on_conflict: str = "abort",
    chunk_size: int = 512,
    process_chunk: Optional[ProcessChunk] = None,
    timeout: Optional[int] = None,
    progress: Optional[Progress] = None,
) -> Optional[Report]:
    """Download a file, a directory, or what matches a shell pattern.

    :param source: a relative path, which may hold ``*``, ``**``, ``?`` and ``[...]``.
    :param destination: the absolute path of an existing local directory.
    :param relative_directory: the absolute path of the directory at the server that the source is in; by default
        the root.

    The other parameters and the errors are those of :func:`upload_files`, with the sides exchanged.
    """
    path = text_of(source)
    if path.startswith("/"):
        raise ValueError("Source must be a relative path")
    base = remote("/" if relative_directory is None else relative_directory, "Relative directory")
    target = os.fspath(destination)
    if not os.path.isabs(target):
        raise ValueError("Destination must be an absolute path")
    check_chunk_size(chunk_size)
    if not os.path.isdir(target):
        raise DestinationNotFound(f"Destination directory could not be found: {target}")
    path = "/".join(part for part in path.split("/") if part not in ("", "."))
    if not _is_pattern(path):
        kind = client._kind(f"{base.rstrip('/')}/{path}", timeout)
        if kind is None:
            raise SourceNotFound(f"Source could not be found: {path}")
        _check_recursive(recursive, kind == "directory", path)
    options = dict(
        recursive=recursive, on_conflict=on_conflict, exclude=_rules(exclude_files), total=progress is not None
    )
    told = interest(process_chunk, chunk_size, progress)
    with _source_at_server(), cancellation():
        return client._native.download(base, [(path, None)], target, options, told, *client._limits(timeout))
    return None


@overload
def synchronize_upload(client: Client, source: LocalPath, destination: RemotePath, **options: Any) -> Report: ...


@overload
def synchronize_upload(source: LocalPath, destination: RemotePath, /, **options: Any) -> Report: ...


def synchronize_upload(*arguments: Any, **options: Any) -> Report:
    """Make a directory at the server like a local one.

    ``synchronize_upload(client, source, destination)``, or without a client for the server that the environment
    names (:meth:`Client.from_environment`). Files of the same size and time are left as they are; of large files
    that changed only what changed is sent. What only the destination has stays, unless ``delete`` is given.

    :param source: a local directory.
    :param destination: a directory at the server, which is created if its parent exists. A relative path is taken
        from the root.
    :param bool delete: whether what only the destination has is deleted, last of all.
    :param bool dry_run: whether nothing is changed at all.
    :param bool checksum: whether files of one size are compared by their contents.
    :param exclude: patterns of what is left out on both sides, in the notation of gitignore.
    :param bool preserve_mode: whether permission bits are kept.
    :param int compress: a level of compression, 1 to 19.
    :param int bytes_per_second: how fast to be at most.
    :param int timeout: milliseconds for the whole call.
    :param progress: a progress bar like tqdm's, or a function of bytes done and bytes in all.
    :return: what was done.
    :raises SourceNotFound: if there is no such local directory.
    :raises DestinationNotFound: if the destination cannot be made a directory.
    """
    client, source, destination = _settle("synchronize_upload", arguments, options)
    if not os.path.isdir(source):
        raise SourceNotFound(f"Source directory could not be found: {os.fspath(source)}")
    with destination_at_server():
        return _synchronize(client, True, source, destination, options)
    raise AssertionError


@overload
def synchronize_download(client: Client, source: RemotePath, destination: LocalPath, **options: Any) -> Report: ...


@overload
def synchronize_download(source: RemotePath, destination: LocalPath, /, **options: Any) -> Report: ...


def synchronize_download(*arguments: Any, **options: Any) -> Report:
    """Make a local directory like one at the server.

    ``synchronize_download(client, source, destination)``, or without a client. Options are those of
    :func:`synchronize_upload`, with the sides exchanged.

    :raises SourceNotFound: if there is no such directory at the server.
    :raises DestinationNotFound: if the destination cannot be made a directory.
    """
    client, source, destination = _settle("synchronize_download", arguments, options)
    if os.path.lexists(destination):
        is_there = os.path.isdir(destination)
    else:
        is_there = os.path.isdir(os.path.dirname(os.path.abspath(destination)))
    if not is_there:
        raise DestinationNotFound(f"Destination directory could not be found: {os.fspath(destination)}")
    with _source_at_server():
        return _synchronize(client, False, destination, source, options)
    raise AssertionError


def _settle(function: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[Client, Any, Any]:
    """The client and the two directories, however they were given."""
    given = list(arguments)
    for name in ("client", "source", "destination"):
        if name in options:
            given.insert(("client", "source", "destination").index(name), options.pop(name))
    if len(given) == 2:
        given.insert(0, None)
    if len(given) != 3:
        raise TypeError(f"{function}() takes a client, a source and a destination")
    client, source, destination = given
    return (Client.from_environment() if client is None else client, source, destination)


def _synchronize(
    client: Client, is_upload: bool, local: LocalPath, path: RemotePath, options: dict[str, Any]
) -> Report:
    progress, timeout = options.pop("progress", None), options.pop("timeout", None)
    chunk_size, process_chunk = options.pop("chunk_size", 512), options.pop("process_chunk", None)
    check_chunk_size(chunk_size)
    told = interest(process_chunk, chunk_size, progress)
    options["exclude"] = _rules(options.get("exclude", ()))
    whole = remote("/" + text_of(path))
    return client._native.synchronize(
        is_upload, os.path.abspath(local), whole, options, told, *client._limits(timeout)
    )


def _is_pattern(path: str) -> bool:
    return any(character in path for character in "*?[")


def _check_recursive(recursive: bool, is_directory: bool, path: str) -> None:
    if is_directory and not recursive:
        from errno import EISDIR

        raise IsADirectoryError(EISDIR, "it is a directory, and recursive is not set", path)


def _rules(patterns: Iterable[Union[str, os.PathLike[str]]]) -> list[str]:
    return [os.fspath(pattern) for pattern in patterns]


@contextmanager
def _source_at_server() -> Iterator[None]:
    """What is missing at the server is the source: the destination was there."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        if getattr(error, "is_remote", False):
            raise SourceNotFound(f"Source could not be found: {error.filename}") from error
        raise DestinationNotFound(f"Destination directory could not be found: {error.filename}") from error
