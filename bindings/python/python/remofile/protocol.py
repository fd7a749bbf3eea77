"""The messages of protocol 1: tuples that begin with a number.

They are what servers and clients of the original exchange, as pickles. :class:`remofile.Client` needs none of this.
"""

from __future__ import annotations

from enum import IntEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    #: A number, and what belongs to it.
    Message = tuple[Any, ...]

__all__ = [
    "Reason",
    "Request",
    "Response",
    "State",
    "make_bad_request_error",
    "make_cancel_transfer_request",
    "make_chunk_received_response",
    "make_chunk_sent_response",
    "make_create_file_request",
    "make_directory_created_response",
    "make_download_file_request",
    "make_file_already_exists_response",
    "make_file_created_response",
    "make_file_not_found_response",
    "make_files_listed_response",
    "make_incorrect_chunk_size_response",
    "make_incorrect_file_size_response",
    "make_invalid_file_name_response",
    "make_list_files_request",
    "make_make_directory_request",
    "make_not_a_directory_response",
    "make_not_a_file_response",
    "make_receive_chunk_request",
    "make_send_chunk_request",
    "make_transfer_accepted_response",
    "make_transfer_cancelled_response",
    "make_transfer_completed_response",
    "make_unknown_error_response",
    "make_upload_file_request",
]


class Request(IntEnum):
    """A request of a client."""

    LIST_FILES = 1
    CREATE_FILE = 2
    MAKE_DIRECTORY = 3
    UPLOAD_FILE = 4
    SEND_CHUNK = 5
    DOWNLOAD_FILE = 6
    RECEIVE_CHUNK = 7
    CANCEL_TRANSFER = 8
    REMOVE_FILE = 9


class Response(IntEnum):
    """An answer of a server."""

    ACCEPTED = 1
    REFUSED = 2
    ERROR = 3


class Reason(IntEnum):
    """Why it answers so. Some have a second name, which the documentation of the original uses as well."""

    FILES_LISTED = 1
    FILE_CREATED = 2
    DIRECTORY_CREATED = 3
    INVALID_FILE_NAME = 4
    FILE_NOT_FOUND = 5
    FILE_ALREADY_EXISTS = 6
    NOT_A_FILE = 7
    NOT_A_DIRECTORY = 8
    INCORRECT_FILE_SIZE = 9
    INCORRECT_CHUNK_SIZE = 10
    TRANSFER_ACCEPTED = 11
    CHUNK_RECEIVED = 12
    CHUNK_SENT = 13
    TRANSFER_COMPLETED = 14
    TRANSFER_CANCELLED = 15
    BAD_REQUEST = 16
    UNKNOWN_ERROR = 17

    FILE_LISTED = FILES_LISTED
    CHUNK_ACCEPTED = CHUNK_RECEIVED
    INVALID_FILE_SIZE = INCORRECT_FILE_SIZE
    INVALID_CHUNK_SIZE = INCORRECT_CHUNK_SIZE
    NOT_A_DIRECTORY_ERROR = NOT_A_DIRECTORY
    FILE_EXISTS_ERROR = FILE_ALREADY_EXISTS
    INCORRECT_STATE = BAD_REQUEST


class State(IntEnum):
    """The state of a server. No message tells it: a client knows it from what it has asked."""

    IDLE = 1
    UPLOAD = 2
    DOWNLOAD = 3
    DELETE = 4

    UPLOADING = UPLOAD
    DOWNLOADING = DOWNLOAD


def make_list_files_request(directory: object) -> Message:
    """Ask for the files of a directory."""
    return (Request.LIST_FILES, directory)


def make_create_file_request(name: str, directory: object) -> Message:
    """Ask for an empty file."""
    return (Request.CREATE_FILE, name, directory)


def make_make_directory_request(name: str, directory: object) -> Message:
    """Ask for a directory."""
    return (Request.MAKE_DIRECTORY, name, directory)


