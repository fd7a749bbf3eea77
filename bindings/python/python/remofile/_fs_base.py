"""The file system for fsspec: its server, its names, and what a path is."""

from __future__ import annotations

import logging
import os
from errno import ENOENT
from typing import Any, Optional, Union

from fsspec.asyn import AsyncFileSystem, get_loop

from remofile._fs_blocking import Engine, blocking
from remofile._fs_urls import options_of, path_of, url_of
from remofile._paths import is_nothing
from remofile._settings import wait_of
from remofile.aio import AsyncClient
from remofile.client import Client

_log = logging.getLogger("remofile")

#: The variables that stand for arguments that are not given.
_VARIABLES = ("HOSTNAME", "PORT", "TOKEN", "PUBLIC_KEY", "PROTOCOL", "WAIT")

#: The arguments that may be given by their places.
_PLACES = ("host", "port", "token", "public_key", "timeout", "wait", "client")


class _Environment:
    """The environment's part in which instances are the same: fsspec keeps them by their arguments."""

    def __get__(self, instance: object, owner: type) -> tuple[Optional[str], ...]:
        return tuple(os.environ.get(f"REMOFILE_{name}") for name in _VARIABLES)


class Base(AsyncFileSystem):  # type: ignore[misc]
    """The part of the file system that knows its server and asks what is there."""

    protocol = "remofile"
    root_marker = "/"
    cachable = True
    # The methods that block are made here, of the same bodies: not with fsspec's loop on a thread of its own.
    mirror_sync_methods = False
    _environment = _Environment()
    _extra_tokenize_attributes = ("_environment",)

    def __init__(
        self,
        host: Optional[str] = None,
        port: Optional[int] = None,
        token: Optional[str] = None,
        public_key: Optional[str] = None,
        timeout: Optional[int] = None,
        wait: Optional[float] = None,
        client: Union[Client, AsyncClient, None] = None,
        *,
        protocol_version: Optional[int] = None,
        encryption: bool = True,
        identity: Optional[str] = None,
        asynchronous: bool = False,
        loop: Any = None,
        batch_size: Optional[int] = None,
        use_listings_cache: bool = False,
        **storage_options: Any,
    ) -> None:
        # Told that it is asynchronous the base class starts no thread with a loop, which nobody may ever need.
        super().__init__(
            asynchronous=True, batch_size=batch_size, use_listings_cache=use_listings_cache, **storage_options
        )
        self.asynchronous = asynchronous
        self._loop = loop
        variables = os.environ
        given = client.client if isinstance(client, AsyncClient) else client
        self.client = given or Client(
            host or variables.get("REMOFILE_HOSTNAME") or "localhost",
            int(port or variables.get("REMOFILE_PORT") or 6768),
            token,
            public_key=public_key or variables.get("REMOFILE_PUBLIC_KEY") or None,
            protocol=int(protocol_version or variables.get("REMOFILE_PROTOCOL") or 2),
            encryption=encryption,
            timeout=timeout,
            wait=wait_of(variables.get("REMOFILE_WAIT")) if wait is None else wait,
            identity=identity,
        )
        self._engine = Engine(self.client)

    @property
    def loop(self) -> Any:
        """The loop of fsspec, for what is built on file systems that await."""
        if self._loop is None and not self.asynchronous:
            self._loop = get_loop()
        return self._loop

    # Names.

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        return [path_of(one) for one in path] if isinstance(path, (list, tuple, set)) else path_of(path)

    @staticmethod
    def _get_kwargs_from_urls(path: Any) -> dict[str, Any]:
        return options_of(os.fspath(path))

    def unstrip_protocol(self, name: str) -> str:
        """The URL of a path, with host and port and without the token."""
        return url_of(self.client.hostname, self.client.port, name)

    @property
    def fsid(self) -> str:
        """The server: the same for all file systems that have it."""
        return url_of(self.client.hostname, self.client.port, "/")

    def to_dict(self, *, include_password: bool = True) -> dict[str, Any]:
        """The file system as a dictionary that :meth:`from_dict` and :meth:`from_json` make it of again.

        It holds the token in clear if it was made with one, as a pickle does: who reads it connects as this file system.

        :param bool include_password: ``False`` leaves the token out; that of ``REMOFILE_TOKEN`` is used in its place then.
        """
        options = {**dict(zip(_PLACES, self.storage_args)), **self.storage_options}
        client = options.pop("client", None)
        if client is not None:
            options.update(_options_of(self.client))
        elif include_password and None not in options.values():
            return super().to_dict()  # type: ignore[no-any-return]
        if not include_password:
            options.pop("token", None)
        told = object.__new__(type(self))
        told.storage_args = ()
        told.storage_options = {name: value for name, value in options.items() if value is not None}
        return super(Base, told).to_dict()  # type: ignore[no-any-return]

    # What is there.

    async def _ls(self, path: str, detail: bool = True, refresh: bool = False, **kwargs: Any) -> list[Any]:
        path = self._strip_protocol(path)
        found = None if refresh else self.dircache.get(path)
        if found is None:
            try:
                found, failures = await self._listed(path, False)
            except NotADirectoryError:
                found, failures = [await self._info(path)], []
            for failure in failures:
                _log.warning("left out: %s", failure)
            # What is not whole is told anew each time.
            if not failures:
                self.dircache[path] = found
        return list(found) if detail else [entry["name"] for entry in found]

    async def _listed(self, path: str, recursive: bool) -> tuple[list[dict[str, Any]], list[str]]:
        """The entries of a directory, and below it if that is wanted; and what could not be read there."""
        listed, failures = await self._engine.ask("list", path, recursive)
        return [_info(*row) for row in listed], failures

    async def _info(self, path: str, refresh: bool = False, **kwargs: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        if not refresh and self.dircache.use_listings_cache:
            for entry in self.dircache.get(path.rpartition("/")[0] or "/") or ():
                if entry["name"] == path:
                    return dict(entry)
        try:
            _, kind, size, seconds, nanoseconds, mode, target = await self._engine.ask("entry", path, False)
        except NotADirectoryError as error:
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), path) from error
        own = _info(path, kind, size, seconds + 1e-9 * nanoseconds, mode, kind == "link")
        return own if kind != "link" else await self._led_to(path, own, target)

    async def _led_to(self, path: str, own: dict[str, Any], target: Optional[str]) -> dict[str, Any]:
        """The entry of a link's target under the name of the link, as :class:`fsspec.implementations.local.LocalFileSystem` tells it."""
        try:
            _, *row = await self._engine.ask("stat", path)
        except OSError as error:
            if not is_nothing(error):
                raise
            info = own
        else:
            info = _info(path, *row[:4], True)
        return info if target is None else {**info, "destination": target}

    async def _exists(self, path: str, **kwargs: Any) -> bool:
        """Tell whether there is such a file or directory; a link that leads nowhere is none, as for ``os.path.exists``."""
        found = await self._found(path)
        return found is not None and not _is_broken(found)

    async def _lexists(self, path: str, **kwargs: Any) -> bool:
        """The same, but a link is there wherever it leads."""
        return await self._found(path) is not None

    async def _isfile(self, path: str) -> bool:
        found = await self._found(path)
        return found is not None and found["type"] == "file"

    async def _isdir(self, path: str) -> bool:
        found = await self._found(path)
        return found is not None and found["type"] == "directory"

    async def _found(self, path: str) -> Optional[dict[str, Any]]:
        """The entry at a path; ``None`` for nothing, and for a name that no file can have."""
        try:
            return await self._info(path)
        except ValueError:
            return None
        except OSError as error:
            if not is_nothing(error):
                raise
            return None

    ls = blocking(_ls)
    info = blocking(_info)
    exists = blocking(_exists)
    lexists = blocking(_lexists)
    isfile = blocking(_isfile)
    isdir = blocking(_isdir)

    def invalidate_cache(self, path: Optional[str] = None) -> None:
        """Forget listings that are kept: all, or those that a path is in or above of."""
        super().invalidate_cache(path)
        if path is None:
            self.dircache.clear()
        elif self.dircache.use_listings_cache:
            self._forget(self._strip_protocol(path))

    def _forget(self, path: str) -> None:
        """Forgets the listings that a change at this path has made old."""
        if self.dircache.use_listings_cache:
            # Directories above it may have been made with it.
            above = {path.rsplit("/", count)[0] or "/" for count in range(1, path.count("/") + 1)}
            below = path.rstrip("/") + "/"
            for kept in list(self.dircache):
                if kept == path or kept in above or kept.startswith(below):
                    self.dircache.pop(kept, None)


def _info(
    path: str, kind: str, size: int, time: float, mode: Optional[int], is_link: bool, *others: Any
) -> dict[str, Any]:
    is_known = kind in ("file", "directory")
    return {
        "name": path,
        "size": size,
        "type": kind if is_known else "other",
        "mtime": time,
        "mode": mode,
        "islink": is_link,
    }


def _is_broken(info: dict[str, Any]) -> bool:
    """True if it is a link that leads nowhere: one that leads somewhere is told as what is there."""
    return bool(info["islink"]) and info["type"] == "other"


def _options_of(client: Client) -> dict[str, Any]:
    """The arguments that make a file system of a client's server."""
    hostname, port, token, key, protocol, plain, wait = client._settings
    options = {
        "host": hostname,
        "port": port,
        "token": "".join(token),
        "public_key": key,
        "timeout": client._timeout,
        "wait": wait,
        "protocol_version": None if protocol == 2 else protocol,
        "encryption": None if not plain else False,
        "identity": client._identity,
    }
    return {name: value for name, value in options.items() if value is not None}
