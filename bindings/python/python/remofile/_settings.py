"""Options as the native side wants them."""

from __future__ import annotations

import contextvars

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional, TypedDict

    from remofile._progress import Progress
    from remofile._remofile import Interrupt

    class Interest(TypedDict):
        """Who wants to know of it."""

        observer: Optional[Callable[[str, str, int, int], object]]
        detailed: bool
        process_chunk: Optional[Callable[[bytes, int, int, str], Any]]
        chunk_size: int
        name: Optional[str]




class Secret(str):
    """A token or private key: a text that debuggers, logs of local variables and failed assertions do not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        # A pickle holds the text itself, so that any version of this package reads it.
        return str, ("".join(self),)


#: The smallest and the largest chunk that a callback may ask for, in bytes.
CHUNK_SIZES = (512, 8192)

#: What ends the calls that are made in this context.
INTERRUPT: contextvars.ContextVar[Optional[Interrupt]] = contextvars.ContextVar("remofile_interrupt", default=None)


def check_chunk_size(chunk_size: int) -> None:
    """Raise ``ValueError`` for a chunk size that servers do not accept."""
    least, most = CHUNK_SIZES
    if not least <= chunk_size <= most:
        raise ValueError(f"Chunk size must be between {least} and {most} bytes")


#: Milliseconds; longer than anybody waits.
_LONGEST = 2**53


def check_timeout(timeout: Optional[int]) -> Optional[int]:
    """A timeout in whole milliseconds."""
    if timeout is None:
        return None
    if timeout < 0:
        raise ValueError("Timeout must be a number of milliseconds, 0 or more")
    return min(int(timeout), _LONGEST)


def interest(
    process_chunk: Optional[Callable[[bytes, int, int, str], Any]],
    chunk_size: int,
    progress: Optional[Progress],
    name: Optional[str] = None,
) -> Interest:
    """Who wants to know of it."""
    from remofile._progress import Told

    told = Told(progress)
    return {
        "observer": told,
        "detailed": told.detailed,
        "process_chunk": process_chunk,
        "chunk_size": chunk_size,
        "name": name,
    }
