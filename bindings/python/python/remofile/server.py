"""The server."""

from __future__ import annotations

import os
from errno import ENOTDIR
from operator import index

from remofile._paths import local
from remofile._remofile import NativeServer, check_token
from remofile._settings import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Any, Optional, TypeVar, Union

    from typing_extensions import Unpack

    from remofile._option_types import ClientOptions
    from remofile._paths import LocalPath
    from remofile._remofile import NativeHandler
    from remofile.client import Client
    from remofile.tokens import Tokens

    #: The routing id that a ZeroMQ ROUTER socket puts in front, and the frames behind it.
    Message = tuple[bytes, list[bytes]]
    _Text = TypeVar("_Text", str, Union[str, bytes, None], Optional[str])

__all__ = ["Server"]

#: No limit: no file is larger.
FILE_SIZE_LIMIT = 2**63 - 1
MINIMUM_CHUNK_SIZE = 512
MAXIMUM_CHUNK_SIZE = 8192
IDLE_TIMEOUT = 30.0
MAX_HOLD = 3600.0
MAX_SESSIONS = 65_536
PARTIAL_EXPIRY = 7 * 24 * 3600.0

#: How long a ZeroMQ socket is waited for before signals are looked at, in milliseconds.
_STEP = 50


class Server:
    """A server that exposes one directory, and nothing outside of it.

    :meth:`run` serves until :meth:`terminate` is called, by a signal handler or by another thread. As a context
    manager it serves in the background, on a free port of this machine alone::

        with Server("my-directory", token) as server, server.client() as client:
            client.list_files("/")

    A pickle of a server holds its token and private key in clear: keep and send it as you would those themselves.
    ``repr`` and logs never show them.

    :param root_directory: the directory to expose.
    :param str token: the token that clients must have. It may do everything.
    :param tokens: instead of that, tokens for many users: :class:`remofile.Tokens`, or the path of a tokens file.
    :param private_key: the private key, to be told from impostors: 40 characters, as text or bytes.
    :param int file_size_limit: the largest file that is stored, in bytes; without it there is no limit.
    :param chunk_size_range: the smallest and the largest chunk that clients may choose, in bytes.
    :param token_file: instead of the token a file whose first line it is; ``private_key_file`` is the same for the key.
    :param int min_chunk_size: the first of the range, ``max_chunk_size`` the second, as the command has them.
    :param bool no_encryption: whether clients may ask for sessions that are authenticated but not encrypted.
    :param int file_mode: permissions of new files, such as ``0o640``; by default what the umask leaves. ``directory_mode`` is
        the same for directories.
    :param str names: ``"portable"`` for names that every system can hold, or ``"posix"`` for all that this one can.
    :param float partial_expiry: seconds for which what is left of interrupted uploads is kept.
    :param bool read_only: whether every change is refused.
    :param bool require_encryption: whether clients of protocol 1 without encryption are refused.
    :param float idle_timeout: seconds after which a session that does nothing is ended if somebody else needs its
        place, and a transfer of protocol 1 whose client says nothing.
    :param float max_hold: seconds without progress after which an operation that keeps others waiting is ended.
    :param int max_sessions: how many sessions there may be; one address may have three quarters of them.
    :param int session_memory: the memory that one session may use, in bytes, at least 4 MiB; 64 MiB if not given.
    :param int server_memory: the memory that all sessions together may use, in bytes; 1 GiB if not given.
    :param audit_log: a file to which a line is written for each thing that a client does: see :meth:`reload`.
    :param bool exclusive: whether one client that changes something has the whole directory for itself.
    :param str fsync: when what clients store is on the disk: ``"end"`` when a client is told that it is stored, ``"each"``
        before each file is visible, ``"none"`` when the system likes: what is told as stored may be lost if the power
        fails.
    :raises NotADirectoryError: if there is no such directory.
    :raises ValueError: if token, key or options are not valid.
    :raises OSError: if the tokens file or the audit log cannot be used.
    """

    def __init__(
        self,
        root_directory: LocalPath,
        token: Optional[str] = None,
        private_key: Union[str, bytes, None] = None,
        *,
        tokens: Union[Tokens, LocalPath, None] = None,
        token_file: Optional[LocalPath] = None,
        private_key_file: Optional[LocalPath] = None,
        file_size_limit: int = FILE_SIZE_LIMIT,
        chunk_size_range: Optional[tuple[int, int]] = None,
        min_chunk_size: int = MINIMUM_CHUNK_SIZE,
        max_chunk_size: int = MAXIMUM_CHUNK_SIZE,
        no_encryption: bool = False,
        require_encryption: bool = False,
        file_mode: Optional[int] = None,
        directory_mode: Optional[int] = None,
        names: str = "portable",
        fsync: str = "end",
        read_only: bool = False,
        partial_expiry: float = PARTIAL_EXPIRY,
        session_memory: Optional[int] = None,
        server_memory: Optional[int] = None,
        idle_timeout: float = IDLE_TIMEOUT,
        max_hold: float = MAX_HOLD,
        exclusive: bool = False,
        max_sessions: int = MAX_SESSIONS,
        audit_log: Optional[LocalPath] = None,
    ) -> None:
        self._native: Optional[NativeServer] = None
        self._handler: Optional[NativeHandler] = None
        self._process = os.getpid()
        self._was_interrupted = False
        self._ports: list[int] = []
        self.root_directory = root_directory
        self._token, self._tokens = _users(_one("token", token, token_file), tokens)
        key = _one("private_key", private_key, private_key_file)
        key = key.decode("ascii") if isinstance(key, bytes) else key
        self._key = None if key is None else Secret(key)
        self.file_size_limit = file_size_limit
        self.chunk_size_range = (min_chunk_size, max_chunk_size) if chunk_size_range is None else chunk_size_range
        self._read_only = bool(read_only)
        self._require_encryption = bool(require_encryption)
        self._idle_timeout = float(idle_timeout)
        self._max_hold = float(max_hold)
        self._max_sessions = max_sessions
        if self._max_sessions < 1:
            raise ValueError("max_sessions must be 1 or more")
        self._memory = (session_memory, server_memory)
        self._audit_log = None if audit_log is None else os.path.abspath(audit_log)
        self._exclusive = bool(exclusive)
        self._fsync = fsync
        self._more = {
            "allow_plain": bool(no_encryption),
            "file_mode": _mode("file_mode", file_mode, 0o600, 0o666),
            "directory_mode": _mode("directory_mode", directory_mode, 0o700, 0o777),
            "names": names,
            "partial_expiry": float(partial_expiry),
        }
        self._make()  # Tells at once what is not valid.

    @property
    def root_directory(self) -> Path:
        """The directory that is exposed, as an absolute path.

        :raises NotADirectoryError: if it is set to what is no directory.
        :raises RuntimeError: if it is set while the server is running.
        """
        from pathlib import Path

        return Path(self._root_directory)

    @root_directory.setter
    def root_directory(self, directory: LocalPath) -> None:
        path = local(directory)
        if not os.path.isdir(path):
            raise NotADirectoryError(ENOTDIR, "the root directory must be an existing directory", path)
        self._check_idle("root directory")
        self._root_directory = path

    @property
    def file_size_limit(self) -> int:
        """The largest file that is accepted or sent, in bytes.

        :raises ValueError: if it is set to less than 1.
        :raises RuntimeError: if it is set while the server is running.
        """
        return self._file_size_limit

    @file_size_limit.setter
    def file_size_limit(self, size: int) -> None:
        size = index(size)
        if not 0 < size < 2**64:
            raise ValueError("The file size limit must be greater than 0, and less than 2**64")
        self._check_idle("file size limit")
        self._file_size_limit = size

    @property
    def chunk_size_range(self) -> tuple[int, int]:
        """The smallest and the largest chunk that clients may choose, in bytes.

        :raises ValueError: if the smallest is less than 1, or the largest less than that.
        :raises RuntimeError: if it is set while the server is running.
        """
        return self._chunk_size_range

    @chunk_size_range.setter
    def chunk_size_range(self, size_range: tuple[int, int]) -> None:
        least, most = (index(size) for size in size_range)
        if least <= 0:
            raise ValueError("The minimum chunk size must be greater than 0")
        if most < least:
            raise ValueError("The maximum chunk size must not be less than the minimum")
        if most >= 2**32:
            raise ValueError("The maximum chunk size must be less than 2**32")
        self._check_idle("chunk size range")
        self._chunk_size_range = (least, most)

    @property
    def is_running(self) -> bool:
        """True if it serves, in this process."""
        return self._native is not None and self._process == os.getpid()

    @property
    def port(self) -> int:
        """The port that it listens on.

        :raises RuntimeError: if it is not running.
        """
        if not self.is_running or not self._ports:
            raise RuntimeError("the server is not listening")
        return self._ports[0]

    def run(self, port: int, address: Optional[str] = None) -> None:
        """Serve until :meth:`terminate` is called. Python's signal handlers run meanwhile.

        :param int port: the port to listen on; 0 is any that is free.
        :param str address: the address to listen on; by default all of this machine.
        :raises RuntimeError: if it cannot listen there, or is running already.
        """
        native = self._begin()
        try:
            native.run(_checked_port(port), address, self._listens, self._log)
        except Exception:
            raise
        except BaseException:
            # It has ended; whoever caught a KeyboardInterrupt may call terminate() nevertheless.
            self._was_interrupted = True
            raise
        finally:
            self._end(native)

    def terminate(self) -> None:
        """End :meth:`run` or :meth:`run_on`, from a signal handler or another thread.

        What is being transferred is interrupted; clients can go on with it later.

        :raises RuntimeError: if the server is not running.
        """
        native = self._native if self.is_running else None
        if native is None:
            if self._was_interrupted:
                self._was_interrupted = False
                return
            raise RuntimeError("the server is not running")
        native.terminate()

    def start(self, port: int = 0, address: Optional[str] = "127.0.0.1") -> Server:
        """Serve in the background until :meth:`stop`.

        :param int port: the port to listen on; 0 is any that is free: see :attr:`port`.
        :param str address: the address to listen on; ``None`` is all of this machine.
        :raises RuntimeError: if it cannot listen there, or is running already.
        """
        native = self._begin()
        try:
            self._listens(native.start(_checked_port(port), address))
        except BaseException:
            self._end(native)
            raise
        from remofile import _logging

        _logging.begin()
        return self

    def stop(self) -> None:
        """End what :meth:`start` has begun, and wait for its end. Stopping twice is no error."""
        native = self._native if self.is_running else None
        if native is not None:
            from remofile import _logging

            try:
                native.stop()
            finally:
                self._end(native)
                _logging.end()

    def client(self, token: Optional[str] = None, **options: Unpack[ClientOptions]) -> Client:
        """A client of this server, while it is running: its options are those of :class:`remofile.Client`.

        :param str token: the token; it must be given if the server has many.
        """
        from remofile.client import Client

        if token is None and self._token is None:
            raise ValueError("the server has many tokens: say which one is the client's")
        return Client("127.0.0.1", self.port, self._token if token is None else token, **options)

    def reload(self) -> None:
        """Take the tokens file as it is now, without waiting for the next look at it, and open the audit log by its path again.

        After a rotation of logs, or as the command does it::

            signal.signal(signal.SIGHUP, lambda *_: server.reload())

        What is wrong with the tokens file is logged, and the tokens that it had stay in force.

        :raises RuntimeError: if the server is not running.
        :raises OSError: if the audit log cannot be opened: it is written to as before.
        """
        native = self._native if self.is_running else None
        if native is None:
            raise RuntimeError("the server is not running")
        native.reload()

    # Over a ZeroMQ socket that belongs to somebody else.

    def handle(self, identity: bytes, frames: Sequence[bytes], address: Optional[str] = None) -> list[Message]:
        """Take a message that a ZeroMQ ROUTER socket of yours received, and give those to send.

        No socket is opened. Messages may have to be sent without one having come: see :meth:`replies`, or let
        :meth:`run_on` do all of it.

        :param bytes identity: the routing id, the first frame that the socket gave.
        :param frames: the other frames.
        :param str address: the peer's IP address, if it is known: wrong tokens are counted for each address, and for all
            peers without one together. ZeroMQ tells it as the property ``Peer-Address`` of a message.
        :return: pairs of a routing id and the frames behind it.
        """
        return self._handling().handle(bytes(identity), [bytes(frame) for frame in frames], address)

    def replies(self) -> list[Message]:
        """The messages to send, though none came: whenever :meth:`fileno` is readable or :meth:`timeout` over."""
        return self._handling().replies()

    def timeout(self) -> Optional[int]:
        """For how many milliseconds :meth:`replies` need not be called, if :meth:`fileno` is not readable."""
        return self._handling().timeout()

    def fileno(self) -> int:
        """A descriptor that is readable when :meth:`replies` has something new."""
        return self._handling().fileno()

    def run_on(self, socket: Any) -> None:
        """Serve a ZeroMQ ROUTER socket of pyzmq until :meth:`terminate` is called.

        :param socket: a bound or connected ``zmq.ROUTER`` socket; it stays open.
        :raises RuntimeError: if the server is running already.
        """
        import zmq

        native = self._begin()
        try:
            self._handler = handler = native.handler()
            poller = zmq.Poller()
            poller.register(socket, zmq.POLLIN)
            poller.register(handler.fileno(), zmq.POLLIN)
            while not handler.is_stopped():
                timeout = handler.timeout()
                poller.poll(_STEP if timeout is None else min(timeout, _STEP))
                messages = handler.replies()
                while socket.poll(0, zmq.POLLIN):
                    identity, *frames = socket.recv_multipart(zmq.NOBLOCK, copy=False)
                    address = _peer_address(identity)
                    messages += handler.handle(identity.bytes, [frame.bytes for frame in frames], address)
                for identity, frames in messages:
                    socket.send_multipart([identity, *frames])
                self._log()
        finally:
            self._end(native)

    # Its life.

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.stop()

    def __getstate__(self) -> dict[str, Any]:
        kept = dict(self.__dict__)
        kept.update(_native=None, _handler=None, _ports=[], _was_interrupted=False)
        return kept

    def __repr__(self) -> str:
        return f"<remofile.Server of {self._root_directory!r}>"

    def _check_idle(self, what: str) -> None:
        if self.is_running:
            raise RuntimeError(f"The {what} can't be changed while the server is running.")

    def _make(self) -> NativeServer:
        return NativeServer(
            self._root_directory,
            self._token,
            None if self._tokens is None else self._tokens._native,
            self._key,
            self._file_size_limit,
            self._chunk_size_range,
            self._read_only,
            self._require_encryption,
            self._idle_timeout,
            self._max_hold,
            self._max_sessions,
            *self._memory,
            self._audit_log,
            self._exclusive,
            self._fsync,
            self._more,
        )

    def _begin(self) -> NativeServer:
        if self.is_running:
            raise RuntimeError("can't start a server that is already running")
        self._was_interrupted = False
        self._native = native = self._make()
        self._process = os.getpid()
        return native

    def _end(self, native: NativeServer) -> None:
        if self._native is native:
            self._native = self._handler = None
            self._ports = []
        native.end()
        self._log()

    def _listens(self, ports: list[int]) -> None:
        import logging

        self._ports = ports
        logging.getLogger("remofile").info("serving %s on port %d", self._root_directory, ports[0])

    def _handling(self) -> NativeHandler:
        if self._handler is None:
            self._handler = self._begin().handler()
        return self._handler

    def _log(self) -> None:
        from remofile._logging import pass_on

        pass_on()


