"""The connection of a client: what every call needs."""

from __future__ import annotations

import os
import weakref

from remofile._remofile import NativeClient
from remofile._settings import INTERRUPT, Secret, check_timeout, sooner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from remofile._remofile import Interrupt
    from remofile._settings import TransferLimits

    Settings = tuple[str, int, Secret, Optional[str], int, bool, Optional[float]]


#: The clients that there are in this process, each by itself: several may be equal.
_live: weakref.WeakValueDictionary[int, Connection] = weakref.WeakValueDictionary()


def live_servers() -> list[tuple[str, int]]:
    """The servers that the clients of this process are of."""
    return sorted({(client.hostname, client.port) for client in _live.values()})


def is_same_server(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """True if two pairs of a host and a port are one server, as far as names tell."""
    return one[1] == other[1] and _plain(one[0]) == _plain(other[0])


def _plain(hostname: str) -> str:
    name = hostname.lower().rstrip(".")
    return "localhost" if name in ("127.0.0.1", "::1") else name


class Connection:
    """The settings of a client, and the native client that is made of them: in each process that it comes to, its own."""

    def __init__(
        self,
        settings: Settings,
        timeout: Optional[int],
        identity: Optional[str] = None,
        deadline: Optional[int] = None,
    ) -> None:
        self._settings = settings
        self._timeout = timeout
        self._deadline = deadline
        self._identity = identity
        self._connection = NativeClient(*settings, identity)
        self._process = os.getpid()
        _live[id(self)] = self

    @property
    def hostname(self) -> str:
        """Host name or address of the server."""
        return self._settings[0]

    @property
    def port(self) -> int:
        """The port of the server."""
        return self._settings[1]

    def close(self) -> None:
        """End the session, if there is one. A later call opens another."""
        self._native.disconnect()

    def __getstate__(self) -> dict[str, Any]:
        return {
            "settings": self._settings,
            "timeout": self._timeout,
            "identity": self._identity,
            "deadline": self._deadline,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        hostname, port, token, key, protocol, plain, wait = state["settings"]
        settings = (hostname, port, Secret(token), key, protocol, plain, wait)
        Connection.__init__(self, settings, state["timeout"], state.get("identity"), state.get("deadline"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Connection):
            return NotImplemented
        return self._settings == other._settings

    def __hash__(self) -> int:
        return hash(self._settings)

    @property
    def _native(self) -> NativeClient:
        process = os.getpid()
        if process != self._process:
            self._connection = self._connection.after_fork()
            self._process = process
        return self._connection

    def _limits(
        self, timeout: Optional[int], deadline: Optional[int] = None
    ) -> tuple[Optional[int], Optional[Interrupt]]:
        """The limits of a call, as the native calls want them: of one with a single answer both are for the whole."""
        return (sooner(*self._both(timeout, deadline)), INTERRUPT.get())

    def _transfer_limits(self, timeout: Optional[int], deadline: Optional[int] = None) -> TransferLimits:
        """The limits of a call that moves content: the timeout is for each step of it."""
        timeout, deadline = self._both(timeout, deadline)
        return timeout, (deadline, INTERRUPT.get())

    def _both(self, timeout: Optional[int], deadline: Optional[int]) -> tuple[Optional[int], Optional[int]]:
        return (
            self._timeout if timeout is None else check_timeout(timeout),
            self._deadline if deadline is None else check_timeout(deadline, "Deadline"),
        )

    def _kind(self, path: str, timeout: Optional[int], deadline: Optional[int] = None) -> Optional[str]:
        """The kind of the entry at a path; ``None`` for nothing."""
        try:
            return self._native.stat(path, *self._limits(timeout, deadline))[1]
        except (FileNotFoundError, NotADirectoryError):
            return None
