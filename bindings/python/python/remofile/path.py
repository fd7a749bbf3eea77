"""Paths at a server, with the interface of :mod:`pathlib`."""

from __future__ import annotations

from remofile._listing import asked_of
from remofile._looking import LookingPath, PathInfo
from remofile._paths import checked_name, content_of, remote, text_of
from remofile._pure import PurePath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import BufferedRandom, BufferedReader, BufferedWriter, TextIOWrapper
    from typing import IO, Any, BinaryIO, Literal, Optional, overload

    from _typeshed import (
        OpenBinaryMode,
        OpenBinaryModeReading,
        OpenBinaryModeUpdating,
        OpenBinaryModeWriting,
        OpenTextMode,
    )
    from typing_extensions import Self

    from remofile._calls import Calls
    from remofile._paths import RemotePath
    from remofile._pure import Segment
else:

    def overload(function):
        """For type checkers only."""
        return function


__all__ = ["PathInfo", "RemofilePath"]

#: Bytes that are moved at once, where they pass through this machine.
_PIECE = 1024 * 1024


class RemofilePath(LookingPath):
    """A path at a server: what :class:`pathlib.Path` of Python 3.13 is for this machine, with every version of Python.

    It is always absolute. It is no ``os.PathLike``, so that no function takes it for a path of this machine; every
    method of :class:`remofile.Client` takes it. Paths can be compared, sorted, hashed and pickled (with the client, and so
    with its token in clear).

    A path that came from a listing (:meth:`iterdir`, :meth:`glob`, :meth:`rglob`, :meth:`walk`) knows what the listing told of
    it: the first :meth:`stat`, :meth:`is_dir`, :meth:`is_file`, :meth:`is_symlink` and :meth:`exists` of it each take no trip to the
    server. When the same is asked again, the server is; :attr:`info` never asks it twice.

    :param client: the client of the server.
    :param path: an absolute path.
    :raises ValueError: if the path is not absolute. That no file can have it is seen when the server is asked: a
        :class:`remofile.FileNameError`.
    """

    __slots__ = ()

    @classmethod
    def from_uri(cls, uri: str, client: Calls) -> Self:
        """The path that a URL names, such as :meth:`as_uri` gives.

        :param str uri: the URL.
        :param client: the client of the server: a URL has no token.
        :raises ValueError: if it is no such URL, or names another server than the client's.
        """
        from urllib.parse import unquote, urlsplit

        from ._servers import authority

        found = urlsplit(uri)
        named = found.netloc.rpartition("@")[2].lower()
        if found.scheme != "remofile" or not named.strip(":"):
            raise ValueError(f"it is no URL of a path at a server: {uri!r}")
        own = authority(client.hostname, client.port)
        if authority(named, 6768) != own.lower():
            raise ValueError(f"it is a path at another server than {own}: {uri!r}")
        # Not cut at `?` and `#`: they may be in names.
        return cls(client, "/" + unquote(uri.split("//", 1)[1].partition("/")[2]))

    # Changing it.

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Create the directory.

        :param int mode: its permissions; by default as the server has it.
        :param bool parents: whether missing directories above are created, too.
        :param bool exist_ok: whether a directory that is there is no error.
        :raises FileExistsError: if the name is taken.
        :raises FileNotFoundError: if there is no directory above.
        """
        self._forget()
        try:
            self.client._native.make_directory(remote(self), False, parents, *self.client._limits(None))
        except FileExistsError:
            if not exist_ok or not self.is_dir():
                raise
        else:
            if mode != 0o777:
                self.chmod(mode)

    def touch(self, mode: int = 0o666, exist_ok: bool = True) -> None:
        """Create an empty file, or set the time of one, or of what a link leads to, to now.

        :param int mode: the permissions of a new one; by default as the server has it.
        :param bool exist_ok: whether a file that is there is no error.
        :raises FileExistsError: if it is there, and ``exist_ok`` is not set.
        """
        self._forget()
        is_new = mode != 0o666 and not self.exists()
        try:
            self.client._native.create_file(remote(self), exist_ok, *self.client._limits(None))
        except FileExistsError:
            if not exist_ok or not self.exists():
                raise
            asked_of(self.client, "utime")(self)
        if is_new:
            self.chmod(mode)

    def chmod(self, mode: int, *, follow_symlinks: bool = True) -> None:
        """Set the permissions.

        :param int mode: the permission bits, ``0o640`` for example.
        :param bool follow_symlinks: whether the target of a link is meant: it must be.
        :raises NotImplementedError: if links are not to be followed: they have none of their own.
        :raises FileNotFoundError: if there is nothing.
        """
        if not follow_symlinks:
            raise NotImplementedError("chmod: follow_symlinks unavailable on this platform")
        self._forget()
        asked_of(self.client, "chmod")(self, mode)

    def lchmod(self, mode: int) -> None:
        """Not possible at servers: links have no permissions of their own.

        :param int mode: the permission bits.
        :raises NotImplementedError: always.
        """
        self.chmod(mode, follow_symlinks=False)

    def hardlink_to(self, target: RemotePath) -> None:
        """Not possible at servers: see :meth:`symlink_to` and :meth:`copy`.

        :param target: what the link would lead to.
        :raises NotImplementedError: always.
        """
        raise NotImplementedError("servers make no hard links: symlink_to() and copy() are possible")

    def symlink_to(self, target: Segment, target_is_directory: bool = False) -> None:
        """Make it a link.

        :param target: what it leads to, from its own directory; a path at this server is made relative.
        :param bool target_is_directory: of no meaning at servers.
        :raises FileExistsError: if the name is taken.
        """
        if isinstance(target, PurePath):
            target = target.relative_to(self.parent, walk_up=True)
        self._forget()
        asked_of(self.client, "symlink")(text_of(target), self)

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete the file or link.

        :param bool missing_ok: whether it is no error if there is none.
        :raises FileNotFoundError: if there is none, and ``missing_ok`` is not set.
        :raises IsADirectoryError: if it is a directory.
        """
        self._forget()
        if self.is_dir() and not self.is_symlink():
            from errno import EISDIR

            raise IsADirectoryError(EISDIR, "it is a directory", str(self))
        try:
            self.client.delete_file(self)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rmdir(self) -> None:
        """Delete the directory, which must be empty.

        :raises FileNotFoundError: if there is none.
        :raises NotADirectoryError: if it is no directory.
        :raises OSError: with ``ENOTEMPTY``, if it is not empty.
        """
        self._forget()
        if self.exists(follow_symlinks=False) and not self.is_dir(follow_symlinks=False):
            from errno import ENOTDIR

            raise NotADirectoryError(ENOTDIR, "it is no directory", str(self))
        self.client.delete_file(self)

    def rmtree(self) -> None:
        """Delete the file or the directory, with all that is in it, as ``shutil.rmtree`` does.

        :raises FileNotFoundError: if there is nothing.
        """
        self._forget()
        self.client.delete_file(self, recursive=True)

    def rename(self, target: RemotePath) -> Self:
        """Rename it. Unlike that of :mod:`pathlib`, a file that is in the way is an error: see :meth:`replace`.

        :param target: the new path.
        :return: the new path.
        :raises FileNotFoundError: if there is nothing.
        :raises FileExistsError: if the name is taken.
        """
        return self._rename(target, replace=False)

    def replace(self, target: RemotePath) -> Self:
        """Rename it; a file that is in the way is replaced.

        :param target: the new path.
        :return: the new path.
        :raises FileNotFoundError: if there is nothing.
        :raises FileExistsError: if a directory is in the way, even an empty one.
        """
        return self._rename(target, replace=True)

    def copy(self, target: RemotePath, *, follow_symlinks: bool = True, preserve_metadata: bool = False) -> Self:
        """Copy the file, or the directory with its contents, as :mod:`pathlib` of Python 3.14 does.

        Within one server nothing of it passes through this machine. A file that is in the way is replaced.

        :param target: the path of the copy, at this server or, as a :class:`RemofilePath`, at another.
        :param bool follow_symlinks: whether links are copied as what they lead to.
        :param bool preserve_metadata: whether the copy gets permissions and time, too.
        :return: the path of the copy.
        :raises FileNotFoundError: if there is nothing, or no directory for the copy.
        :raises FileExistsError: if a directory is in the way.
        """
        new = self._target(target)
        _copy(self, new, follow_symlinks, preserve_metadata)
        return new

    def copy_into(
        self, target_dir: RemotePath, *, follow_symlinks: bool = True, preserve_metadata: bool = False
    ) -> Self:
        """Copy it into a directory, under its name: errors are those of :meth:`copy`.

        :param target_dir: the directory.
        :param bool follow_symlinks: whether links are copied as what they lead to.
        :param bool preserve_metadata: whether the copy gets permissions and time, too.
        :return: the path of the copy.
        """
        new = self._into(target_dir)
        return self.copy(new, follow_symlinks=follow_symlinks, preserve_metadata=preserve_metadata)

    def move(self, target: RemotePath) -> Self:
        """Move the file or directory, be it to another server. A file that is in the way is replaced.

        :param target: the new path, at this server or, as a :class:`RemofilePath`, at another.
        :return: the new path.
        :raises FileNotFoundError: if there is nothing.
        """
        new = self._target(target)
        if new.client == self.client:
            return self.replace(new)
        copied = self.copy(new, follow_symlinks=False, preserve_metadata=True)
        self.rmtree()
        return copied

    def move_into(self, target_dir: RemotePath) -> Self:
        """Move it into a directory, under its name: errors are those of :meth:`move`.

        :param target_dir: the directory.
        :return: the new path.
        """
        return self.move(self._into(target_dir))

    # Content.

    @overload
    def open(
        self,
        mode: OpenTextMode = "r",
        buffering: int = -1,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> TextIOWrapper: ...

    @overload
    def open(
        self,
        mode: OpenBinaryModeUpdating,
        buffering: Literal[-1, 1] = -1,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> BufferedRandom: ...

    @overload
    def open(
        self,
        mode: OpenBinaryModeWriting,
        buffering: Literal[-1, 1] = -1,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> BufferedWriter: ...

    @overload
    def open(
        self,
        mode: OpenBinaryModeReading,
        buffering: Literal[-1, 1] = -1,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> BufferedReader: ...

    @overload
    def open(
        self,
        mode: OpenBinaryMode,
        buffering: int = -1,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> BinaryIO: ...

    @overload
    def open(
        self,
        mode: str,
        buffering: int = -1,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> IO[Any]: ...

    def open(
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
        *,
        strict: bool = False,
        follow: bool = False,
    ) -> IO[Any]:
        """Open the file, as the function ``open`` opens one of this machine: errors are those of :meth:`remofile.Client.open`.

        :param str mode: ``r``, ``w``, ``a`` or ``x``, with ``b`` for bytes, and ``+`` for reading and writing.
        :param int buffering: bytes of the buffer on this side; 0 for none (binary only), 1 for that of a line (text only).
        :param encoding, errors, newline: as for the function ``open``.
        :param strict, follow: as for :meth:`remofile.Client.open`.
        """
        self._forget()
        return self.client.open(self, mode, buffering, encoding, errors, newline, strict=strict, follow=follow)

    def read_bytes(self) -> bytes:
        """The content of the file.

        :raises FileNotFoundError: if there is no such file.
        """
        return self.client.read_bytes(self)

    def read_text(
        self, encoding: Optional[str] = None, errors: Optional[str] = None, newline: Optional[str] = None
    ) -> str:
        """The content of the file as text.

        :param encoding, errors, newline: as for the function ``open``.
        :raises FileNotFoundError: if there is no such file.
        """
        with self.client.open(self, "r", -1, encoding, errors, newline) as file:
            content: str = file.read()
            return content

    def write_bytes(self, data: bytes) -> int:
        """Make the file of some content, in place of what was there.

        :param data: bytes, or what has them in memory.
        :return: how many bytes that are.
        """
        content = content_of(data)
        self._forget()
        self.client.write_bytes(self, content)
        return len(content)

    def write_text(
        self,
        data: str,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> int:
        """Make the file of some text, in place of what was there.

        :param str data: the text.
        :param encoding, errors, newline: as for the function ``open``.
        :return: how many characters that are.
        :raises TypeError: if it is no text.
        """
        if not isinstance(data, str):
            raise TypeError(f"data must be str, not {type(data).__name__}")
        with self.open("w", encoding=encoding, errors=errors, newline=newline) as file:
            file.write(data)
        return len(data)

    # Other paths.

    def _target(self, target: RemotePath) -> Self:
        """The path of a copy: at the server that it names, or at this one."""
        if isinstance(target, type(self)):
            return target
        return self.with_segments(remote(target))

    def _into(self, directory: RemotePath) -> Self:
        if not self.name:
            raise ValueError(f"{self!r} has an empty name")
        return self._target(directory) / self.name

    def _rename(self, target: RemotePath, *, replace: bool) -> Self:
        new = self._target(target)
        if new.client != self.client:
            from errno import EXDEV

            raise OSError(EXDEV, "it is a path at another server: move() goes there", str(self), None, str(new))
        if new.name:
            checked_name(new.name)
        self._forget()
        self.client.rename(self, new, replace=replace)
        return self.with_segments(new)


def _copy(source: RemofilePath, target: RemofilePath, follow_symlinks: bool, preserve_metadata: bool) -> None:
    """Copies a file or a directory: see :meth:`remofile.RemofilePath.copy`."""
    is_within = source.client == target.client
    if is_within:
        _check_apart(source, target)
    if source.is_symlink() and not follow_symlinks:
        target.symlink_to(_text_of_link(source))
        return
    if not source.is_dir():
        _copy_file(source, target, is_within)
    elif is_within and hasattr(source.client, "copy"):
        asked_of(source.client, "copy")(source, target, recursive=True)
        return
    else:
        target.mkdir()
        for child in source.iterdir():
            _copy(child, target / child.name, follow_symlinks, preserve_metadata)
    if preserve_metadata:
        _preserve(source, target)


def _copy_file(source: RemofilePath, target: RemofilePath, is_within: bool) -> None:
    if is_within and hasattr(source.client, "copy"):
        asked_of(source.client, "copy")(source, target, replace=True)
        return
    # Half of it never takes a file's place: the block discards what it could not finish.
    with source.open("rb") as old, target.open("wb") as new:
        while piece := old.read(_PIECE):
            new.write(piece)


def _preserve(source: RemofilePath, target: RemofilePath) -> None:
    found = source.stat()
    asked_of(target.client, "chmod")(target, found.st_mode & 0o7777)
    asked_of(target.client, "utime")(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def _text_of_link(link: RemofilePath) -> str:
    return str(asked_of(link.client, "readlink")(link))


def _check_apart(source: RemofilePath, target: RemofilePath) -> None:
    """Raises what pathlib does if one is the other, or in the other."""
    from errno import EINVAL

    if target == source:
        raise OSError(EINVAL, "source and target are the same path", str(source), None, str(target))
    if target.is_relative_to(source):
        raise OSError(EINVAL, "the target is within the source", str(source), None, str(target))
