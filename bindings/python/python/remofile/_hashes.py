"""The calls of a client about content and room that move neither."""

from __future__ import annotations

from remofile._entries import warn_of_unlisted
from remofile._paths import remote
from remofile._places import Places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from remofile._paths import RemotePath
    from remofile._usage import DiskUsage


class Hashes(Places):
    """Digests of content and the use of room, as the server tells them."""

    def disk_usage(
        self, path: RemotePath = "/", timeout: Optional[int] = None, *, deadline: Optional[int] = None
    ) -> DiskUsage:
        """Ask how much room the server's disk has, as ``shutil.disk_usage`` tells it of one of this machine.

        :param path: an absolute path, which tells the disk if there are several.
        :return: ``total``, ``used`` and ``free``, in bytes. A token with a quota is told of that as if it were the disk.
        :raises FileNotFoundError: if there is nothing at the path.
        :raises PermissionError: if the token may not read.
        :raises NotImplementedError: by a server that cannot tell, among them those of protocol 1.
        """
        from remofile._usage import DiskUsage

        return DiskUsage(*self._native.disk_usage(remote(path), *self._limits(timeout, deadline)))

    def hash(
        self,
        path: RemotePath,
        algorithm: str = "xxh3",
        timeout: Optional[int] = None,
        *,
        deadline: Optional[int] = None,
    ) -> str:
        """Have the server hash a file, without fetching it.

        :param path: an absolute path.
        :param str algorithm: ``xxh3`` (128 bits), ``blake3``, ``sha256``, ``sha512``, ``sha1`` or ``md5``.
        :return: hexadecimal digits, as ``hexdigest`` of :mod:`hashlib` gives them.
        :raises ValueError: if there is no such algorithm.
        :raises FileNotFoundError: if there is no such file.
        :raises IsADirectoryError: if it is a directory.
        """
        return self._native.hash(remote(path), algorithm, *self._limits(timeout, deadline))

    def hashes(
        self,
        path: RemotePath = "/",
        algorithm: str = "xxh3",
        timeout: Optional[int] = None,
        *,
        deadline: Optional[int] = None,
    ) -> dict[str, str]:
        """Have the server hash all files below a directory in one flight, without fetching them.

        :param path: an absolute path; of a file it is that file alone. Links below it are left out.
        :param str algorithm: as for :meth:`hash`.
        :return: for each file its absolute path, and hexadecimal digits.
        :raises OSError: if one of the files cannot be read. What has a name that no path can hold, such as one that is no UTF-8,
            is told by a :class:`remofile.UnlistedWarning`.
        """
        top = remote(path)
        rows, unlisted = self._native.hashes(top, algorithm, *self._limits(timeout, deadline))
        warn_of_unlisted(top, unlisted)
        return dict(rows)
