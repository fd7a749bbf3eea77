"""Paths of universal_pathlib: ``UPath("remofile://host:port/path", token=...)``.

They are registered with the package: nothing has to be imported.
"""

from __future__ import annotations

import os

from fsspec import register_implementation
from upath import UPath

from remofile._fs_urls import PREFIX, url_of
from remofile.fs import RemofileFileSystem

__all__ = ["RemofileUPath"]

# Of a file system that is not imported yet universal_pathlib does not ask how its URLs are read.
register_implementation("remofile", RemofileFileSystem, clobber=True)


class RemofileUPath(UPath):  # type: ignore[misc, unused-ignore]
    """A path at a server that tells its host and port, and never the token."""

    __slots__ = ()

    def __str__(self) -> str:
        text: str = super().__str__()
        if not text.startswith(f"{PREFIX}/"):
            return text  # Relative, or a chain.
        options, variables = self.storage_options, os.environ
        host = options.get("host") or variables.get("REMOFILE_HOSTNAME") or "localhost"
        return url_of(host, int(options.get("port") or variables.get("REMOFILE_PORT") or 6768), text[len(PREFIX) :])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"
