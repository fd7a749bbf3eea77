"""The holders of leases, who are in the way of others."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

__all__ = ["Holder"]


class Holder(str):
    """Somebody who is in the way, as a text.

    :ivar str client: user and host, as the client has named itself.
    :ivar str address: where it is, if that may be known.
    :ivar str activity: what it does, ``upload`` for instance.
    :ivar str path: the path at which it is in the way.
    :ivar float seconds: for how long.
    """

    __slots__ = ("activity", "address", "client", "path", "seconds")

    client: str
    address: Optional[str]
    activity: str
    path: Optional[str]
    seconds: float

    def __new__(
        cls,
        text: str,
        client: str = "",
        address: Optional[str] = None,
        activity: str = "",
        path: Optional[str] = None,
        seconds: float = 0.0,
    ) -> Holder:
        holder = super().__new__(cls, text)
        holder.client, holder.address, holder.activity, holder.path, holder.seconds = client, address, activity, path, seconds
        return holder
