"""Options that functions hand on, for type checkers alone."""

from __future__ import annotations

from typing import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from typing import Optional, Union

    from remofile._paths import LocalPath

    #: Seconds from now on, or a moment with its time zone.
    Expires = Union[float, timedelta, datetime]

__all__ = ["ClientOptions", "TokenSettings"]


class ClientOptions(TypedDict, total=False):
    """The options of :class:`remofile.Client`."""

    public_key: Union[str, bytes, None]
    protocol: int
    encryption: bool
    timeout: Optional[int]
    wait: Union[float, bool, None]
    identity: Optional[LocalPath]


class TokenSettings(TypedDict, total=False):
    """The settings of a token that can be changed."""

    rights: str
    below: str
    expires: Optional[Expires]
    quota: Optional[int]
    file_size_limit: Optional[int]
    bwlimit: Optional[int]
    sessions: Optional[int]
