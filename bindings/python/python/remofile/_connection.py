"""The connection of a client: what every call needs."""

from __future__ import annotations

import os

from remofile._remofile import NativeClient
from remofile._settings import INTERRUPT, Secret, check_timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from remofile._remofile import Interrupt

    Settings = tuple[str, int, Secret, Optional[str], int, bool, Optional[float]]


class Connection:
    """The settings of a client, and the native client that is made of them: in each process that it comes to, its own."""

    def __init__(self, settings: Settings, timeout: Optional[int]) -> None:
        self._settings = settings
        self._timeout = timeout
        self._connection = NativeClient(*settings)
        self._process = os.getpid()

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
        return {"settings": self._settings, "timeout": self._timeout}

    def __setstate__(self, state: dict[str, Any]) -> None:
        hostname, port, token, key, protocol, plain, wait = state["settings"]
        Connection.__init__(self, (hostname, port, Secret(token), key, protocol, plain, wait), state["timeout"])

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

    def _limits(self, timeout: Optional[int]) -> tuple[Optional[int], Optional[Interrupt]]:
        """The limits of a call, as the native calls want them."""
        return (self._timeout if timeout is None else check_timeout(timeout), INTERRUPT.get())

    def _kind(self, path: str, timeout: Optional[int]) -> Optional[str]:
        """What a path names; ``None`` for nothing."""
        try:
            return self._native.stat(path, *self._limits(timeout))[1]
        except (FileNotFoundError, NotADirectoryError):
            return None
