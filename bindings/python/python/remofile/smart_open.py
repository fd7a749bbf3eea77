"""Files of a server for smart_open: ``import remofile.smart_open``, and then ``smart_open.open("remofile://host:port/path")``.

What the file system is made with is given as ``transport_params={"token": ...}``; without it the environment tells, as for
:class:`remofile.fs.RemofileFileSystem`.
"""

from __future__ import annotations

from smart_open.transport import register_transport

from remofile._fs_urls import options_of, path_of
from remofile.fs import RemofileFileSystem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["SCHEME", "open", "open_uri", "parse_uri"]

#: The scheme of the URLs.
SCHEME = "remofile"

URI_EXAMPLES = ("remofile://host:6768/path",)


def parse_uri(uri_as_string: str) -> dict[str, Any]:
    """The parts of a URL: ``scheme``, ``uri_path``, and ``host``, ``port`` and ``token`` if it has them."""
    return {"scheme": SCHEME, "uri_path": path_of(uri_as_string), **options_of(uri_as_string)}


def open_uri(uri: str, mode: str, transport_params: dict[str, Any]) -> Any:
    """Open the file of a URL; smart_open decompresses and decodes it."""
    parts = parse_uri(uri)
    del parts["scheme"]
    return open(mode=mode, **{**parts, **transport_params})


def open(uri_path: str, mode: str, **options: Any) -> Any:
    """Open a file at a server as bytes; the options are those of the file system."""
    return RemofileFileSystem(**options).open(uri_path, mode)


register_transport(__name__)
