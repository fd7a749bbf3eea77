"""The transfers of single files and directories."""

from __future__ import annotations

import os
from errno import EINVAL
from contextlib import contextmanager

from remofile._options import DOWNLOAD, UPLOAD, settings_of
from remofile._ended import note_begun, remove_begun, remove_begun_here
from remofile._paths import base_name, checked_name, child, local, remote
from remofile._remofile import clear_local_partials
from remofile._settings import check_chunk_size, interest, is_chosen
from remofile.exceptions import DestinationNotFound, FileNameError, MissingRightError, SourceNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn, Optional

    from remofile._connection import Connection
    from remofile._paths import LocalPath, RemotePath
    from remofile._progress import Progress

    #: Called with a chunk, the bytes that remain, the size of the file and its name.
    ProcessChunk = Callable[[bytes, int, int, str], Any]


class Transfer:
    """The options of a transfer besides its source and destination."""

    def __init__(
        self,
        name: Optional[str],
        chunk_size: int,
        process_chunk: Optional[ProcessChunk],
        timeout: Optional[int],
        deadline: Optional[int],
        progress: Optional[Progress],
        options: dict[str, Any],
    ) -> None:
        check_chunk_size(chunk_size)
        self.name = name
        self.chunk_size = chunk_size
        self.process_chunk = process_chunk
        self.timeout = timeout
        self.deadline = deadline
        self.progress = progress
        self.options = options

    def settle(self, function: str, known: frozenset[str], recursive: bool) -> None:
        """Check the options before anything is asked for."""
        settings, self.resolve = settle_conflicts(self.options)
        settings.update(settings_of(function, self.options, known))
        self.stays = settings.get("on_conflict") == "abort"
        settings.update(recursive=recursive, total=self.progress is not None)
        self.settings = settings

    def interest(self, watched: Optional[ProcessChunk], name: Optional[str], stall_timeout: Optional[int]) -> Any:
        """The callbacks that want to know of it."""
        return interest(
            watched,
            self.chunk_size,
            self.progress,
            name,
            chosen=is_chosen(self.chunk_size),
            resolve=self.resolve,
            stall_timeout=stall_timeout,
        )


def settle_conflicts(options: dict[str, Any]) -> tuple[dict[str, Any], Optional[Callable[..., str]]]:
    """Take the options about files in the way, and give the settings and the function that decides."""
    overwrite = options.pop("overwrite", False)
    rule = options.pop("on_conflict", "replace" if overwrite else "abort")
    from remofile.conflicts import rule_of

    settings, resolve = rule_of(rule)
    if overwrite and settings.get("on_conflict") != "replace":
        raise ValueError("overwrite is on_conflict='replace': give one of the two")
    return dict(settings), resolve


def upload(client: Connection, is_directory: bool, source: LocalPath, destination: RemotePath, how: Transfer) -> None:
    """Upload one file or directory: see `Client.upload_file`."""
    here = local(source)
    what = "directory" if is_directory else "file"
    how.settle(f"upload_{what}", UPLOAD, is_directory)
    if not (os.path.isdir(here) if is_directory else os.path.isfile(here)):
        raise SourceNotFound(f"Source {what} could not be found: {os.fspath(source)}", os.fspath(source))
    directory = remote(destination, "Destination")
    own_name = os.path.basename(here)
    path = child(directory, how.name or own_name)
    stall_timeout, limits = client._transfer_limits(how.timeout, how.deadline)
    was_there = _is_taken(client, path, how)
    if was_there and how.stays:
        _raise_exists(path)
    watched = Watched(how.process_chunk) if how.process_chunk is not None else None
    # The name on the disk may be no UTF-8.
    shown_name = None if is_directory else os.fsencode(own_name).decode(errors="replace")
    told = how.interest(watched, shown_name, stall_timeout)
    begun = note_begun(told, directory) if is_directory and watched is not None else set()

    def clean_up() -> None:
        if was_there is None:
            return  # Who may not look may remove nothing, either.
        client._native.clear_partials(path, *limits)
        if is_directory and not was_there:
            remove_begun(client, path, begun, limits)

    with destination_at_server(here), cancellation(watched, clean_up):
        client._native.upload([("", here, base_name(path))], directory, how.settings, told, *limits)


