"""The part of a path at a server that asks no server: its names, and other paths made of it."""

from __future__ import annotations

import posixpath
from pathlib import PurePosixPath

from remofile import _patterns
from remofile._paths import absolute, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Optional, Union

    from typing_extensions import Self

    from remofile._calls import Calls
    from remofile._paths import RemotePath

    Segment = Union[RemotePath, PurePosixPath]

__all__ = ["PurePath"]


class PurePath:
    """The names of an absolute path: the base of :class:`remofile.RemofilePath`."""

    __slots__ = ("_parsed", "_text", "client")

    #: The module of Python's library whose rules paths follow.
    parser: ModuleType = posixpath

    def __init__(self, client: Calls, path: RemotePath = "/") -> None:
        #: The client that it is reached through.
        self.client = client
        # Whether a server can have it is seen when one is asked, as pathlib has it.
        self._text = absolute(path)
        self._parsed: Optional[PurePosixPath] = None

    def with_segments(self, *segments: Segment) -> Self:
        """A path at the same server, made of ``segments`` as ``PurePath(*segments)`` is.

        What overrides it decides of which class the paths are that are made of this one.

        :raises ValueError: if it is not absolute.
        """
        return type(self)(self.client, posixpath.join(*map(text_of, segments)) if segments else "")

    @property
    def _remote_path(self) -> str:
        return self._text

    @property
    def _path(self) -> PurePosixPath:
        # Listings make many paths, of which few are asked for their names.
        if self._parsed is None:
            self._parsed = PurePosixPath(self._text)
        return self._parsed

    # Its names.

    @property
    def name(self) -> str:
        """The last name; empty for the root."""
        return self._path.name

    @property
    def stem(self) -> str:
        """The last name without its suffix."""
        return self._path.stem

    @property
    def suffix(self) -> str:
        """The last suffix of the name, with the dot."""
        return self._path.suffix

    @property
    def suffixes(self) -> list[str]:
        """All suffixes of the name."""
        return self._path.suffixes

    @property
    def parts(self) -> tuple[str, ...]:
        """The root and the names."""
        return self._path.parts

    @property
    def drive(self) -> str:
        """Empty: there are no drives at a server."""
        return ""

    @property
    def root(self) -> str:
        """``/``."""
        return "/"

    @property
    def anchor(self) -> str:
        """``/``."""
        return "/"

    @property
    def parent(self) -> Self:
        """The directory that it is in; the root itself for the root."""
        return self.with_segments(self._path.parent)

    @property
    def parents(self) -> tuple[Self, ...]:
        """The directories above it, from its own up to the root."""
        return tuple(self.with_segments(parent) for parent in self._path.parents)

    def is_absolute(self) -> bool:
        """``True``: every path at a server is absolute."""
        return True

    # Other paths made of it.

    def joinpath(self, *segments: Segment) -> Self:
        """Another path, taken from this one.

        :param segments: its names; an absolute one takes the place of what is before it.
        """
        return self.with_segments(self._path, *segments)

    def __truediv__(self, segment: Segment) -> Self:
        try:
            return self.joinpath(segment)
        except TypeError:
            return NotImplemented

    def __rtruediv__(self, segment: Segment) -> Self:
        try:
            return self.with_segments(segment, self._path)
        except TypeError:
            return NotImplemented

    def with_name(self, name: str) -> Self:
        """The path with another last name.

        :param str name: the name.
        :raises ValueError: if that is no name, or this is the root.
        """
        return self.with_segments(self._path.with_name(name))

    def with_stem(self, stem: str) -> Self:
        """The path with another last name, up to the suffix.

        :param str stem: the name without the suffix.
        :raises ValueError: if that makes no name, or this is the root.
        """
        if not stem and self.suffix:
            # As pathlib has it since Python 3.13: `.txt` would be a name without a suffix.
            raise ValueError(f"{str(self)!r} has a non-empty suffix")
        return self.with_segments(self._path.with_stem(stem))

    def with_suffix(self, suffix: str) -> Self:
        """The path with another suffix, which begins with a dot; with none, if it is empty.

        :param str suffix: the suffix.
        :raises ValueError: if that is no suffix, or this is the root.
        """
        return self.with_segments(self._path.with_suffix(suffix))

    def relative_to(self, other: RemotePath, *, walk_up: bool = False) -> PurePosixPath:
        """The names that lead here from another path.

        :param other: the other path.
        :param bool walk_up: whether they may begin with ``..``.
        :raises ValueError: if it is not below the other path, and ``walk_up`` is not set.
        """
        base = PurePosixPath(absolute(other))
        if not walk_up:
            return self._path.relative_to(base)
        for steps, above in enumerate([base, *base.parents]):
            if self._path.is_relative_to(above):
                return PurePosixPath(*[".."] * steps, self._path.relative_to(above))
            if above.name == "..":
                raise ValueError(f"'..' segment in {str(base)!r} cannot be walked")
        raise AssertionError("every absolute path is below the root")

    def is_relative_to(self, other: RemotePath) -> bool:
        """Tell whether it is the ``other`` path, or below it."""
        return self._path.is_relative_to(absolute(other))

    def match(self, pattern: Segment, *, case_sensitive: Optional[bool] = None) -> bool:
        """Tell whether a shell pattern matches it: a relative one the last names, an absolute one all. ``**`` is as ``*``.

        :param pattern: the pattern.
        :param bool case_sensitive: ``False`` for names in upper and lower case alike.
        :raises ValueError: if the pattern is empty.
        """
        wanted = PurePosixPath(text_of(pattern))
        if not wanted.parts:
            raise ValueError("empty pattern")
        return _patterns.right_match(self.parts, wanted.parts, bool(wanted.root), case_sensitive)

    def full_match(self, pattern: Segment, *, case_sensitive: Optional[bool] = None) -> bool:
        """Tell whether a shell pattern matches the whole path; ``**`` stands for any number of names.

        :param pattern: the pattern.
        :param bool case_sensitive: ``False`` for names in upper and lower case alike.
        """
        wanted = PurePosixPath(text_of(pattern))
        return _patterns.full_match(_components(self._path), _components(wanted), case_sensitive)

    # As a text, and beside others.

    def as_posix(self) -> str:
        """The path as a text."""
        return self._text

    def as_uri(self) -> str:
        """The path as a URL with the server in it, as fsspec takes it."""
        from urllib.parse import quote

        from ._servers import authority

        return f"remofile://{authority(self.client.hostname, self.client.port)}{quote(self._text)}"

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._text!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[Calls, str]]:
        return type(self), (self.client, self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PurePath):
            return NotImplemented
        return self._text == other._text and self.client == other.client

    def __hash__(self) -> int:
        return hash((self._text, self.client))

    # Paths at different servers have no order, as those of different systems have none.

    def __lt__(self, other: PurePath) -> bool:
        return self._path < other._path if self._is_beside(other) else NotImplemented

    def __le__(self, other: PurePath) -> bool:
        return self._path <= other._path if self._is_beside(other) else NotImplemented

    def __gt__(self, other: PurePath) -> bool:
        return self._path > other._path if self._is_beside(other) else NotImplemented

    def __ge__(self, other: PurePath) -> bool:
        return self._path >= other._path if self._is_beside(other) else NotImplemented

    def _is_beside(self, other: object) -> bool:
        return isinstance(other, PurePath) and self.client == other.client


def _components(path: PurePosixPath) -> list[str]:
    """The parts of a path; the root is an empty one in front."""
    return ["" if part == "/" else part for part in path.parts] if len(path.parts) != 1 or not path.root else ["", ""]
