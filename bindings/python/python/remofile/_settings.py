"""Options as the native side wants them."""

from __future__ import annotations

import contextvars
import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional, TypedDict, Union

    from remofile._progress import Progress
    from remofile._remofile import Interrupt

    class Interest(TypedDict):
        """The callbacks that want to know of it."""

        observer: Optional[Callable[[str, str, int, int], object]]
        detailed: bool
        process_chunk: Optional[Callable[[bytes, int, int, str], Any]]
        chunk_size: int
        chosen: bool
        name: Optional[str]
        resolve: Optional[Callable[..., str]]
        stall_timeout: Optional[int]

    #: Milliseconds that a call may go without progress, then those that it may take, and what ends it.
    TransferLimits = tuple[Optional[int], tuple[Optional[int], Optional[Interrupt]]]


class Secret(str):
    """A token or private key: a text that debuggers, logs of local variables and failed assertions do not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        # A pickle holds the text itself, so that any version of this package reads it.
        return str, ("".join(self),)


class _DefaultChunkSize(int):
    """A chunk size that nobody has chosen, so that any other does as well."""

    __slots__ = ()


#: The chunk size of calls that are given none, in bytes.
CHUNK_SIZE: int = _DefaultChunkSize(512)

#: What ends the calls that are made in this context.
INTERRUPT: contextvars.ContextVar[Optional[Interrupt]] = contextvars.ContextVar("remofile_interrupt", default=None)


def check_chunk_size(chunk_size: int) -> None:
    """Raise ``ValueError`` for what is no size of a chunk; the range is the server's."""
    if isinstance(chunk_size, bool) or not isinstance(chunk_size, int):
        raise TypeError(f"Chunk size must be a whole number of bytes, not {chunk_size!r}")
    if not 0 < chunk_size < 2**32:
        raise ValueError("Chunk size must be a number of bytes, 1 or more")


#: Milliseconds; longer than anybody waits.
_LONGEST = 2**53


def check_timeout(timeout: Optional[float], what: str = "Timeout") -> Optional[int]:
    """A timeout in whole milliseconds.

    :raises ValueError: if it is less than one, which is mostly meant as seconds, or no number at all.
    :raises TypeError: if it is of another type.
    """
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not hasattr(timeout, "__float__"):
        raise TypeError(f"{what} must be a number of milliseconds, not {timeout!r}")
    if not timeout >= 1:
        raise ValueError(f"{what} must be a number of milliseconds, 1 or more, not {timeout!r}")
    return int(min(timeout, _LONGEST))


def is_chosen(chunk_size: int) -> bool:
    """True if a chunk size was chosen, so that servers have to take it."""
    return not isinstance(chunk_size, _DefaultChunkSize)


def sooner(*limits: Optional[int]) -> Optional[int]:
    """The shortest of the limits that there are."""
    return min((limit for limit in limits if limit is not None), default=None)


#: Seconds in the units of a wait.
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(wait: Union[float, bool, None]) -> Optional[float]:
    """A wait in seconds; ``None`` for the default."""
    if isinstance(wait, bool):
        return math.inf if wait else 0.0
    return None if wait is None else float(wait)


def wait_of(text: Optional[str]) -> Union[float, bool, None]:
    """The wait that a variable of the environment tells, as the command reads it."""
    if not text or text == "forever":
        return True if text else None
    number, unit = (text[:-1], text[-1].lower()) if text[-1].lower() in _UNITS else (text, "s")
    if not (number.isascii() and number.isdigit()):
        raise ValueError(f"REMOFILE_WAIT is {text!r}: a wait is a number of seconds, a time such as 90s or 5m, or forever")
    return float(int(number) * _UNITS[unit])


def interest(
    process_chunk: Optional[Callable[[bytes, int, int, str], Any]],
    chunk_size: int,
    progress: Optional[Progress],
    name: Optional[str] = None,
    *,
    chosen: bool = False,
    resolve: Optional[Callable[..., str]] = None,
    stall_timeout: Optional[int] = None,
) -> Interest:
    """The callbacks that want to know of it."""
    from remofile._progress import Told

    told = Told(progress)
    return {
        "observer": told,
        "detailed": told.detailed,
        "process_chunk": process_chunk,
        "chunk_size": chunk_size,
        "chosen": chosen,
        "name": name,
        "resolve": resolve,
        "stall_timeout": stall_timeout,
    }
