"""The options of transfers: those of the commands ``upload``, ``download`` and ``sync``, under names of Python."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Optional, TypedDict, Union

    from remofile._paths import LocalPath
    from remofile._progress import Progress
    from remofile.conflicts import ConflictRule

    class LineOptions(TypedDict, total=False):
        """The way in which content crosses the line."""

        compress: Union[bool, int, None]
        bytes_per_second: Optional[int]
        preserve_mode: bool
        archive: bool
        owner: bool
        xattrs: bool
        numeric_ids: bool
        hard_links: bool
        devices: bool
        encode_names: bool
        retries: int
        strict: bool

    class RuleOptions(TypedDict, total=False):
        """The rules of what is left out, in the notation of gitignore; of the rules that match the last decides."""

        exclude: Iterable[Union[str, os.PathLike[str]]]
        include: Iterable[Union[str, os.PathLike[str]]]
        exclude_from: Optional[LocalPath]
        links: str

    class FilesUploadOptions(LineOptions, RuleOptions, total=False):
        """The options of an upload of many files."""

        overwrite: bool
        resume: bool
        sparse: bool
        min_size: Optional[int]
        max_size: Optional[int]
        transfers: int
        dry_run: bool
        link_dest: Optional[str]

    class TransferOptions(FilesUploadOptions, total=False):
        """The options of every upload and download."""

        on_conflict: ConflictRule

    class CopyToOptions(RuleOptions, total=False):
        """The options of a copy from one server to another."""

        preserve_mode: bool
        bytes_per_second: Optional[int]
        retries: int
        strict: bool
        resume: bool
        min_size: Optional[int]
        max_size: Optional[int]

    class ReceiveOptions(TypedDict, total=False):
        """The way in which what comes is stored on this side."""

        fsync: str
        partial_expiry: float

    class DownloadOptions(TransferOptions, ReceiveOptions, total=False):
        """The options of every download."""

    class FilesDownloadOptions(FilesUploadOptions, ReceiveOptions, total=False):
        """The options of a download of many files."""

    class CallOptions(TypedDict, total=False):
        """The options of a synchronisation besides those of transfers."""

        timeout: Optional[int]
        deadline: Optional[int]
        progress: Optional[Progress]
        chunk_size: int
        process_chunk: Optional[Callable[[bytes, int, int, str], Any]]

    class SyncOptions(CallOptions, LineOptions, RuleOptions, total=False):
        """The options of a synchronisation."""

        delete: bool
        max_delete: Optional[int]
        dry_run: bool
        checksum: bool
        size_only: bool
        update: bool
        existing: bool
        ignore_existing: bool
        modify_window: float
        backup_dir: Optional[str]
        whole_file: Optional[bool]
        files_from: Union[LocalPath, Iterable[Union[str, os.PathLike[str]]], None]
        resume: bool
        sparse: bool
        min_size: Optional[int]
        max_size: Optional[int]
        transfers: int
        link_dest: Optional[str]

    class SyncDownloadOptions(SyncOptions, ReceiveOptions, total=False):
        """The options of a synchronisation with a server's directory."""


_ATTRIBUTES = {"preserve_mode", "archive", "owner", "xattrs", "numeric_ids"}
_AS_THEY_ARE = {"hard_links", "devices", "encode_names"}
_LINE = {"compress", "bytes_per_second", "retries", "strict", "links"} | _ATTRIBUTES | _AS_THEY_ARE
_RULES = {"exclude", "include", "exclude_from"}
_RECEIVE = {"fsync", "partial_expiry"}
_BOTH = frozenset(_LINE | _RULES | {"resume", "sparse", "min_size", "max_size", "transfers", "dry_run"})
#: The options of an upload; those about conflicts are settled before.
UPLOAD = _BOTH | {"link_dest"}
DOWNLOAD = _BOTH | _RECEIVE
_SYNC = frozenset(
    _LINE
    | _RULES
    | {"delete", "max_delete", "dry_run", "checksum", "size_only", "update", "existing", "ignore_existing"}
    | {"modify_window", "backup_dir", "whole_file", "files_from"}
    | {"resume", "sparse", "min_size", "max_size", "transfers"}
)
SYNC_UPLOAD = _SYNC | {"link_dest"}
SYNC_DOWNLOAD = _SYNC | _RECEIVE

#: The options of a copy from one server to another.
COPY_TO = frozenset(
    _RULES | {"preserve_mode", "bytes_per_second", "retries", "strict", "links", "resume", "min_size", "max_size"}
)

#: The level of compression if none is chosen.
_LEVEL = 3


def settings_of(function: str, options: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The options as the native side wants them.

    :raises TypeError: for one that the function does not have.
    :raises ValueError: for a value that is none of its.
    """
    for name in options:
        if name not in known:
            if name in _RECEIVE:
                raise TypeError(f"{function}() has no {name}: {name} is an option of downloads, and a server has its own")
            if known >= _SYNC and name in ("on_conflict", "overwrite"):
                raise TypeError(f"{function}() has no {name}: it replaces what is other; see update and ignore_existing")
            raise TypeError(f"{function}() got an unexpected keyword argument '{name}'")
    settings = dict(options)
    rules = _lines("exclude", settings.pop("exclude", ()))
    rules += ["!" + rule for rule in _lines("include", settings.pop("include", ()))]
    path = settings.pop("exclude_from", None)
    if path is not None:
        with open(path, encoding="utf-8-sig") as file:
            rules += file.read().splitlines()
    if rules:
        settings["exclude"] = rules
    paths = settings.pop("files_from", None)
    if paths is not None:
        settings["listed"] = _listed(paths)
    compress = settings.get("compress")
    if compress is True or compress is False:
        settings["compress"] = _LEVEL if compress else None
    for name in ("compress", "min_size", "max_size", "bytes_per_second", "retries", "transfers", "max_delete"):
        _check_number(name, settings.get(name))
    least, most = settings.get("min_size"), settings.get("max_size")
    if least is not None and most is not None and least > most:
        raise ValueError("no file is as large as min_size and as small as max_size")
    if "backup_dir" in settings:
        settings["backup"] = settings.pop("backup_dir")
    return settings


def _listed(paths: Union[LocalPath, Iterable[Union[str, os.PathLike[str]]]]) -> list[str]:
    """The paths of a list, which is a file or comes as it is: relative, with slashes, without those that stand for nothing."""
    if isinstance(paths, (str, os.PathLike)):
        with open(paths, encoding="utf-8-sig") as file:
            paths = file.read().split("\n")
    lines = [os.fspath(path).removesuffix("\r") for path in paths]
    return ["/".join(name for name in line.split("/") if name not in ("", ".")) for line in lines if line]


def _lines(name: str, rules: Iterable[Union[str, os.PathLike[str]]]) -> list[str]:
    if isinstance(rules, (str, bytes)):
        # Its letters would be taken for patterns, and a single '*' leaves out everything.
        raise TypeError(f"{name} is a sequence of patterns, not a single one")
    return [os.fspath(rule) for rule in rules]


def _check_number(name: str, number: object) -> None:
    if number is None:
        return
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise TypeError(f"{name} must be a whole number, not {number!r}")
    if number < 0:  # type: ignore[operator]
        raise ValueError(f"{name} must not be negative")
    if number >= 2**63:  # type: ignore[operator]
        raise ValueError(f"{name} must be less than 2**63")
