"""Algorithms over a client's operations: transfers of many files, and synchronisation."""

from __future__ import annotations

import os
from errno import EINVAL

from remofile._connection import Connection, is_same_server, live_servers
from remofile._options import DOWNLOAD, SYNC_DOWNLOAD, SYNC_UPLOAD, UPLOAD, settings_of
from remofile._paths import local, remote, text_of
from remofile._settings import CHUNK_SIZE, check_chunk_size, interest, is_chosen
from remofile._transfers import Transfer, cancellation, destination_at_server, source_at_server
from remofile.client import Client
from remofile.exceptions import DestinationNotFound, FileNameError, SourceNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Optional, Union, overload

    from typing_extensions import Unpack

    from remofile._options import FilesDownloadOptions, FilesUploadOptions, SyncDownloadOptions, SyncOptions
    from remofile._paths import LocalPath, RemotePath
    from remofile._progress import Progress
    from remofile._remofile import Report
    from remofile._transfers import ProcessChunk
    from remofile.conflicts import ConflictRule
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
    on_conflict: ConflictRule = "abort",
    chunk_size: int = CHUNK_SIZE,
    process_chunk: Optional[ProcessChunk] = None,
    timeout: Optional[int] = None,
    progress: Optional[Progress] = None,
    deadline: Optional[int] = None,
    **options: Unpack[FilesUploadOptions],
) -> Optional[Report]:
    """Upload a file, a directory, or what matches a shell pattern.

    :param client: the client of the server.
    :param source: a relative path, which may hold ``*``, ``**``, ``?`` and ``[...]``.
    :param destination: the absolute path of an existing directory.
    :param relative_directory: the absolute path of the local directory that the source is in; by default the
        current one.
    :param bool recursive: whether directories are uploaded, with their contents.
    :param exclude_files: relative paths and patterns of what is left out, in the notation of gitignore. They count from
        the relative directory.
    :param on_conflict: what becomes of names that are taken: ``abort`` (nothing is changed at all), ``replace``,
        ``skip``, ``rename`` or ``newer``; or a function that is given a :class:`remofile.Conflict` and returns one of them.
    :param int chunk_size: how many bytes ``process_chunk`` sees at once: as for :meth:`Client.upload_file`.
    :param process_chunk: as for :meth:`Client.upload_file`.
    :param int timeout: milliseconds that it may go without progress, the time for each chunk.
    :param int deadline: milliseconds for the whole call.
    :param progress: a progress bar like tqdm's, or a function of bytes done and bytes in all.

    The other options are those of :meth:`Client.upload_file`.

    :return: what was done; ``None`` if the callback cancelled it.
    :raises ValueError: if the source is absolute, or one of the directories is not.
    :raises SourceNotFound: if the source does not exist, or nothing matches it.
    :raises DestinationNotFound: if there is no such directory at the server.
    :raises FileExistsError: if a name is taken, and ``on_conflict`` is ``abort``.
    :raises TimeoutError: if nothing moves for the timeout, or it takes longer than the deadline.
    """
    _refuse_awaited("upload_files", client)
    path = os.fsdecode(source)
    if os.path.isabs(path):
        raise ValueError("Source must be a relative path")
    base = os.fsdecode(relative_directory) if relative_directory is not None else os.getcwd()
    if not os.path.isabs(base):
        raise ValueError("Relative directory must be an absolute path")
    target = remote(destination, "Destination")
    how = _how("upload_files", UPLOAD, recursive, on_conflict, chunk_size, process_chunk, timeout, deadline, progress, options)
    if not os.path.isdir(base):
        raise SourceNotFound(f"Relative directory could not be found: {base}", base)
    if not _is_pattern(path):
        found = os.path.join(base, path)
        if not path or not os.path.exists(found):
            raise SourceNotFound(f"Source could not be found: {path}", path)
        _check_recursive(recursive, os.path.isdir(found), path)
    sources = _excluding(exclude_files, path, how, base)
    stall_timeout, limits = client._transfer_limits(timeout, deadline)
    told = how.interest(process_chunk, None, stall_timeout)
    with destination_at_server(), cancellation():
        named = [(base, path, name) for path, name in sources]
        return client._native.upload(named, target, how.settings, told, *limits)
    return None


