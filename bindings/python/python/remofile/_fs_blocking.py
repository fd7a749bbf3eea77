"""One body for two ways to call it.

The operations of the file system are coroutines that wait for nothing but the methods of :class:`Engine`. A program
that awaits runs them on its loop. A program that does not runs them with :func:`blocking`, to their end, on the thread that
calls: there these methods make the call at once. So no loop, no other thread and no second body is needed, and
forks, Ctrl-C and exceptions are as in any blocking call.
"""

from __future__ import annotations

import functools
import os
import threading

from remofile._paths import remote
from remofile.aio import AsyncClient

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
    from typing import Any, Optional, TypeVar

    from remofile.client import Client

    T = TypeVar("T")

__all__ = ["Engine", "blocking", "blocking_iterator"]

class _Manner(threading.local):
    is_blocking = False


_manner = _Manner()


def blocking(operation: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., T]:
    """The same operation for callers that do not await."""

    @functools.wraps(operation)
    def call(*arguments: Any, **options: Any) -> T:
        return _at_once(operation(*arguments, **options))

    call.__name__ = operation.__name__.lstrip("_")
    return call


def blocking_iterator(operation: Callable[..., AsyncGenerator[T, None]]) -> Callable[..., Iterator[T]]:
    """The same for an operation that gives one thing after the other."""

    @functools.wraps(operation)
    def call(*arguments: Any, **options: Any) -> Iterator[T]:
        given = operation(*arguments, **options)
        while True:
            try:
                one = _at_once(given.__anext__())
            except StopAsyncIteration:
                return
            yield one

    call.__name__ = operation.__name__.lstrip("_")
    return call


def _at_once(operation: Coroutine[Any, Any, T]) -> T:
    before, _manner.is_blocking = _manner.is_blocking, True
    try:
        operation.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        _manner.is_blocking = before
    raise RuntimeError("an operation that does not await has waited for a loop")


class Engine:
    """The client of a file system, for calls that block and for calls that are awaited."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._process = os.getpid()
        self._awaited: Optional[AsyncClient] = None

    async def call(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Make a call of the client, which has the same name and arguments in both manners."""
        if _manner.is_blocking:
            return getattr(self.client, name)(*arguments, **options)
        return await getattr(self.awaited, name)(*arguments, **options)

    async def ask(self, name: str, *arguments: Any) -> Any:
        """Make a native call; one about a path has that first."""
        if arguments and isinstance(arguments[0], str):
            arguments = (remote(arguments[0]), *arguments[1:])
        method = getattr(self.client._native, name)
        if _manner.is_blocking:
            return method(*arguments, *self.client._limits(None))
        return await self.awaited._ask(method, *arguments, timeout=None)

    async def work(self, function: Callable[..., T], /, *arguments: Any, **options: Any) -> T:
        """Do what takes several calls of the blocking client, or one that only that has.

        For a program that awaits a thread does it; if it is cancelled, the call that goes on is ended.
        """
        if _manner.is_blocking:
            return function(*arguments, **options)
        return await self.awaited._call(function, *arguments, **options)

    @property
    def awaited(self) -> AsyncClient:
        """The same client for calls that are awaited: in each process that it comes to, its own."""
        if self._awaited is None or self._process != os.getpid():
            self._process = os.getpid()
            self._awaited = AsyncClient(self.client.hostname, self.client.port, "".join(self.client._settings[2]))
            # So both are one holder, whatever they wait for.
            self._awaited.client = self.client
        return self._awaited
