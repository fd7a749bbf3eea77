"""The servers of a client as URLs have them: ``HOST:PORT``, or several of them separated by commas."""

from __future__ import annotations


def authority(hostname: str, port: int) -> str:
    """The part of a URL between the slashes and the path: of several servers each with its port."""
    return ",".join(_one(part.strip(), port) for part in hostname.split(","))


def _one(server: str, port: int) -> str:
    if server.startswith("["):
        return server if server.rpartition("]")[2] else f"{server}:{port}"
    if server.count(":") > 1:
        return f"[{server}]:{port}"
    return server if ":" in server else f"{server}:{port}"