def download_files(
    client: Client,
    source: RemotePath,
    destination: LocalPath,
    relative_directory: Optional[RemotePath] = None,
    *,
    recursive: bool = False,
    exclude_files: Iterable[Union[str, os.PathLike[str]]] = (),
    on_conflict: ConflictRule = "abort",
    chunk_size: int = CHUNK_SIZE,
    process_chunk: Optional[ProcessChunk] = None,
    timeout: Optional[int] = None,
    progress: Optional[Progress] = None,
    deadline: Optional[int] = None,
    **options: Unpack[FilesDownloadOptions],
) -> Optional[Report]:
    """Download a file, a directory, or what matches a shell pattern.

    :param source: a relative path, which may hold ``*``, ``**``, ``?`` and ``[...]``.
    :param destination: the absolute path of an existing local directory.
    :param relative_directory: the absolute path of the directory at the server that the source is in; by default
        the root.
    :param str fsync: when files are on the disk: as for :meth:`Client.download_file`.

    The other parameters, options and errors are those of :func:`upload_files`, with the sides exchanged.
    """
    _refuse_awaited("download_files", client)
    path = text_of(source)
    if path.startswith("/"):
        raise ValueError("Source must be a relative path")
    base = remote("/" if relative_directory is None else relative_directory, "Relative directory")
    target = os.fsdecode(destination)
    if not os.path.isabs(target):
        raise ValueError("Destination must be an absolute path")
    how = _how(
        "download_files", DOWNLOAD, recursive, on_conflict, chunk_size, process_chunk, timeout, deadline, progress, options
    )
    if not os.path.isdir(target):
        raise DestinationNotFound(f"Destination directory could not be found: {target}", target)
    whole, path = path, "/".join(part for part in path.split("/") if part not in ("", "."))
    if not _is_pattern(path):
        kind = client._kind(f"{base.rstrip('/')}/{path}", timeout, deadline)
        if kind is None or not whole:
            raise SourceNotFound(f"Source could not be found: {path}", path)
        _check_recursive(recursive, kind == "directory", whole)
        if not path and base == "/":
            raise FileNameError(EINVAL, "the root directory has no name: name what is in it, or a pattern such as '*'", base)
    with source_at_server(target):
        sources = _excluding(exclude_files, path, how, base, client)
    stall_timeout, limits = client._transfer_limits(timeout, deadline)
    told = how.interest(process_chunk, None, stall_timeout)
    with source_at_server(target), cancellation():
        return client._native.download(base, sources, target, how.settings, told, *limits)
    return None


def _how(
    function: str,
    known: frozenset[str],
    recursive: bool,
    on_conflict: ConflictRule,
    chunk_size: int,
    process_chunk: Optional[ProcessChunk],
    timeout: Optional[int],
    deadline: Optional[int],
    progress: Optional[Progress],
    options: Any,
) -> Transfer:
    given = dict(options)
    if not (given.get("overwrite") and on_conflict == "abort"):
        given["on_conflict"] = on_conflict
    how = Transfer(None, chunk_size, process_chunk, timeout, deadline, progress, given)
    how.settle(function, known, recursive)
    return how


def _excluding(
    exclude_files: Iterable[Union[str, os.PathLike[str]]],
    path: str,
    how: Transfer,
    base: str,
    client: Optional[Client] = None,
) -> list[tuple[str, Optional[str]]]:
    """The sources, with their names at the destination, that are left when some files are excluded; at a server with a client."""
    if isinstance(exclude_files, (str, bytes)):
        raise TypeError("exclude_files is a sequence of paths and patterns, not a single one")
    rules = [os.fspath(rule) for rule in exclude_files]
    if not rules:
        return [(path, None)]
    from remofile._exclusions import Exclusions, LocalTree, RemoteTree

    exclusions = Exclusions(rules)
    others = how.settings.get("exclude", [])
    is_above = not _is_pattern(path) and not exclusions.admits(path, False)
    if (exclusions.are_of_names and not is_above) or path in ("", "."):
        # The native side takes such rules from the source, which comes to the same.
        how.settings["exclude"] = [*rules, *others]
        return [(path, None)]
    tree = LocalTree(base) if client is None else RemoteTree(client, base, how.timeout, how.deadline)
    sources, rules = exclusions.left_of(path, tree)
    how.settings["exclude"] = [*rules, *others]
    return sources