def make_upload_file_request(name: str, directory: object, file_size: int, chunk_size: int) -> Message:
    """Begin an upload of ``file_size`` bytes in chunks of ``chunk_size``."""
    return (Request.UPLOAD_FILE, name, directory, file_size, chunk_size)


def make_send_chunk_request(chunk_data: bytes) -> Message:
    """Send the next chunk of an upload."""
    return (Request.SEND_CHUNK, chunk_data)


def make_download_file_request(name: str, directory: object, chunk_size: int) -> Message:
    """Begin a download in chunks of ``chunk_size`` bytes."""
    return (Request.DOWNLOAD_FILE, name, directory, chunk_size)


def make_receive_chunk_request() -> Message:
    """Ask for the next chunk of a download."""
    return (Request.RECEIVE_CHUNK,)


def make_cancel_transfer_request() -> Message:
    """End the transfer that goes on."""
    return (Request.CANCEL_TRANSFER,)


def make_files_listed_response(files_list: dict[str, tuple[bool, int, float]]) -> Message:
    """Answer with ``{name: (is_directory, size, mtime)}``."""
    return (Response.ACCEPTED, Reason.FILES_LISTED, files_list)


def make_file_created_response() -> Message:
    """Answer that the file was created."""
    return (Response.ACCEPTED, Reason.FILE_CREATED)


def make_directory_created_response() -> Message:
    """Answer that the directory was created."""
    return (Response.ACCEPTED, Reason.DIRECTORY_CREATED)


def make_transfer_accepted_response(file_size: Optional[int] = None) -> Message:
    """Answer that a transfer may begin; for a download with the size of the file."""
    return _accepted(Reason.TRANSFER_ACCEPTED, file_size)


def make_chunk_received_response() -> Message:
    """Answer that a chunk has arrived, and more are expected."""
    return (Response.ACCEPTED, Reason.CHUNK_RECEIVED)


def make_chunk_sent_response(chunk_data: bytes) -> Message:
    """Answer with a chunk that others follow."""
    return (Response.ACCEPTED, Reason.CHUNK_SENT, chunk_data)


def make_transfer_completed_response(chunk_data: Optional[bytes] = None) -> Message:
    """Answer that a transfer is complete; for a download with the last chunk."""
    return _accepted(Reason.TRANSFER_COMPLETED, chunk_data)


def make_transfer_cancelled_response() -> Message:
    """Answer that a transfer was ended."""
    return (Response.ACCEPTED, Reason.TRANSFER_CANCELLED)


def make_invalid_file_name_response() -> Message:
    """Refuse a name."""
    return (Response.REFUSED, Reason.INVALID_FILE_NAME)


def make_file_not_found_response() -> Message:
    """Refuse a path that names nothing."""
    return (Response.REFUSED, Reason.FILE_NOT_FOUND)


def make_file_already_exists_response() -> Message:
    """Refuse a name that is taken."""
    return (Response.REFUSED, Reason.FILE_ALREADY_EXISTS)


def make_not_a_file_response() -> Message:
    """Refuse a path that names no file."""
    return (Response.REFUSED, Reason.NOT_A_FILE)


def make_not_a_directory_response() -> Message:
    """Refuse a path that names no directory."""
    return (Response.REFUSED, Reason.NOT_A_DIRECTORY)


def make_incorrect_file_size_response() -> Message:
    """Refuse a file of that size."""
    return (Response.REFUSED, Reason.INCORRECT_FILE_SIZE)


def make_incorrect_chunk_size_response() -> Message:
    """Refuse chunks of that size."""
    return (Response.REFUSED, Reason.INCORRECT_CHUNK_SIZE)


def make_bad_request_error() -> Message:
    """Tell that a request made no sense."""
    return (Response.ERROR, Reason.BAD_REQUEST)


def make_unknown_error_response(error_message: str) -> Message:
    """Tell of an error that nobody expected."""
    return (Response.ERROR, Reason.UNKNOWN_ERROR, error_message)


def _accepted(reason: Reason, content: object) -> Message:
    """The original leaves out what is empty."""
    return (Response.ACCEPTED, reason, content) if content else (Response.ACCEPTED, reason)
