"""The log of the native module, passed on to the logger ``remofile``.

Servers in the background share one thread that does it: the native threads never wait for the interpreter.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import traceback

from remofile._remofile import take_logs, wait_for_logs, wake_for_logs

__all__ = ["begin", "end", "pass_on"]

#: Milliseconds; whoever ends the waiting wakes the thread.
_LOG_WAIT = 60_000
#: Seconds that a fork waits for a handler at most: one may wait for whoever forks.
_FORK_WAIT = 5.0

_lock = threading.Lock()
#: Held while handlers write. A process that is forked meanwhile would have their locks, and nobody who gives them back.
_writing = threading.RLock()
_forking = threading.local()
_users = 0
_thread: threading.Thread | None = None


def pass_on() -> None:
    """Hands the lines that wait to the logger."""
    logger = logging.getLogger("remofile")
    for level, line in take_logs():
        try:
            with _writing:
                logger.log(level, "%s", line)
        except Exception:
            # A handler's or filter's mistake ends no server, and not what is logged after it.
            if logging.raiseExceptions:
                traceback.print_exc()


def begin() -> None:
    """Passes on what comes from now on, until as many have called :func:`end`."""
    global _users, _thread
    with _lock:
        _users += 1
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_work, name="remofile log", daemon=True)
            _thread.start()


def end() -> None:
    global _users
    with _lock:
        _users = max(_users - 1, 0)
    wake_for_logs()


def _work() -> None:
    while True:
        wait_for_logs(_LOG_WAIT)
        pass_on()
        with _lock:
            global _thread
            if not _users:
                _thread = None
                return


def _finish() -> None:
    """At the interpreter's end no thread may be left that would return to it."""
    global _users
    with _lock:
        thread, _users = _thread, 0
    if thread is not None:
        wake_for_logs()
        thread.join()


def _before_fork() -> None:
    _forking.holds = _writing.acquire(timeout=_FORK_WAIT)


def _after_fork() -> None:
    if getattr(_forking, "holds", False):
        _writing.release()


def _start_over() -> None:
    """A forked process has none of the other's threads."""
    global _lock, _writing, _users, _thread
    _lock, _writing, _users, _thread = threading.Lock(), threading.RLock(), 0, None


atexit.register(_finish)
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_start_over)
