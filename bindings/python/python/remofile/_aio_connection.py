"""The base of every call of an asynchronous client."""

from __future__ import annotations

from remofile._loop import Threads, ask
from remofile._settings import sooner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional, TypeVar

    from remofile.client import Client

    T = TypeVar("T")


class AsyncConnection:
    """A client, and the ways to await what it does."""

    def __init__(self, client: Client) -> None:
        #: The client that makes the calls.
        self.client = client
        self._threads = Threads()

    async def _ask(
        self, method: Callable[..., T], *arguments: Any, timeout: Optional[int], deadline: Optional[int] = None
    ) -> T:
        """The answer of a native method."""
        limit = sooner(*self.client._both(timeout, deadline))
        return await ask(method, (*arguments, limit), limit)

    async def _call(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Returns the result of a function that makes several calls, on a thread."""
        return await self._threads.call(function, *arguments, **options)