@overload
def synchronize_upload(
    client: Client, source: LocalPath, destination: RemotePath, **options: Unpack[SyncOptions]
) -> Report: ...


@overload
def synchronize_upload(source: LocalPath, destination: RemotePath, /, **options: Unpack[SyncOptions]) -> Report: ...


def synchronize_upload(*arguments: Any, **options: Any) -> Report:
    """Make a directory at the server like a local one.

    ``synchronize_upload(client, source, destination)``, or without a client for the server that the environment
    names (:meth:`Client.from_environment`), which is logged; if the program has clients, and none is of that server, it is
    refused. Files of the same size and time are left as they are; of large files
    that changed only what changed is sent. What only the destination has stays, unless ``delete`` is given.

    :param source: a local directory.
    :param destination: a directory at the server, which is created if its parent exists. A relative path is taken
        from the root.
    :param bool delete: whether what only the destination has is deleted, last of all; ``max_delete`` is how much at most.
    :param bool dry_run: whether nothing is changed at all.
    :param bool checksum: whether files of one size are compared by their contents.
    :param bool size_only: whether files of one size count as the same; ``modify_window`` is by how many seconds times may
        differ.
    :param bool update: whether files that are newer at the destination stay; ``existing`` creates nothing, and
        ``ignore_existing`` changes no file that is there.
    :param str backup_dir: a directory of the destination's side that keeps what is replaced or deleted.
    :param bool whole_file: whether changed files are sent whole, always or never; by default as is faster.
    :param exclude: patterns of what is left out on both sides, in the notation of gitignore; ``include`` takes back, and
        ``exclude_from`` is a file of such lines.
    :param str links: what becomes of symbolic links in the source: ``skip``, ``follow``, ``copy`` or ``keep``.
    :param int min_size: the smallest file of the source that takes part, in bytes; ``max_size`` the largest. What is in the places
        of others stays as it is.
    :param files_from: relative paths in the source that alone take part, with all below them, or a file of such lines. What the
        destination has elsewhere stays.
    :param bool preserve_mode: whether permission bits are kept.
    :param bool sparse: whether holes in files stay holes.
    :param int transfers: how many connections are used, 1 to 16; by default as many as help.
    :param bool resume: whether a file that an earlier call began is gone on with.
    :param bool archive: whether all permission bits, times of directories and links, links and holes are kept;
        ``owner`` keeps owner and group, by number with ``numeric_ids``, ``xattrs`` extended attributes, ``hard_links`` second names, ``devices``
        special files, ``encode_names`` names of any bytes; ``link_dest`` is an earlier backup to share files with.
    :param compress: whether to compress, or the level of it, 1 to 19.
    :param int bytes_per_second: how fast to be at most.
    :param int retries: how often in a row it is tried again after a lost connection, 5 by default.
    :param bool strict: whether a file that is written to while it is sent is an error, even if it only grows.
    :param int timeout: milliseconds that it may go without progress.
    :param int deadline: milliseconds for the whole call.
    :param progress: a progress bar like tqdm's, or a function of bytes done and bytes in all.
    :return: what was done.
    :raises ValueError: without a client, if there is no server in the environment, or all clients are of others.
    :raises SourceNotFound: if there is no such local directory.
    :raises DestinationNotFound: if the destination cannot be made a directory.
    """
    client, source, destination = _settle("synchronize_upload", arguments, options)
    if not os.path.isdir(source):
        raise SourceNotFound(f"Source directory could not be found: {os.fspath(source)}", os.fspath(source))
    with destination_at_server(local(source)):
        return _synchronize(client, True, source, destination, options)
    raise AssertionError


