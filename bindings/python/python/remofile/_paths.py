"""Paths and names, as callers give them."""

from __future__ import annotations

import os
from contextlib import contextmanager

from remofile._remofile import check_file_name
from remofile.exceptions import FileNameError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Protocol, Union

    class HasRemotePath(Protocol):
        """A path of a client: a :class:`remofile.RemofilePath`."""

        @property
        def _remote_path(self) -> str: ...

    #: A path of this machine.
    LocalPath = Union[str, "os.PathLike[str]"]
    #: A path at the server.
    RemotePath = Union[str, "os.PathLike[str]", HasRemotePath]


def is_nothing(error: OSError) -> bool:
    """True if there is nothing at the path that an error is about.

    That goes for one that no file can have, with a NUL or ``..`` in it for example, and for one behind links that form a loop.
    """
    from errno import ELOOP

    return isinstance(error, (FileNotFoundError, NotADirectoryError, FileNameError)) or error.errno == ELOOP


def remote(path: RemotePath, what: str = "Path") -> str:
    """An absolute path at the server, in its one form.

    :raises ValueError: if it is not absolute.
    :raises FileNameError: if it is no UTF-8.
    """
    text = absolute(path, what)
    if not is_utf8(text):
        from errno import EINVAL

        raise FileNameError(EINVAL, "the name is not UTF-8", text)
    return text


def absolute(path: RemotePath, what: str = "Path") -> str:
    """An absolute path in its one form, be it one that no server can have.

    :raises ValueError: if it is not absolute.
    """
    text = text_of(path)
    if not text.startswith("/"):
        raise ValueError(f"{what} must be an absolute path")
    return "/" + "/".join(part for part in text.split("/") if part not in ("", "."))


def text_of(path: RemotePath) -> str:
    """A path at the server as a text."""
    own = getattr(path, "_remote_path", None)
    if isinstance(own, str):
        return own
    text = os.fspath(path)  # type: ignore[arg-type]
    if not isinstance(text, str):
        raise TypeError("paths at the server are texts")
    return text


def local(path: LocalPath) -> str:
    """An absolute path of this machine. An empty one stays empty, and names nothing: it is mostly one that is not set."""
    text = os.fsdecode(path)
    return os.path.abspath(text) if text else text


def is_utf8(text: str) -> bool:
    """True if a name has no bytes that are no UTF-8, which Python has as halves of surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def content_of(data: Any) -> bytes:
    """Returns what is bytes, as such; nothing that could be made into some."""
    return data if isinstance(data, bytes) else bytes(memoryview(data))


def child(directory: str, name: str) -> str:
    """A name below a directory.

    :raises FileNameError: if the name is not valid.
    """
    return f"{directory.rstrip('/')}/{checked_name(name)}"


def checked_name(name: str, every: bool = False) -> str:
    """The name itself, if it is one. Which characters it may have is the server's affair, unless every server is to admit it.

    :raises FileNameError: if it is not valid.
    """
    from errno import EINVAL

    if not isinstance(name, str):
        raise TypeError(f"a name must be a text, not {type(name).__name__}")
    problem = check_file_name(name, every) if is_utf8(name) else "the name is not UTF-8"
    if "/" in name:
        problem = "a name has no '/' in it: it is no path"
    if problem is not None:
        raise FileNameError(EINVAL, problem, name)
    return name


def below_root(path: str) -> str:
    """A path that is removed or renamed: not the root directory.

    :raises FileNameError: if it is.
    """
    if path == "/":
        from errno import EINVAL

        raise FileNameError(EINVAL, "it is the root directory: name what is in it", path)
    return path


@contextmanager
def two_paths(source: str, destination: str) -> Iterator[None]:
    """Name both paths in what a call raises that is about both, as :func:`os.rename` does."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            error.filename, error.filename2 = source, destination
        raise


def base_name(path: str) -> str:
    """The last name of a path."""
    return path.rstrip("/").rpartition("/")[2]
