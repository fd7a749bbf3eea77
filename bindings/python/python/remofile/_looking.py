"""The part of a path at a server that looks at what is there."""

from __future__ import annotations

import stat as _stat

from remofile._listing import Entry, Search, asked_of, is_link, list_entries, lookup, raise_broken, raise_missing
from remofile._paths import text_of
from remofile._patterns import split
from remofile._pure import PurePath

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from typing import Optional

    from typing_extensions import Self

    from remofile._calls import Calls
    from remofile._paths import RemotePath
    from remofile._pure import Segment

__all__ = ["LookingPath", "PathInfo"]


class LookingPath(PurePath):
    """A path that can be looked at: the base of :class:`remofile.RemofilePath`."""

    __slots__ = ("_asked", "_entry", "_info")

    def __init__(self, client: Calls, path: RemotePath = "/") -> None:
        super().__init__(client, path)
        self._entry: Optional[Entry] = None
        self._asked: tuple[str, ...] = ()
        self._info: Optional[PathInfo] = None

    # What is there.

    @property
    def info(self) -> PathInfo:
        """Returns what is known of it: of a path from a listing what that told, of another what the server says when it is asked first."""
        if self._info is None:
            self._info = PathInfo(self, self._entry)
        return self._info

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Tell type, permissions, size and time, as ``os.stat`` does.

        :param bool follow_symlinks: whether a link's target is meant, or the link itself.
        :raises FileNotFoundError: if there is nothing, or a link that leads nowhere.
        """
        entry = self._told("stat" if follow_symlinks else "lstat")
        if entry is not None and (follow_symlinks or not entry.is_link):
            return entry.stat()
        if not follow_symlinks:
            result: os.stat_result = asked_of(self.client, "lstat")(self)
            return result
        result = self.client.stat(self)
        if _stat.S_ISLNK(result.st_mode):
            raise_broken(str(self))
        return result

    def lstat(self) -> os.stat_result:
        """Tell type, permissions, size and time of the path itself, be it a link.

        :raises FileNotFoundError: if there is nothing.
        """
        return self.stat(follow_symlinks=False)

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether there is something; a link that leads nowhere is nothing, unless links are not followed.

        :param bool follow_symlinks: whether a link's target is meant, or the link itself.
        """
        return self._seen("exists", follow_symlinks).exists(follow_symlinks=follow_symlinks)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether it is a directory.

        :param bool follow_symlinks: whether a link's target is meant, or the link itself.
        """
        return self._seen("is_dir", follow_symlinks).is_dir(follow_symlinks=follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether it is a regular file.

        :param bool follow_symlinks: whether a link's target is meant, or the link itself.
        """
        return self._seen("is_file", follow_symlinks).is_file(follow_symlinks=follow_symlinks)

    def is_symlink(self) -> bool:
        """Tell whether it is a link."""
        return self._seen("is_symlink", False).is_symlink()

    def is_fifo(self) -> bool:
        """Tell whether it is something else than a file, a directory or a link: servers do not say what."""
        entry = self._told("is_fifo") or lookup(self.client, str(self))
        return entry is not None and entry.kind == "special"

    def is_socket(self) -> bool:
        """``False``: see :meth:`is_fifo`."""
        return False

    def is_block_device(self) -> bool:
        """``False``: see :meth:`is_fifo`."""
        return False

    def is_char_device(self) -> bool:
        """``False``: see :meth:`is_fifo`."""
        return False

    def is_mount(self) -> bool:
        """Tell whether it is the root, the one directory that servers tell to be the top of something."""
        return not self.name

    def is_junction(self) -> bool:
        """``False``: there are none at servers."""
        return False

    def samefile(self, other: RemotePath) -> bool:
        """Tell whether another path leads to the same file or directory, through links. Hard links are not recognised.

        :param other: the other path.
        :raises FileNotFoundError: if there is nothing at one of them.
        """
        there = other if isinstance(other, LookingPath) else self.with_segments(other)
        return self.client == there.client and self.resolve(strict=True) == there.resolve(strict=True)

    def owner(self, *, follow_symlinks: bool = True) -> str:
        """Not possible at servers, which do not tell owners.

        :param bool follow_symlinks: whether a link's target is meant.
        :raises NotImplementedError: always.
        """
        raise NotImplementedError("servers do not tell owners")

    def group(self, *, follow_symlinks: bool = True) -> str:
        """Not possible at servers, which do not tell groups.

        :param bool follow_symlinks: whether a link's target is meant.
        :raises NotImplementedError: always.
        """
        raise NotImplementedError("servers do not tell groups")

    def absolute(self) -> Self:
        """The path itself, which is absolute."""
        return self

    def expanduser(self) -> Self:
        """The path itself: users have no homes at a server."""
        return self

    def resolve(self, strict: bool = False) -> Self:
        """The path without links and ``..`` in it.

        :param bool strict: whether all of it must exist.
        :raises FileNotFoundError: if it does not, and ``strict`` is set.
        :raises OSError: with ``ELOOP``, if links lead in a circle.
        """
        from remofile._links import resolve

        return self.with_segments(resolve(self.client, str(self), strict))

    def readlink(self) -> Self:
        """The path that a link leads to, taken from the directory of the link.

        :raises OSError: with ``EINVAL``, if it is no link.
        """
        return self.parent.joinpath(asked_of(self.client, "readlink")(self))

    def iterdir(self) -> Iterator[Self]:
        """The entries of the directory.

        :raises FileNotFoundError: if there is no such directory.
        :raises NotADirectoryError: if it is no directory.
        """
        return iter([self._at(entry) for entry in list_entries(self.client, str(self))])

    def glob(
        self, pattern: Segment, *, case_sensitive: Optional[bool] = None, recurse_symlinks: bool = False
    ) -> Iterator[Self]:
        """The paths below it that match a shell pattern.

        No more is asked for than the pattern needs: one listing for ``*.txt`` and ``000/*.txt``, and one for all that is
        below with ``**``, which stands for any number of directories.

        :param pattern: a relative pattern. With ``/`` at the end only directories match.
        :param bool case_sensitive: ``False`` for names in upper and lower case alike.
        :param bool recurse_symlinks: whether ``**`` goes through links to directories.
        :raises ValueError: if the pattern is empty.
        :raises NotImplementedError: if it is absolute, or has ``..`` in it.
        """
        parts = split(text_of(pattern))
        if ".." in parts:
            raise NotImplementedError("'..' in patterns is unsupported")
        search = Search(self.client, case_sensitive, recurse_symlinks)
        return map(self._at, search.run(str(self), parts))

    def rglob(
        self, pattern: Segment, *, case_sensitive: Optional[bool] = None, recurse_symlinks: bool = False
    ) -> Iterator[Self]:
        """The paths anywhere below it that match a shell pattern: as :meth:`glob` with ``**/`` in front, in one listing.

        :param pattern: a relative pattern.
        :param bool case_sensitive: ``False`` for names in upper and lower case alike.
        :param bool recurse_symlinks: whether links to directories are gone through.
        """
        text = text_of(pattern)
        split(text.rstrip("/") and text)
        return self.glob(f"**/{text}", case_sensitive=case_sensitive, recurse_symlinks=recurse_symlinks)

    def walk(
        self,
        top_down: bool = True,
        on_error: Optional[Callable[[OSError], object]] = None,
        follow_symlinks: bool = False,
    ) -> Iterator[tuple[Self, list[str], list[str]]]:
        """All directories from this one on, each with the names of the directories and of the files in it.

        All comes in one listing. Names that are taken out of the list of directories, from above, are not walked into.
        Links to directories are among the files, unless they are followed.

        :param bool top_down: whether a directory comes before those in it, or after them.
        :param on_error: called with the error, if the directory or the target of a link cannot be listed; by default it is passed over.
        :param bool follow_symlinks: whether links to directories are walked into.
        """
        from remofile._links import walk

        for path, directories, files in walk(self.client, str(self), top_down, on_error, follow_symlinks):
            yield self.with_segments(path), directories, files

    # What it knows from a listing.

    def _at(self, entry: Entry) -> Self:
        path = self.with_segments(entry.path)
        path._entry = entry
        return path

    def _told(self, question: str) -> Optional[Entry]:
        """Returns what a listing told, for the first question of its kind."""
        if question in self._asked:
            # Whoever asks again wants to know how it is now.
            self._forget()
        elif self._entry is not None:
            self._asked += (question,)
        return self._entry

    def _forget(self) -> None:
        self._entry, self._asked, self._info = None, (), None

    def _seen(self, question: str, follow_symlinks: bool) -> PathInfo:
        return PathInfo(self, self._told(question if follow_symlinks else f"{question} itself"))


