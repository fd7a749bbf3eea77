"""Transactions of the file system for fsspec.

What is written, copied, moved or removed in a transaction is done at its end, in order, or not at all. Directories that
were made for it are removed again if it is given up.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from fsspec.transaction import Transaction as _Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Later:
    """Something to do at the end of a transaction."""

    def __init__(self, commit: Callable[[], object]) -> None:
        self.commit = commit

    def discard(self) -> None:
        """Forget it."""
        self.commit = _nothing


class Transaction(_Transaction):  # type: ignore[misc]
    """An action to be done at the end.

    :ivar files: open files and things to do, each with ``commit`` and ``discard``.
    :ivar made: the directories that were made, outer ones first.
    """

    def __init__(self, fs: Any, **kwargs: Any) -> None:
        super().__init__(fs, **kwargs)
        self.fs: Any = fs
        self.files: deque[Any] = deque()
        self.made: list[str] = []

    def complete(self, commit: bool = True) -> None:
        """Do everything, or nothing.

        If one thing fails, what comes after it is given up and its error raised; what came before it is done.
        """
        fs, files, self.files = self.fs, self.files, deque()
        # Also for what is done now: it is not to be put off again.
        fs._intrans, fs._transaction, self.fs = False, None, None
        made, self.made = self.made, []
        try:
            while files and commit:
                files[0].commit()
                files.popleft()
        finally:
            is_given_up = bool(files) or not commit
            for one in files:
                one.discard()
            if is_given_up:
                _remove_empty(fs, made)
            fs.invalidate_cache()


def _remove_empty(fs: Any, directories: list[str]) -> None:
    for directory in reversed(directories):
        try:
            fs.rmdir(directory)
        except OSError:
            continue  # Somebody has put something into it, or has removed it.


def _nothing() -> None:
    pass
