"""The bytes that are used at a server, and those of its disk."""

from __future__ import annotations

from typing import NamedTuple, Optional


class Usage(NamedTuple):
    """The bytes of files at a server, as ``shutil.disk_usage`` tells those of a disk."""

    #: Bytes that are used; ``None`` if the server does not count them, or has not done so yet.
    used: Optional[int]
    #: Bytes that may be used; ``None`` without a quota.
    quota: Optional[int]
    #: Bytes that are left of the quota; the disk may have room for less.
    free: Optional[int]


class DiskUsage(NamedTuple):
    """The bytes of the disk that a server's path is on, with the names that ``shutil.disk_usage`` has."""

    #: Bytes that it has, or the quota of the token.
    total: int
    #: Bytes that are used.
    used: int
    #: Bytes that may still be written.
    free: int