class PathInfo:
    """The knowledge of a path, as :attr:`pathlib.Path.info` of Python 3.14 has it: the server is asked once at most for each."""

    __slots__ = ("_entry", "_is_link", "_path")

    def __init__(self, path: LookingPath, entry: Optional[Entry]) -> None:
        self._path = path
        #: The entry with links followed; empty for nothing.
        self._entry: Optional[tuple[Entry, ...]] = None if entry is None else (entry,)
        self._is_link: Optional[bool] = None if entry is None else entry.is_link

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether there is something."""
        return any(entry.exists() for entry in self._found()) or (not follow_symlinks and self.is_symlink())

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether it is a directory."""
        return self._is("directory", follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether it is a regular file."""
        return self._is("file", follow_symlinks)

    def is_symlink(self) -> bool:
        """Tell whether it is a link."""
        if self._is_link is None:
            self._is_link = is_link(self._path.client, str(self._path))
        return self._is_link

    def stat(self) -> os.stat_result:
        """The result of :meth:`RemofilePath.stat`.

        :raises FileNotFoundError: if there is nothing, or a link that leads nowhere.
        """
        for entry in self._found():
            return entry.stat()
        raise_missing(str(self._path))

    def _is(self, kind: str, follow_symlinks: bool) -> bool:
        is_kind = any(entry.kind == kind for entry in self._found())
        return is_kind and (follow_symlinks or not self.is_symlink())

    def _found(self) -> tuple[Entry, ...]:
        if self._entry is None:
            found = lookup(self._path.client, str(self._path))
            self._entry = () if found is None else (found,)
        return self._entry