def download(client: Connection, is_directory: bool, source: RemotePath, destination: LocalPath, how: Transfer) -> None:
    """Download one file or directory: see `Client.download_file`."""
    path = remote(source, "Source")
    what = "directory" if is_directory else "file"
    how.settle(f"download_{what}", DOWNLOAD, is_directory)
    stall_timeout, limits = client._transfer_limits(how.timeout, how.deadline)
    if client._kind(path, how.timeout, how.deadline) != what:
        raise SourceNotFound(f"Source {what} could not be found: {path}", path)
    directory = local(destination)
    if not os.path.isdir(directory):
        raise DestinationNotFound(f"Destination directory could not be found: {os.fspath(destination)}", os.fspath(destination))
    own_name = base_name(path)
    if not (how.name or own_name):
        raise FileNameError(EINVAL, "the root directory has no name: give its copy one, by 'name'", path)
    # A name of a file that is there may be one that not every server admits; one that is chosen must not.
    target = child(directory, checked_name(how.name, every=True) if how.name else own_name)
    was_there = os.path.lexists(target)
    if was_there and how.stays:
        _raise_exists(target)
    watched = Watched(how.process_chunk) if how.process_chunk is not None else None
    told = how.interest(watched, None if is_directory else own_name, stall_timeout)
    begun = note_begun(told, directory) if is_directory and watched is not None else set()

    def clean_up() -> None:
        clear_local_partials(directory, "/" + base_name(target))
        if is_directory and not was_there:
            remove_begun_here(target, begun)

    with source_at_server(directory), cancellation(watched, clean_up):
        client._native.download("/", [(path, base_name(target))], directory, how.settings, told, *limits)


def _is_taken(client: Connection, path: str, how: Transfer) -> Optional[bool]:
    """True if something has the name at the server; ``None`` if the token may not look: the server decides then."""
    try:
        return client._kind(path, how.timeout, how.deadline) is not None
    except MissingRightError:
        return None


def _raise_exists(path: str) -> NoReturn:
    from errno import EEXIST

    raise FileExistsError(EEXIST, "it exists already", path)


@contextmanager
def destination_at_server(source: str = "") -> Iterator[None]:
    """Tells that the destination is missing at the server, and that what is missing in the local source is that.

    :param source: what paths of the source begin with, unless they are told as relative ones.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        _raise_missing(error, not (_is_local(error) or _has_gone(error.filename, source.rstrip("/"))))


@contextmanager
def source_at_server(destination: str) -> Iterator[None]:
    """Tells that the source is missing at the server, unless the local directory itself has gone."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        _raise_missing(error, _is_local(error) or not os.path.isdir(destination))


def _raise_missing(error: OSError, is_destination: bool) -> NoReturn:
    if not hasattr(error, "kind"):
        raise error  # Not what a transfer fails with, but what a function of the caller's has raised.
    told = error.strerror if error.filename is None else error.filename
    if is_destination:
        raise DestinationNotFound(f"Destination directory could not be found: {told}", error.filename) from error
    raise SourceNotFound(f"Source could not be found: {told}", error.filename) from error


def _is_local(error: OSError) -> bool:
    """True if it is about this machine, as far as it tells: what fails of one file of many does not."""
    return not getattr(error, "is_remote", False)


def _has_gone(path: Optional[str], source: str) -> bool:
    """True if it is a file of a local source that went away meanwhile. The server may have something by the same path."""
    if path is None or not path.startswith("/"):
        return path is not None
    return bool(source) and f"{path}/".startswith(f"{source}/") and not os.path.lexists(path)


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
