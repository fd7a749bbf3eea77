"""Tokens of a server with many users: each has a name, rights and limits, and can be taken back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from remofile._remofile import NativeTokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterator, ValuesView
    from typing import Any, Optional, Union

    from typing_extensions import Unpack

    from remofile._option_types import Expires, TokenSettings
    from remofile._paths import LocalPath

__all__ = ["Token", "Tokens"]


@dataclass(frozen=True)
class Token:
    """A token of a server as it is now. The secret itself is not kept anywhere: :meth:`Tokens.add` returns it once."""

    #: The name of whoever has it, for logs and refusals.
    name: str
    #: ``read``: list and read. ``upload``: create what has a new name, and nothing else. ``write``: read, create, replace and
    #: delete. ``all``: as ``write``, and see who else is at work.
    rights: str
    #: The directory that its holder sees as ``/``.
    below: str
    #: The moment at which it is over.
    expires: Optional[datetime]
    #: Most bytes of files below its directory.
    quota: Optional[int]
    #: The largest file, in bytes.
    file_size_limit: Optional[int]
    #: Most bytes a second, in each direction, of all its sessions together.
    bwlimit: Optional[int]
    #: Most sessions at the same time.
    sessions: Optional[int]
    #: The last time that a session began with it, if that is known.
    last_used: Optional[datetime]
    #: Bytes of files below its directory, if they are counted.
    used: Optional[int]

    @property
    def is_expired(self) -> bool:
        """True if it is over."""
        return self.expires is not None and self.expires <= datetime.now(timezone.utc)


class Tokens(Mapping[str, Token]):
    """The tokens of a server, by name: ``Server(directory, tokens=tokens)``.

    A program changes them while servers serve with them. A token can be used as soon as it was told. Whoever has no token any
    more, or one that allows less than before, is cut off within a moment, in the middle of transfers, too; who may do more than
    before may do so from the next session on::

        tokens = Tokens()
        token = tokens.add("alice", rights="write", below="/alice", expires=timedelta(hours=1))

    Without a path they are kept in memory. With one they are in a file, that of the command ``remofile token``, which may
    be edited by hand: then changes are in force within a second. It is made with the first token. Only what tokens are
    stretched to is kept, never a token.

    It is a mapping of names to :class:`Token`. An object that keeps its tokens in memory cannot be pickled.

    :param path: the tokens file.
    :raises ValueError: from any method, if the file is no tokens file: the message tells the line.
    :raises OSError: from any method, if it cannot be read or written; ``PermissionError`` if others may read it.
    """

    def __init__(self, path: Optional[LocalPath] = None) -> None:
        self._path = None if path is None else os.path.abspath(path)
        self._native = NativeTokens(self._path)

    def add(
        self,
        name: str,
        rights: str = "all",
        below: str = "/",
        expires: Optional[Expires] = None,
        *,
        quota: Optional[int] = None,
        file_size_limit: Optional[int] = None,
        bwlimit: Optional[int] = None,
        sessions: Optional[int] = None,
        token: Optional[str] = None,
        replace: bool = False,
    ) -> str:
        """Add a token, and tell it: this once.

        :param str name: who gets it: 1 to 64 letters, digits, and any of ``. _ - @ +``.
        :param str rights: ``read``, ``write``, ``upload`` or ``all``: see :attr:`Token.rights`.
        :param str below: the directory of the server that the holder sees as ``/``. It should exist when it is used.
        :param expires: its end: seconds or a ``timedelta`` from now on, or a ``datetime`` with a time zone.
        :param int quota: most bytes of files below its directory.
        :param int file_size_limit: the largest file that the holder may store, in bytes.
        :param int bwlimit: most bytes a second, in each direction, of all its sessions together.
        :param int sessions: most sessions at the same time.
        :param str token: the token, instead of a generated one.
        :param bool replace: whether it takes the place of the one that has the name, whose holder is cut off.
        :return: the token.
        :raises ValueError: if the name is taken, or something is not valid.
        """
        settings = {
            "rights": rights,
            "below": below,
            "expires": expires,
            "quota": quota,
            "file_size_limit": file_size_limit,
            "bwlimit": bwlimit,
            "sessions": sessions,
        }
        return self._native.add(name, token, replace, _told(settings))

    def change(self, name: str, **settings: Unpack[TokenSettings]) -> None:
        """Change settings of a token, those of :meth:`add`: ``tokens.change("alice", rights="read")``.

        :param str name: whose token it is.
        :param settings: ``rights``, ``below``, ``expires``, ``quota``, ``file_size_limit``, ``bwlimit`` and ``sessions``, of which
            those are changed that are given; ``None`` takes an end or a limit away.
        :raises KeyError: if there is no such token.
        :raises ValueError: if something is not valid.
        """
        self._native.change(name, _told({**settings}))

    def remove(self, name: str) -> None:
        """Take a token back: whoever has it is cut off.

        :param str name: whose token it is.
        :raises KeyError: if there is no such token.
        """
        self._native.remove(name)

    def rotate(self, name: str, grace: Union[float, timedelta] = 0, *, token: Optional[str] = None) -> str:
        """Put a new token in the place of one, and tell it: this once. Rights and limits stay.

        :param str name: whose token it is.
        :param grace: how long the former token is taken as well: seconds or a ``timedelta``.
        :param str token: the token, instead of a generated one.
        :return: the new token.
        :raises KeyError: if there is no such token.
        """
        return self._native.rotate(name, token, _seconds(grace))

    # As a mapping.

    def __getitem__(self, name: str) -> Token:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._native.list())

    def __contains__(self, name: object) -> bool:
        return name in self._read()

    def values(self) -> ValuesView[Token]:
        """The tokens as they are now."""
        return self._read().values()

    def items(self) -> ItemsView[str, Token]:
        """Names and tokens as they are now."""
        return self._read().items()

    # Two of them may have equal tokens, and are changed apart from each other.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[type[Tokens], tuple[str]]:
        if self._path is None:
            raise TypeError("tokens that are kept in memory cannot be pickled: keep them in a file, Tokens(path)")
        return type(self), (self._path,)

    def __repr__(self) -> str:
        return "<remofile.Tokens in memory>" if self._path is None else f"<remofile.Tokens of {self._path!r}>"

    def _read(self) -> dict[str, Token]:
        tokens = (
            Token(name, rights, below, _moment(expires), quota, size, rate, sessions, _moment(last_used), used)
            for name, rights, below, expires, quota, size, rate, sessions, last_used, used in self._native.list()
        )
        return {token.name: token for token in tokens}


def _told(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as the native half wants them: the end in seconds since 1970."""
    expires = settings.get("expires")
    if expires is None:
        return settings
    if not isinstance(expires, datetime):
        return {**settings, "expires": datetime.now().timestamp() + _seconds(expires)}
    if expires.tzinfo is None:
        raise ValueError("expires has no time zone: use datetime.now(timezone.utc), or a timedelta from now on")
    return {**settings, "expires": expires.timestamp()}


def _seconds(time: Union[float, timedelta]) -> float:
    return time.total_seconds() if isinstance(time, timedelta) else float(time)


def _moment(seconds: Optional[float]) -> Optional[datetime]:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
