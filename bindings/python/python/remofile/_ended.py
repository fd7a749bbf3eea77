"""The rest of a transfer that a callback has ended: nothing of its own, and all that others have put beside it."""

from __future__ import annotations

import os
from contextlib import suppress
from errno import ENOTEMPTY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from remofile._connection import Connection
    from remofile._remofile import Interrupt
    from remofile._settings import Interest

__all__ = ["note_begun", "remove_begun", "remove_begun_here"]


def note_begun(told: Interest, destination: str) -> set[str]:
    """The paths of the files that a transfer has begun, which grow while it goes on."""
    observer = told["observer"]
    begun: set[str] = set()

    def note(event: str, text: str, first: int, second: int) -> None:
        if event == "started":
            begun.add(f"{destination.rstrip('/')}/{text}")
        if observer is not None:
            observer(event, text, first, second)

    told["observer"], told["detailed"] = note, True
    return begun


def remove_begun(
    client: Connection, top: str, begun: set[str], limits: tuple[Optional[int], Optional[Interrupt]]
) -> None:
    """Remove a directory that an upload has made, without what others have put into it meanwhile."""
    native = client._native
    try:
        rows, unlisted = native.list(top, True, *limits)
    except FileNotFoundError:
        return
    directories = [row[0] for row in rows if row[1] == "directory" and not row[5]]
    files = {row[0] for row in rows} - set(directories)
    if files <= begun and not unlisted:
        native.remove(top, True, *limits)
        return
    for path in sorted(files & begun):
        native.remove(path, False, *limits)
    for path in sorted([top, *directories], reverse=True):
        try:
            native.remove(path, False, *limits)
        except OSError as error:
            if error.errno != ENOTEMPTY:
                raise


def remove_begun_here(top: str, begun: set[str]) -> None:
    """The same of a directory that a download has made here."""
    for directory, _, _ in os.walk(top, topdown=False):
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            if path in begun:
                with suppress(OSError):
                    os.unlink(path)
        with suppress(OSError):
            os.rmdir(directory)
