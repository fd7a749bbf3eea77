"""What can go wrong, apart from what every program with files meets (:class:`OSError` and its kin)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AuthenticationError",
    "BadRequestError",
    "ConnectError",
    "CorruptedResponse",
    "DestinationNotFound",
    "FileNameError",
    "FileSizeError",
    "IntegrityError",
    "RemofileException",
    "ServerBusyError",
    "SourceNotFound",
    "UnexpectedError",
]


class RemofileException(Exception):
    """The base of every exception that is about Remofile.

    What any file system may raise (``FileNotFoundError``, ``FileExistsError``, ``PermissionError``,
    ``TimeoutError``...) is raised as it is, with ``errno`` and ``filename``.
    """


class SourceNotFound(RemofileException):
    """The source of a transfer does not exist, or is of another kind than the call is for."""


class DestinationNotFound(RemofileException):
    """The destination of a transfer does not exist, or is not a directory."""


class BadRequestError(RemofileException):
    """The server could make no sense of a request."""

    def __init__(self) -> None:
        super().__init__()


class CorruptedResponse(RemofileException):
    """What came from the server is not what the protocol has.

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
    """What arrived is not what was sent, or the source changed meanwhile. Nothing was replaced."""


class AuthenticationError(RemofileException, PermissionError):
    """The server does not take the token or the key, or this client does not take the server's."""


class ServerBusyError(RemofileException, OSError):
    """Others use the server, and the client was not told to wait (``Client(..., wait=seconds)``).

    :ivar list holders: who, doing what, for how long, as texts.
    """

    holders: Sequence[str] = ()


class ConnectError(RemofileException, ConnectionError, TimeoutError):
    """There is no Remofile server at that address.

    It is a ``TimeoutError``, too: a server that cannot be reached is one that does not answer in time.
    """
