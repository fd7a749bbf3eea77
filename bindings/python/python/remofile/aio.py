"""The client for programs that await."""

from __future__ import annotations

from remofile._aio_transfers import AsyncTransfers
from remofile.client import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Optional, Union

    from remofile._paths import LocalPath

__all__ = ["AsyncClient"]


class AsyncClient(AsyncTransfers):
    """A :class:`remofile.Client` whose calls are awaited.

    It is made of the same arguments, and its methods have the same names, parameters and errors. There may be
    thousands of calls at a time: some are at work, over as many connections, and the others have their turn one after
    the other; one that waits for other programs takes nobody's turn. Timeouts and
    deadlines count from the call on.

    A task that is cancelled goes on at once; what the server still does for it ends behind it. What an interrupted
    transfer has moved is kept for the next one. Callbacks run on threads that are not the loop's.

    It may be used in several event loops of :mod:`asyncio`, one after the other. As an asynchronous context manager it
    ends its session at the end::

        async with AsyncClient("localhost", 6768, token) as client:
            await asyncio.gather(*(client.upload_file(path, "/photos") for path in paths))

    :param str hostname: host name or address of the server.
    :param int port: its port.
    :param str token: its token; by default that of the environment, ``REMOFILE_TOKEN``.
    :param public_key: its public key, if it has one: 40 characters, as text or bytes.
    :param int protocol: 2, or 1 for a server of the original.
    :param bool encryption: whether the session is to be encrypted; the server must agree to one that is not.
    :param int timeout: the timeout of calls that are not given one, in milliseconds.
    :param int deadline: the deadline of calls that are not given one, in milliseconds.
    :param wait: how many seconds to wait for a path that others use, as for :class:`remofile.Client`.
    :param identity: a directory in which an identity is kept, as for :class:`remofile.Client`.
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
        client = Client(
            hostname,
            port,
            token,
            public_key=public_key,
            protocol=protocol,
            encryption=encryption,
            timeout=timeout,
            wait=wait,
            identity=identity,
            deadline=deadline,
        )
        super().__init__(client)

    @classmethod
    def from_environment(
        cls,
        *,
        timeout: Optional[int] = None,
        wait: Union[float, bool, None] = None,
        deadline: Optional[int] = None,
    ) -> AsyncClient:
        """A client of the server that the environment names: see :meth:`remofile.Client.from_environment`.

        :raises ValueError: if hostname or token are missing, or something is not valid.
        """
        return cls._of(Client.from_environment(timeout=timeout, wait=wait, deadline=deadline))

    @classmethod
    def _of(cls, client: Client) -> AsyncClient:
        made = cls.__new__(cls)
        AsyncTransfers.__init__(made, client)
        return made

    @property
    def hostname(self) -> str:
        """Host name or address of the server."""
        return self.client.hostname

    @property
    def port(self) -> int:
        """The port of the server."""
        return self.client.port

    async def close(self) -> None:
        """End the sessions, if there are some: those of calls that still end, behind them. A later call opens another."""
        self.client.close()
        self._threads.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<remofile.AsyncClient of {self.hostname}:{self.port}>"
