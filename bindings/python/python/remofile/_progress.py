"""The progress of a transfer: to a progress bar, and to the log."""

from __future__ import annotations

import sys

from remofile._remofile import harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional, Protocol, Union

    class ProgressBar(Protocol):
        """The interface of `tqdm.tqdm`, among others."""

        total: Any

        def update(self, n: int, /) -> Any: ...

    #: A progress bar, or a function of bytes done and bytes in all.
    Progress = Union[ProgressBar, Callable[[int, int], Any]]
    #: What the native side calls.
    Observer = Callable[[str, str, int, int], None]


class Told:
    """Keeps a progress bar and the log up to date."""

    def __init__(self, progress: Optional[Progress] = None) -> None:
        self._progress = progress
        self._done = 0
        self._total = 0
        self._is_total_known = False
        #: Whether single files are of interest.
        self.detailed = progress is not None or _is_logged()

    def __call__(self, event: str, text: str, first: int, second: int) -> None:
        if event == "moved":
            self._move(first)
        elif event == "total":
            self._is_total_known = True
            self._begin(second)
        elif event == "started":
            if not self._is_total_known:
                self._begin(self._total + first)
            self._move(second)
        elif event == "present":
            self._move(first)
        log(event, text, first, second)

    def _begin(self, total: int) -> None:
        self._total = total
        if hasattr(self._progress, "update"):
            self._progress.total = total  # type: ignore[union-attr]
            refresh = getattr(self._progress, "refresh", None)
            if refresh is not None:
                refresh()
        else:
            self._move(0)

    def _move(self, count: int) -> None:
        self._done += count
        if self._progress is None:
            return
        if hasattr(self._progress, "update"):
            if count:
                self._progress.update(count)
        else:
            self._progress(self._done, self._total)


def _is_logged() -> bool:
    # Who has not imported the module wants no log.
    logging = sys.modules.get("logging")
    return logging is not None and bool(logging.getLogger("remofile").isEnabledFor(logging.DEBUG))


def log(event: str, text: str, first: int, second: int) -> None:
    if event == "moved" or event == "total":
        return
    import logging

    logger = logging.getLogger("remofile")
    # It may be the name of a file, which whoever made it chose.
    text = harmless(text)
    if event == "waiting":
        logger.info("waiting for %s", text)
    elif event == "retrying":
        logger.warning("%s; attempt %d of %d", text, first, second)
    elif event == "connecting":
        logger.info("%s; trying again", text)
    elif event in ("failed", "skipped"):
        logger.info("%s: %s", event, text)
    else:
        logger.debug("%s: %s", event, text)
