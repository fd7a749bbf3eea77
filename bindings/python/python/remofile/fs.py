"""The file system for fsspec: ``fsspec.open("remofile://host:port/path", token=...)``."""

from __future__ import annotations

import os
from typing import Any, Optional

from fsspec.spec import AbstractFileSystem
from fsspec.utils import infer_storage_options

from remofile._file import RemoteFile, Text
from remofile._settings import interest
from remofile.client import Client

__all__ = ["RemofileFileSystem"]


class RemofileFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """A server's directory as a file system of fsspec.

    Its pickle, ``to_json()`` and ``to_dict()`` hold the token in clear, as those of every fsspec file system hold what
    it was made with. Without ``token`` each process takes that of its own ``REMOFILE_TOKEN``, and nothing holds it.

    :param str host: host name or address; by default ``REMOFILE_HOSTNAME``, or this machine.
    :param int port: the port; by default ``REMOFILE_PORT``, or 6768.
    :param str token: the token; by default ``REMOFILE_TOKEN``.
    :param public_key: the server's public key, if it has one; by default ``REMOFILE_PUBLIC_KEY``.
    :param int timeout: the timeout of each call, in milliseconds.
    :param float wait: how many seconds to wait while others use the server.
    :param client: a client to use in place of all that.
    """

    protocol = "remofile"
    root_marker = "/"
    cachable = True

    def __init__(
        self,
        host: Optional[str] = None,
        port: Optional[int] = None,
        token: Optional[str] = None,
        public_key: Optional[str] = None,
        timeout: Optional[int] = None,
        wait: Optional[float] = None,
        client: Optional[Client] = None,
        **storage_options: Any,
    ) -> None:
        super().__init__(**storage_options)
        self.client = client or Client(
            host or os.environ.get("REMOFILE_HOSTNAME") or "localhost",
            int(port or os.environ.get("REMOFILE_PORT") or 6768),
            token,
            public_key=public_key or os.environ.get("REMOFILE_PUBLIC_KEY") or None,
            timeout=timeout,
            wait=wait,
        )

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        text = str(path) if not isinstance(path, os.PathLike) else os.fspath(path)
        if text.startswith("remofile://"):
            text = infer_storage_options(text)["path"]
        return "/" + "/".join(part for part in text.split("/") if part)

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        found = infer_storage_options(path)
        options = {"host": found.get("host"), "port": found.get("port"), "token": found.get("username")}
        return {name: value for name, value in options.items() if value}

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        path = self._strip_protocol(path)
        try:
            rows, _ = self.client._native.list(path, False, *self._limits())
        except NotADirectoryError:
            found = [self.info(path)]
        else:
            found = [_info(row) for row in rows]
        return found if detail else [entry["name"] for entry in found]

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        try:
            return {**_info(self.client._native.stat(path, *self._limits())), "name": path}
        except NotADirectoryError as error:
            raise FileNotFoundError(*error.args) from error

    def mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        self.client._native.make_directory(self._strip_protocol(path), False, create_parents, *self._limits())

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        path = self._strip_protocol(path)
        if path == "/" and exist_ok:
            return
        self.client._native.make_directory(path, exist_ok, True, *self._limits())

    def rmdir(self, path: str) -> None:
        path = self._strip_protocol(path)
        if self.info(path)["type"] != "directory":
            raise NotADirectoryError(path)
        self.client.delete_file(path)

    def rm_file(self, path: str) -> None:
        self.client.delete_file(self._strip_protocol(path))

    def _rm(self, path: str) -> None:
        self.rm_file(path)

    def rm(self, path: Any, recursive: bool = False, maxdepth: Optional[int] = None) -> None:
        paths = path if isinstance(path, list) else [path]
        for one in self.expand_path(paths, recursive=False):
            self.client.delete_file(one, recursive=recursive)

    def mv(self, path1: str, path2: str, recursive: bool = False, maxdepth: Optional[int] = None, **kwargs: Any) -> None:
        self.client.rename(self._strip_protocol(path1), self._strip_protocol(path2), replace=True)

    def cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        path1, path2 = self._strip_protocol(path1), self._strip_protocol(path2)
        if self.isdir(path1):
            self.makedirs(path2, exist_ok=True)
            return
        self.makedirs(self._parent(path2), exist_ok=True)
        with RemoteFile(self.client, path1, "r") as source, RemoteFile(self.client, path2, "w") as destination:
            while content := source.read(1024 * 1024):
                destination.write(content)

    def put_file(self, lpath: str, rpath: str, callback: Any = None, mode: str = "overwrite", **kwargs: Any) -> None:
        rpath = self._strip_protocol(rpath)
        if os.path.isdir(lpath):
            self.makedirs(rpath, exist_ok=True)
            return
        if mode == "create" and self.exists(rpath):
            raise FileExistsError(rpath)
        self.makedirs(self._parent(rpath), exist_ok=True)
        parent, _, name = rpath.rpartition("/")
        told = interest(None, 512, _progress(callback))
        options = dict(on_conflict="replace", total=callback is not None)
        source = ("", os.path.abspath(lpath), name)
        self.client._native.upload([source], parent or "/", options, told, *self._limits())

    def get_file(self, rpath: str, lpath: Any, callback: Any = None, outfile: Any = None, **kwargs: Any) -> None:
        rpath = self._strip_protocol(rpath)
        if outfile is not None or hasattr(lpath, "write"):
            with RemoteFile(self.client, rpath, "r") as source:
                while content := source.read(1024 * 1024):
                    (outfile or lpath).write(content)
            return
        local = os.path.abspath(lpath)
        if self.isdir(rpath):
            os.makedirs(local, exist_ok=True)
            return
        self.info(rpath)
        os.makedirs(os.path.dirname(local), exist_ok=True)
        told = interest(None, 512, _progress(callback))
        options = dict(on_conflict="replace", total=callback is not None)
        directory, name = os.path.split(local)
        self.client._native.download("/", [(rpath, name)], directory, options, told, *self._limits())

    def cat_file(self, path: str, start: Optional[int] = None, end: Optional[int] = None, **kwargs: Any) -> bytes:
        path = self._strip_protocol(path)
        if start is None and end is None:
            return self.client.read_bytes(path)
        with RemoteFile(self.client, path, "r") as file:
            start, end, _ = slice(start, end).indices(file.seek(0, os.SEEK_END))
            file.seek(start)
            return file.read(max(end - start, 0))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        path = self._strip_protocol(path)
        self.makedirs(self._parent(path), exist_ok=True)
        self.client.write_bytes(path, value, replace=mode != "create")

    def touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        path = self._strip_protocol(path)
        self.makedirs(self._parent(path), exist_ok=True)
        if truncate:
            self.client.write_bytes(path, b"")
        else:
            self.client._native.create_file(path, True, *self._limits())

    def created(self, path: str) -> Any:
        return self.modified(path)

    def modified(self, path: str) -> Any:
        import datetime

        return datetime.datetime.fromtimestamp(self.info(path)["mtime"], tz=datetime.timezone.utc)

    def ukey(self, path: str) -> str:
        found = self.info(path)
        return f"{found['name']}:{found['size']}:{found['mtime']!r}"

    def open(
        self,
        path: str,
        mode: str = "rb",
        block_size: Optional[int] = None,
        cache_options: Optional[dict[str, Any]] = None,
        compression: Optional[str] = None,
        **kwargs: Any,
    ) -> Any:
        if "b" in mode or compression is not None:
            return super().open(path, mode, block_size, cache_options, compression, **kwargs)
        # The base class would wrap it in a file that, where its block raises, makes half of a text visible.
        text = {name: kwargs.pop(name, None) for name in ("encoding", "errors", "newline")}
        return Text(super().open(path, mode.replace("t", "") + "b", block_size, cache_options, **kwargs), **text)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: Optional[int] = None,
        autocommit: bool = True,
        cache_options: Optional[dict[str, Any]] = None,
        **kwargs: Any,
    ) -> Any:
        path = self._strip_protocol(path)
        if "r" not in mode and "+" not in mode:
            self.makedirs(self._parent(path), exist_ok=True)
        file = self.client.open(path, mode, buffering=block_size or -1)
        if autocommit or "r" in mode:
            return file
        return _transacted(file)

    def _limits(self) -> Any:
        return self.client._limits(None)


def _transacted(file: Any) -> Any:
    """A file that becomes visible at the end of a transaction; what is appended does so at once."""
    raw = file.raw
    raw.is_deferred = raw._is_rewritten
    file.commit, file.discard = raw.commit, raw.discard
    return file


def _info(row: tuple[str, str, int, float, Optional[int], bool]) -> dict[str, Any]:
    path, kind, size, time, mode, is_link = row
    found = {"name": path, "size": size, "type": kind, "mtime": time, "mode": mode, "islink": is_link}
    return {**found, "type": kind if kind in ("file", "directory") else "other"}


def _progress(callback: Any) -> Any:
    """A callback of fsspec as a function of bytes done and bytes in all."""
    if callback is None:
        return None

    def tell(done: int, total: int) -> None:
        callback.set_size(total)
        callback.absolute_update(done)

    return tell
