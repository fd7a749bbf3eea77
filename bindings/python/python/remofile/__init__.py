"""Remofile: a quick, easy and safe alternative to FTP.

A :class:`Server` exposes one directory behind a token, or behind one for each user (:class:`Tokens`); a :class:`Client` lists, creates, uploads, downloads and
removes in it. :func:`synchronize_upload` and :func:`synchronize_download` make one directory like another. Every
exception that is about Remofile, and not only about files, is a :class:`RemofileException`.

Timeouts are milliseconds and sizes are bytes throughout.
"""

from __future__ import annotations

try:
    from remofile._remofile import Report, __version__
except ImportError as error:
    if "subinterpreter" not in str(error):
        raise
    raise ImportError(
        "remofile cannot be imported by a subinterpreter with a lock of its own: use threads (its calls wait without the "
        "interpreter's lock) or processes",
        name="remofile",
    ) from error

from remofile.algorithm import download_files, synchronize_download, synchronize_upload, upload_files
from remofile.client import Client
from remofile.exceptions import (
    AuthenticationError,
    BadRequestError,
    ConnectError,
    CorruptedResponse,
    DestinationNotFound,
    FileNameError,
    FileSizeError,
    IntegrityError,
    MissingRightError,
    QuotaExceededError,
    RemofileException,
    ServerBusyError,
    SourceNotFound,
    UnexpectedError,
    UnlistedWarning,
)
from remofile.keys import generate_keys
from remofile.server import Server
from remofile.token import generate_token
from remofile.utils import is_file_name_valid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from remofile._entries import DirEntry
    from remofile._holder import Holder
    from remofile.aio import AsyncClient
    from remofile.conflicts import Conflict, ConflictingFile, OnConflict
    from remofile.path import RemofilePath
    from remofile.tokens import Token, Tokens

#: What is looked up when it is first used, so that importing the package stays quick.
_LATER = {
    "AsyncClient": "remofile.aio",
    "Conflict": "remofile.conflicts",
    "ConflictingFile": "remofile.conflicts",
    "DirEntry": "remofile._entries",
    "Holder": "remofile._holder",
    "OnConflict": "remofile.conflicts",
    "RemofilePath": "remofile.path",
    "Token": "remofile.tokens",
    "Tokens": "remofile.tokens",
}

__all__ = [
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "Conflict",
    "ConflictingFile",
    "ConnectError",
    "CorruptedResponse",
    "DestinationNotFound",
    "DirEntry",
    "FileNameError",
    "FileSizeError",
    "Holder",
    "IntegrityError",
    "MissingRightError",
    "OnConflict",
    "QuotaExceededError",
    "RemofileException",
    "RemofilePath",
    "Report",
    "Server",
    "ServerBusyError",
    "SourceNotFound",
    "Token",
    "Tokens",
    "UnexpectedError",
    "UnlistedWarning",
    "__version__",
    "download_files",
    "generate_keys",
    "generate_token",
    "is_file_name_valid",
    "synchronize_download",
    "synchronize_upload",
    "upload_files",
]


def __getattr__(name: str) -> object:
    if name in _LATER:
        from importlib import import_module

        found: object = getattr(import_module(_LATER[name]), name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
