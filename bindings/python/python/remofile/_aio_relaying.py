"""Copies from one server to another, awaited."""

from __future__ import annotations

from remofile._aio_calls import AsyncCalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Union

    from typing_extensions import Unpack

    from remofile._aio_connection import AsyncConnection
    from remofile._connection import Connection
    from remofile._options import CopyToOptions
    from remofile._paths import RemotePath
    from remofile._progress import Progress
    from remofile._remofile import Report


class AsyncRelaying(AsyncCalls):
    """Operations on two servers: methods of :class:`remofile.AsyncClient`."""

    async def copy_to(
        self,
        other: Union[AsyncConnection, Connection],
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

        :param other: the client of the other server: a :class:`remofile.Client` or :class:`remofile.AsyncClient`.
        :param source: the absolute path of a file, or with ``recursive`` of a directory, at this client's server.
        :param destination: the absolute path of the copy itself at the other one, in an existing directory.
        :param int timeout: milliseconds that it may go without progress, from now on; ``deadline`` is for all of it.
        :param bool recursive: whether a directory is copied with its contents.
        :param bool replace: whether files that are in the way are replaced.
        :param str on_conflict: in place of ``replace``, what becomes of files in the way: ``"abort"``, ``"replace"``,
            ``"skip"``, ``"rename"`` or ``"newer"``.
        :param bool parents: whether missing directories above the destination are made.
        :param progress: called as a transfer's is, on a thread that is not the loop's.
        :param options: of those of an upload ``preserve_mode``, ``bytes_per_second``, ``retries``, ``strict``, ``links``,
            ``exclude``, ``include``, ``exclude_from``, ``min_size``, ``max_size`` and ``resume``.
        :return: the numbers of files, directories and bytes that were copied.
        :raises FileNotFoundError: if there is no such file, or no directory for the copy.
        :raises FileExistsError: if the destination is taken.
        :raises OSError: with the path in ``filename`` as a URL, since it may be at either server.
        :raises TimeoutError: if nothing moves for the timeout, or it takes longer than the deadline.
        """
        return await self._call(
            self.client.copy_to,
            getattr(other, "client", other),
            source,
            destination,
            timeout=timeout,
            recursive=recursive,
            replace=replace,
            on_conflict=on_conflict,
            parents=parents,
            progress=progress,
            deadline=deadline,
            **options,
        )