@overload
def synchronize_download(
    client: Client, source: RemotePath, destination: LocalPath, **options: Unpack[SyncDownloadOptions]
) -> Report: ...


@overload
def synchronize_download(
    source: RemotePath, destination: LocalPath, /, **options: Unpack[SyncDownloadOptions]
) -> Report: ...


def synchronize_download(*arguments: Any, **options: Any) -> Report:
    """Make a local directory like one at the server.

    ``synchronize_download(client, source, destination)``, or without a client. Options are those of
    :func:`synchronize_upload`, with the sides exchanged, and one more:

    :param str fsync: when files are on the disk: as for :meth:`Client.download_file`.

    :raises SourceNotFound: if there is no such directory at the server.
    :raises DestinationNotFound: if the destination cannot be made a directory.
    """
    client, source, destination = _settle("synchronize_download", arguments, options)
    if os.path.lexists(destination):
        is_there = os.path.isdir(destination)
    else:
        is_there = os.path.isdir(os.path.dirname(local(destination)))
    if not is_there:
        raise DestinationNotFound(f"Destination directory could not be found: {os.fspath(destination)}", os.fspath(destination))
    with source_at_server(os.path.dirname(local(destination))):
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
    if not text_of(destination if function == "synchronize_upload" else source):
        raise ValueError("the directory at the server is an empty path: '/' is all that is there")
    if client is not None:
        _refuse_awaited(function, client)
    return (_of_environment(function) if client is None else client, source, destination)


def _refuse_awaited(function: str, client: Client) -> None:
    """Raise what tells those who pass a client whose calls are awaited what they mean."""
    if not isinstance(client, Connection):
        raise TypeError(f"{function}() takes a Client, not {type(client).__name__}: an AsyncClient has it as 'await client.{function}(...)'")


def _of_environment(function: str) -> Client:
    """The client of the server that the environment names, as long as no other can be meant."""
    import logging

    others = live_servers()
    client = Client.from_environment()
    own = (client.hostname, client.port)
    shown = f"{client.hostname}:{client.port}"
    if others and not any(is_same_server(other, own) for other in others):
        has = ", ".join(f"{hostname}:{port}" for hostname, port in others)
        raise ValueError(
            f"{function}() was given no client, and the environment names the server {shown}, but this program has clients of "
            f"{has}: pass the client that you mean"
        )
    level = logging.WARNING if len(others) > 1 else logging.INFO
    logging.getLogger("remofile").log(level, "%s: no client was given, so it is the server of the environment: %s", function, shown)
    return client


def _synchronize(
    client: Client, is_upload: bool, here: LocalPath, path: RemotePath, options: dict[str, Any]
) -> Report:
    progress, timeout, deadline = (options.pop(name, None) for name in ("progress", "timeout", "deadline"))
    chunk_size, process_chunk = options.pop("chunk_size", CHUNK_SIZE), options.pop("process_chunk", None)
    check_chunk_size(chunk_size)
    function, known = ("synchronize_upload", SYNC_UPLOAD) if is_upload else ("synchronize_download", SYNC_DOWNLOAD)
    settings = settings_of(function, options, known)
    stall_timeout, limits = client._transfer_limits(timeout, deadline)
    told = interest(process_chunk, chunk_size, progress, chosen=is_chosen(chunk_size), stall_timeout=stall_timeout)
    whole = remote("/" + text_of(path))
    return client._native.synchronize(is_upload, local(here), whole, settings, told, *limits)


def _is_pattern(path: str) -> bool:
    return any(character in path for character in "*?[")


def _check_recursive(recursive: bool, is_directory: bool, path: str) -> None:
    if is_directory and not recursive:
        from errno import EISDIR

        raise IsADirectoryError(EISDIR, "it is a directory, and recursive is not set", path)
