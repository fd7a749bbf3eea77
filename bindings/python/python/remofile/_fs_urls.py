"""URLs of files at a server: ``remofile://[TOKEN@]HOST[:PORT]/PATH``.

They are no URLs of the web: what follows the host is the path, with ``?``, ``#`` and ``%`` in names as they are.
"""

from __future__ import annotations

import os
import re

from ._servers import authority

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PREFIX = "remofile://"

_URL = re.compile(
    r"remofile://(?:(?P<token>[^/@]*)@)?"
    r"(?:(?P<several>[^/,]*,[^/]*)|(?:\[(?P<address>[^\]/]*)\]|(?P<host>[^/:]*))(?::(?P<port>[^/]*))?)(?P<path>/.*)?",
    re.DOTALL,
)


def options_of(url: str) -> dict[str, Any]:
    """The server that a URL names: ``host``, ``port`` and ``token``, each if it is there.

    :raises ValueError: if the port is no number, or the URL is none.
    """
    if not url.startswith(PREFIX):
        return {}
    found = _matched(url)
    port = found["port"]
    if port and not (port.isascii() and port.isdigit()):
        raise ValueError(f"the port of {_without_token(url)!r} is no number")
    host = found["several"] or found["address"] or found["host"]
    options = {"host": host, "port": int(port) if port else None, "token": found["token"]}
    return {name: value for name, value in options.items() if value}


def path_of(path: Any) -> str:
    """The absolute path at the server that a path or a URL names, in its one form."""
    text = os.fspath(path) if isinstance(path, os.PathLike) else str(path)
    if text.startswith(PREFIX):
        text = _matched(text)["path"] or "/"
    return "/" + "/".join(part for part in text.split("/") if part)


def url_of(host: str, port: int, path: str) -> str:
    """The URL of a path at a server, without a token."""
    if path.startswith(PREFIX):
        return path
    return f"{PREFIX}{authority(host, port)}{path_of(path)}"


def _matched(url: str) -> re.Match[str]:
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError(f"{_without_token(url)!r} is no URL: it must be remofile://HOST:PORT/PATH")
    return found


def _without_token(url: str) -> str:
    """A URL as errors may show it."""
    host, slash, path = url[len(PREFIX) :].partition("/")
    return PREFIX + host.rpartition("@")[2] + slash + path
