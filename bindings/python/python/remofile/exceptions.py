"""The exceptions of this package, apart from what every program with files meets (:class:`OSError` and its kin)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Optional

    from remofile._holder import Holder

__all__ = [
    "AuthenticationError",
    "BadRequestError",
    "ConnectError",
    "CorruptedResponse",
    "DestinationNotFound",
    "FileNameError",
    "FileSizeError",
    "IntegrityError",
    "MissingRightError",
    "QuotaExceededError",
    "RemofileException",
    "ServerBusyError",
    "SourceNotFound",
    "UnexpectedError",
    "UnlistedWarning",
]


class RemofileException(Exception):
    """The base of every exception that is about Remofile.

    What any file system may raise (``FileNotFoundError``, ``FileExistsError``, ``PermissionError``,
    ``TimeoutError``...) is raised as it is, with ``errno`` and ``filename``.
    """


class _NotFound(RemofileException):
    """Something that a transfer names is not there.

    :ivar int errno: ``ENOENT``.
    :ivar str filename: its path, where it is known.
    """

    errno = 2

    def __init__(self, message: str = "", filename: Optional[Any] = None) -> None:
        super().__init__(message)
        self.filename = filename


class SourceNotFound(_NotFound):
    """The source of a transfer does not exist, or is of another kind than the call is for.

    It has ``errno`` and ``filename``, as an ``OSError`` has, which it is not.
    """


class DestinationNotFound(_NotFound):
    """The destination of a transfer does not exist, or is not a directory.

    It has ``errno`` and ``filename``, as an ``OSError`` has, which it is not.
    """


class BadRequestError(RemofileException):
    """The server could make no sense of a request, or not at that time."""

    def __init__(self, message: str = "the server can make no sense of the request") -> None:
        super().__init__(message)


class CorruptedResponse(RemofileException):
    """The answer of the server is not one that the protocol has.

    :ivar str message: what is wrong with it.
    :ivar str error: what was raised when it was read.
    """

    def __init__(self, message: str, error: object) -> None:
        super().__init__(message, error)
        self.message = message
        self.error = error

    def __str__(self) -> str:
        return str(self.message)


class UnexpectedError(RemofileException):
    """The server could not do what was asked, for a reason that no other exception names.

    :ivar str message: what the server said.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class FileNameError(RemofileException, OSError):
    """A name that a server does not admit: see :func:`remofile.is_file_name_valid`."""


class FileSizeError(RemofileException, OSError, ValueError):
    """A file that is larger than the server allows."""


class IntegrityError(RemofileException, OSError):
    """The content that arrived is not what was sent, or the source changed meanwhile. Nothing was replaced."""


class QuotaExceededError(RemofileException, OSError):
    """The room that the token may use at the server is used up, with ``EDQUOT``: :meth:`remofile.Client.usage` tells how much it is.

    Nothing is to be seen of the file; what has arrived of it is kept for the next attempt, and counts.
    """


class AuthenticationError(RemofileException, PermissionError):
    """The server does not take the token or the key, or this client does not take the server's.

    The attribute ``kind`` tells more: ``wrong-token``, ``expired-token``, or ``token-revoked`` if the token was taken back or
    changed while it was in use.
    """


class MissingRightError(RemofileException, PermissionError):
    """The token does not give the right that a call needs: the message names both.

    :ivar frozenset rights: the rights that it gives: of ``read``, ``create``, ``replace`` and ``remove``.
    """

    rights: frozenset[str] = frozenset()


class ServerBusyError(RemofileException, OSError):
    """Others use a path, and it has not come free in time (``Client(..., wait=seconds)``).

    :ivar list holders: who, doing what, where, for how long: a :class:`remofile.Holder` each.
    """

    holders: Sequence[Holder] = ()


class ConnectError(RemofileException, ConnectionError, TimeoutError):
    """There is no Remofile server at that address.

    It is a ``TimeoutError``, too: a server that cannot be reached is one that does not answer in time.
    """


class UnlistedWarning(UserWarning):
    """Something in a directory could not be listed: its name is no UTF-8, has control characters, or it may not be read.

    The message has the names, as far as they can be written. It may be made an error, or silenced, as any warning:
    ``warnings.simplefilter("error", remofile.UnlistedWarning)``.
    """
