"""The client."""

from __future__ import annotations

import os

from remofile._calls import Calls
from remofile._settings import Secret, check_timeout, seconds_of, wait_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Optional, Union

    from remofile._paths import LocalPath, RemotePath
    from remofile.path import RemofilePath

__all__ = ["Client"]


class Client(Calls):
    """A client of one server.

    It connects with its first call, and again whenever the connection was lost: there is nothing to open. It may
    be used by several threads, whose calls are made beside each other; it may be pickled, and used after a fork. As a context manager it
    ends its session at the end.

    A pickle of a client holds its token in clear, for whoever unpickles it connects as this client does. Keep and send
    such pickles as you would the token itself. ``repr`` and logs never show it.

    All paths at the server are absolute. ``timeout`` is the time that a call waits for an answer, and a transfer for something to
    move, however long all of it takes; ``deadline``, which every call has that has a timeout, is for the whole call. Both are
    milliseconds, 1 or more; ``None`` is no limit.

    :param str hostname: host name or address of the server.
    :param int port: its port.
    :param str token: its token; by default that of the environment, ``REMOFILE_TOKEN``.
    :param public_key: its public key, if it has one: 40 characters, as text or bytes.
    :param int protocol: 2, or 1 for a server of the original.
    :param bool encryption: whether the session is to be encrypted; the server must agree to one that is not.
    :param int timeout: the timeout of calls that are not given one, in milliseconds.
    :param int deadline: the deadline of calls that are not given one, in milliseconds.
    :param wait: how many seconds to wait for a path that others use, by default 60; 0 or ``False`` for not at all,
        ``True`` for as long as it takes.
    :param identity: a directory in which an identity is kept, so that this program, when it is run again after it was
        killed, ends what the server still has of it, and does not wait for itself. Without one it does so within a process.
    :raises ValueError: if token, key or port are not valid, or there is no token.
    """

    def __init__(
        self,
        hostname: str,
        port: int,
        token: Optional[str] = None,
        *,
        public_key: Union[str, bytes, None] = None,
        protocol: int = 2,
        encryption: bool = True,
        timeout: Optional[int] = None,
        wait: Union[float, bool, None] = None,
        identity: Optional[LocalPath] = None,
        deadline: Optional[int] = None,
    ) -> None:
        if token is None:
            token = os.environ.get("REMOFILE_TOKEN")
            if not token:
                raise ValueError("there is no token: give one, or set REMOFILE_TOKEN")
        if not isinstance(token, str):
            raise ValueError("the token is not valid: it must be a text")
        if protocol not in (1, 2):
            raise ValueError("protocol must be 1 or 2")
        if not 0 < int(port) < 65536:
            raise ValueError("port must be a number from 1 to 65535")
        key = public_key.decode("ascii") if isinstance(public_key, bytes) else public_key
        settings = (str(hostname), int(port), Secret(token), key, protocol, not encryption, seconds_of(wait))
        kept_in = None if identity is None else os.path.abspath(identity)
        super().__init__(settings, check_timeout(timeout), kept_in, check_timeout(deadline, "Deadline"))

    @classmethod
    def from_environment(
        cls,
        *,
        timeout: Optional[int] = None,
        wait: Union[float, bool, None] = None,
        deadline: Optional[int] = None,
    ) -> Client:
        """A client of the server that the environment names.

        That is ``REMOFILE_HOSTNAME``, ``REMOFILE_PORT`` (6768 if it is not set), ``REMOFILE_TOKEN``,
        ``REMOFILE_PUBLIC_KEY``, ``REMOFILE_PROTOCOL`` and ``REMOFILE_WAIT``, as for the command ``remofile``.

        :raises ValueError: if hostname or token are missing, or something is not valid.
        """
        variables = os.environ
        hostname = variables.get("REMOFILE_HOSTNAME")
        if not hostname:
            raise ValueError("there is no server: set REMOFILE_HOSTNAME")
        return cls(
            hostname,
            int(variables.get("REMOFILE_PORT") or 6768),
            public_key=variables.get("REMOFILE_PUBLIC_KEY") or None,
            protocol=int(variables.get("REMOFILE_PROTOCOL") or 2),
            timeout=timeout,
            deadline=deadline,
            wait=wait_of(variables.get("REMOFILE_WAIT")) if wait is None else wait,
        )

    def path(self, path: RemotePath = "/") -> RemofilePath:
        """A path at this server, with the interface of :mod:`pathlib`."""
        from remofile.path import RemofilePath

        return RemofilePath(self, path)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<remofile.Client of {self.hostname}:{self.port}>"
