"""Copies from one server to another."""

from __future__ import annotations

from remofile._hashes import Hashes
from remofile._options import COPY_TO, settings_of
from remofile._paths import remote
from remofile._remofile import copy_between
from remofile._settings import interest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from typing_extensions import Unpack

    from remofile._connection import Connection
    from remofile._options import CopyToOptions
    from remofile._paths import RemotePath
    from remofile._progress import Progress
    from remofile._remofile import Report

#: The size of chunks where nobody chooses one.
_ANY_CHUNK = 0


class Relaying(Hashes):
    """Operations on two servers: methods of :class:`remofile.Client`."""

    def copy_to(
        self,
        other: Connection,
        source: RemotePath,
        destination: RemotePath,
        timeout: Optional[int] = None,
        *,
        recursive: bool = False,
        replace: bool = False,
        on_conflict: Optional[str] = None,
        parents: bool = False,
        progress: Optional[Progress] = None,
        deadline: Optional[int] = None,
        **options: Unpack[CopyToOptions],
    ) -> Report:
        """Copy a file or a directory to the server of another client. It passes through this program, which keeps nothing of it.

        Each file is checked by the digest that its server made of it, and is there whole or not at all; what was compressed stays so.
        A lost connection to either is opened again, and the same call made again goes on where it was. The copy has the times of
        its source. Two clients of the same settings are one server, which copies within itself, as :meth:`copy` does: without
        options of those below it then tells no progress, and paths in errors are plain.

        :param other: the client of the other server: a :class:`remofile.Client`.
        :param source: the absolute path of a file, or with ``recursive`` of a directory, at this client's server.
        :param destination: the absolute path of the copy itself at the other one, in an existing directory.
        :param int timeout: milliseconds that it may go without progress; ``deadline`` is for all of it.
        :param bool recursive: whether a directory is copied with its contents.
        :param bool replace: whether files that are in the way are replaced.
        :param str on_conflict: in place of ``replace``, what becomes of files in the way: ``"abort"``, ``"replace"``,
            ``"skip"``, ``"rename"`` or ``"newer"``.
        :param bool parents: whether missing directories above the destination are made.
        :param progress: called as a transfer's is.
        :param options: of those of an upload ``preserve_mode``, ``bytes_per_second``, ``retries``, ``strict``, ``links``,
            ``exclude``, ``include``, ``exclude_from``, ``min_size``, ``max_size`` and ``resume``.
        :return: the numbers of files, directories and bytes that were copied.
        :raises FileNotFoundError: if there is no such file, or no directory for the copy.
        :raises FileExistsError: if the destination is taken.
        :raises OSError: with the path in ``filename`` as a URL, since it may be at either server.
        """
        rule = rule_of(replace, on_conflict)
        settings = copy_settings(recursive, rule, progress is not None, dict(options))
        if self == other and not options:
            return self.copy(
                source, destination, recursive=recursive, on_conflict=rule, parents=parents, timeout=timeout, deadline=deadline
            )
        ends = (remote(source, "Source"), remote(destination, "Destination"))
        stall_timeout, limits = self._transfer_limits(timeout, deadline)
        told = interest(None, _ANY_CHUNK, progress, stall_timeout=stall_timeout)
        return copy_between(self._native, other._native, *ends, parents, settings, told, *limits)


def rule_of(replace: bool, on_conflict: Optional[str]) -> str:
    """The rule for files in the way."""
    return on_conflict if on_conflict is not None else "replace" if replace else "abort"


def copy_settings(recursive: bool, rule: str, total: bool, options: dict[str, Any]) -> dict[str, Any]:
    """The options as the native side wants them."""
    settings = settings_of("copy_to", options, COPY_TO)
    settings.update(recursive=recursive, on_conflict=rule, total=total)
    return settings
