"""Calls that are awaited.

A native call is begun with an interrupt that knows the mailbox of the running event loop: it returns at once, and its
answer comes to the mailbox, whose descriptor the loop watches. What is made of several calls runs on a thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import weakref
from concurrent.futures import ThreadPoolExecutor

from remofile._remofile import Interrupt, Mailbox, timed_out
from remofile._settings import INTERRUPT, sooner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any, Optional, TypeVar

    T = TypeVar("T")

__all__ = ["Threads", "ask"]

#: Seconds that a call whose time is over has to say so itself, before it is left.
_GRACE = 0.01

#: Most threads of one client for what is made of several calls. What is beyond them waits.
_MOST_THREADS = 256


class _Answers:
    """The answers that one event loop waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._mailbox = Mailbox()
        self._futures: dict[int, asyncio.Future[Any]] = {}
        self._tickets = 0
        loop.add_reader(self._mailbox.fileno(), self._deliver)

    def expect(self, future: asyncio.Future[Any]) -> tuple[int, Interrupt]:
        self._tickets += 1
        self._futures[self._tickets] = future
        # In the context of a callback that another call waits for, this is made in it.
        return self._tickets, Interrupt(self._mailbox, self._tickets, INTERRUPT.get())

    def forget(self, ticket: int) -> bool:
        """Wait for an answer no longer; false if it has come."""
        return self._futures.pop(ticket, None) is not None

    def _deliver(self) -> None:
        for ticket, value, error in self._mailbox.take():
            future = self._futures.pop(ticket, None)
            if future is None or future.done():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)


#: Those of each event loop that is there.
_ANSWERS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Answers] = weakref.WeakKeyDictionary()


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        pass
    raise RuntimeError(
        "an AsyncClient is awaited in an event loop of asyncio, or of anyio on asyncio; "
        "with trio, call a remofile.Client by trio.to_thread.run_sync"
    )


async def ask(method: Callable[..., T], arguments: tuple[Any, ...], limit: Optional[int]) -> T:
    """Returns the result of a native method. If this is cancelled, the call is ended, and nobody waits for its end.

    :param arguments: those of the method but for the last, the interrupt.
    :param limit: milliseconds for the whole call, from now on; ``None`` if only the call itself has a limit.
    """
    loop = _running_loop()
    answers = _ANSWERS.get(loop)
    if answers is None:
        answers = _ANSWERS[loop] = _Answers(loop)
    future: asyncio.Future[T] = loop.create_future()
    ticket, interrupt = answers.expect(future)
    timer = None
    try:
        method(*arguments, interrupt)
        if limit is not None:
            timer = loop.call_later(limit / 1000 + _GRACE, _expire, future, limit)
        return await future
    finally:
        if timer is not None:
            timer.cancel()
        if answers.forget(ticket):
            interrupt.trigger()


def _expire(future: asyncio.Future[Any], limit: int) -> None:
    if not future.done():
        future.set_exception(timed_out(limit))


class Threads:
    """The threads of a client for what is made of several calls. They end with it."""

    def __init__(self) -> None:
        self._executor: Optional[ThreadPoolExecutor] = None
        self._process = os.getpid()

    async def call(
        self,
        function: Callable[..., T],
        *arguments: Any,
        on_abandoned: Optional[Callable[[T], object]] = None,
        **options: Any,
    ) -> T:
        """Returns the result of a function, whose calls are ended if this is cancelled. Its callbacks run on its thread.

        Its ``timeout`` and ``deadline``, if it has them, count while it waits for a thread, too.

        :param on_abandoned: called on a thread with what the function returns all the same after this was cancelled.
        """
        loop = _running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        interrupt, context = Interrupt(outer=INTERRUPT.get()), contextvars.copy_context()
        context.run(INTERRUPT.set, interrupt)
        body = functools.partial(context.run, function, *arguments, **options)
        future = self._executors().submit(body)
        future.add_done_callback(functools.partial(_tell, loop, waiter, on_abandoned))
        limits = (options.get(name) for name in ("timeout", "deadline"))
        limit, timer = sooner(*(limit for limit in limits if isinstance(limit, int))), None
        if limit is not None and not future.running():
            timer = loop.call_later(limit / 1000 + _GRACE, _withdraw, future, waiter, limit)
        try:
            return await waiter
        finally:
            if timer is not None:
                timer.cancel()
            if not future.done():
                interrupt.trigger()
                future.cancel()

    def close(self) -> None:
        """Have the threads end when what they do is over."""
        executor, self._executor = self._executor, None
        if executor is not None and self._process == os.getpid():
            executor.shutdown(wait=False)

    def _executors(self) -> ThreadPoolExecutor:
        process = os.getpid()
        if self._executor is None or self._process != process:
            # A forked process has none of the other's threads.
            self._executor = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="remofile")
            self._process = process
        return self._executor


def _tell(
    loop: asyncio.AbstractEventLoop,
    waiter: asyncio.Future[T],
    on_abandoned: Optional[Callable[[T], object]],
    future: Future[T],
) -> None:
    """Tells the loop what a function has returned."""
    if waiter.done():
        _abandon(future, on_abandoned)
        return
    try:
        loop.call_soon_threadsafe(_settle, loop, waiter, on_abandoned, future)
    except RuntimeError:
        # The loop is closed: nobody waits.
        _abandon(future, on_abandoned)


def _settle(
    loop: asyncio.AbstractEventLoop,
    waiter: asyncio.Future[T],
    on_abandoned: Optional[Callable[[T], object]],
    future: Future[T],
) -> None:
    if waiter.done():
        if on_abandoned is not None:
            loop.run_in_executor(None, _abandon, future, on_abandoned)
        return
    if future.cancelled():
        return
    error = future.exception()
    if error is None:
        waiter.set_result(future.result())
    elif isinstance(error, StopIteration):
        waiter.set_exception(RuntimeError("a callback raised StopIteration"))
    else:
        waiter.set_exception(error)


def _abandon(future: Future[T], on_abandoned: Optional[Callable[[T], object]]) -> None:
    if on_abandoned is not None and not future.cancelled() and future.exception() is None:
        on_abandoned(future.result())


def _withdraw(future: Future[Any], waiter: asyncio.Future[Any], limit: int) -> None:
    """Ends the waiting of what has had no thread within its time."""
    if future.cancel() and not waiter.done():
        waiter.set_exception(timed_out(limit))