def _users(token: Optional[str], tokens: Union[Tokens, LocalPath, None]) -> tuple[Optional[Secret], Optional[Tokens]]:
    """The one token, or those of many users."""
    if tokens is None:
        if not isinstance(token, str):
            raise ValueError("the token is not valid: it must be a text")
        check_token(token)
        return Secret(token), None
    if token is not None:
        raise ValueError("a server has a token or tokens, one of the two")
    from remofile.tokens import Tokens

    return None, tokens if isinstance(tokens, Tokens) else Tokens(tokens)


def _one(what: str, value: _Text, path: Optional[LocalPath]) -> _Text:
    """A secret, or that of a file; not both."""
    if path is None:
        return value
    if value is not None:
        raise ValueError(f"a server has a {what} or a {what}_file, one of the two")
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    # As the command prints a pair of keys.
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("private key:")]
    found = (named if what == "private_key" and named else lines)[:1]
    if not found or not found[0]:
        raise ValueError(f"the first line of {os.fspath(path)} is empty: it must be the {what.replace('_', ' ')}")
    return found[0]


def _mode(what: str, mode: Optional[int], least: int, most: int) -> Optional[int]:
    """Permissions that leave the user in, and make no file executable."""
    if mode is not None and (mode & least != least or mode & ~most):
        raise ValueError(f"{what} must have the bits of {least:#o}, and none beyond {most:#o}")
    return mode


def _peer_address(frame: Any) -> Optional[str]:
    """The address that ZeroMQ tells of the peer that a frame is from; none if the transport has no addresses."""
    import zmq

    try:
        return str(frame.get("Peer-Address"))
    except (zmq.ZMQError, NotImplementedError, ValueError):
        return None


def _checked_port(port: int) -> int:
    if not 0 <= int(port) < 65536:
        raise RuntimeError(f"can't listen on port {port}: it must be a number from 0 to 65535")
    return int(port)
