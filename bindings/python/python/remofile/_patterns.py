"""Shell patterns, as :mod:`pathlib` of Python 3.13 reads them, whichever version runs."""

from __future__ import annotations

import fnmatch
import functools
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Optional

__all__ = ["full_match", "is_magic", "name_matches", "right_match", "split"]

_MAGIC = re.compile("[*?[]")


def is_magic(part: str) -> bool:
    """Tell whether a part of a pattern stands for more than itself."""
    return _MAGIC.search(part) is not None


def split(pattern: str) -> list[str]:
    """The parts of a relative pattern; the last is empty if only directories match.

    :raises ValueError: if the pattern has no parts.
    :raises NotImplementedError: if it is not relative.
    """
    if pattern.startswith("/"):
        raise NotImplementedError("Non-relative patterns are unsupported")
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if not parts:
        raise ValueError(f"Unacceptable pattern: {pattern!r}")
    return [*parts, ""] if pattern.endswith("/") else parts


@functools.lru_cache(maxsize=512)
def _compiled(pattern: str, case_sensitive: bool) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern), 0 if case_sensitive else re.IGNORECASE)


def name_matches(name: str, pattern: str, case_sensitive: Optional[bool] = None) -> bool:
    """Tell whether a pattern matches a name; ``**`` is as ``*`` there."""
    return _compiled(pattern, case_sensitive is not False).match(name) is not None


def right_match(path: Sequence[str], pattern: Sequence[str], is_whole: bool, case_sensitive: Optional[bool]) -> bool:
    """Tell whether parts of a pattern match the last parts of a path; all of them, if the whole must match."""
    if len(path) < len(pattern) or (is_whole and len(path) != len(pattern)):
        return False
    pairs = zip(reversed(path), reversed(pattern))
    return all(part == wanted if part == "/" else name_matches(part, wanted, case_sensitive) for part, wanted in pairs)


def full_match(path: Sequence[str], pattern: Sequence[str], case_sensitive: Optional[bool] = None) -> bool:
    """Tell whether a pattern matches a path, part by part. The root is an empty part in front, in both.

    ``**`` stands for any number of parts, and at the end for one at least.
    """
    # The places in the path that the pattern may have come to, so that many `**` take no more than their product.
    places = {0}
    for index, wanted in enumerate(pattern):
        if wanted == "**":
            is_last = index == len(pattern) - 1
            places = {end for start in places for end in _skipped(path, start, is_last)}
        else:
            places = {place + 1 for place in places if _part_matches(path, place, wanted, case_sensitive)}
    return len(path) in places


def _skipped(path: Sequence[str], start: int, is_last: bool) -> list[int]:
    """The places that `**` may lead to from one. The root alone is no part that it stands for."""
    if is_last:
        return [len(path)] if start < len(path) or not path else []
    return [end for end in range(start, len(path)) if end != 1 or start == 1 or path[0]]


def _part_matches(path: Sequence[str], place: int, wanted: str, case_sensitive: Optional[bool]) -> bool:
    if place >= len(path):
        return False
    # The root is matched by nothing but itself.
    return name_matches(path[place], wanted, case_sensitive) if path[place] else not wanted
