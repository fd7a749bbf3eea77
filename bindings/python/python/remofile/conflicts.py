"""Files in the way of a transfer, and what becomes of them."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Optional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Union

    #: A rule for all files in the way, or a function that decides about each.
    ConflictRule = Union[str, "OnConflict", Callable[["Conflict"], Union[str, "OnConflict"]]]

__all__ = ["Conflict", "ConflictingFile", "OnConflict"]


class OnConflict(str, Enum):
    """The treatment of a file in the way. Each is a text, which may be given in its place."""

    #: Nothing at all is changed.
    ABORT = "abort"
    #: The new file takes its place, when it is complete and checked.
    REPLACE = "replace"
    #: It stays, and the new file is left out.
    SKIP = "skip"
    #: It stays, and the new file gets a free name such as ``name (1).txt``.
    RENAME = "rename"
    #: It is replaced if it is older, and stays otherwise.
    NEWER = "newer"


class ConflictingFile(NamedTuple):
    """One of the two files of a conflict."""

    #: Whether it is a directory.
    is_directory: bool
    #: Its size in bytes.
    size: int
    #: When it was last modified, in seconds since 1970, as ``st_mtime`` has it.
    modified: float
    #: Its permission bits; ``None`` if they are not known.
    mode: Optional[int] = None


class Conflict(NamedTuple):
    """A file that is in the way of another one."""

    #: Its path below the destination.
    path: str
    #: The file that is there.
    existing: ConflictingFile
    #: The file that is to take its place.
    new: ConflictingFile


def rule_of(on_conflict: ConflictRule) -> tuple[dict[str, object], Optional[Callable[..., str]]]:
    """The settings of a transfer for files in the way, and the function that the native side asks."""
    if isinstance(on_conflict, str):
        return {"on_conflict": _checked(on_conflict)}, None
    if not callable(on_conflict):
        raise TypeError("on_conflict must be a rule, or a function of a conflict")
    decide = on_conflict

    def resolve(path: str, existing: tuple[object, ...], new: tuple[object, ...]) -> str:
        return _checked(decide(Conflict(path, _file(*existing), _file(*new))))  # type: ignore[arg-type]

    return {"ask": True}, resolve


def _file(kind: str, size: int, modified: float, mode: Optional[int]) -> ConflictingFile:
    return ConflictingFile(kind == "directory", size, modified, mode)


def _checked(decision: object) -> str:
    try:
        return OnConflict(decision).value
    except ValueError:
        rules = ", ".join(rule.value for rule in OnConflict)
        raise ValueError(f"on_conflict must be one of {rules}, not {decision!r}") from None
