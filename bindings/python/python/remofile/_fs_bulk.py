"""The file system for fsspec: many files at once."""

from __future__ import annotations

import os
from typing import Any, Optional

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.implementations.local import LocalFileSystem, make_path_posix, trailing_sep
from fsspec.utils import other_paths

from remofile._fs_blocking import blocking
from remofile._fs_transfers import Transfers, tells
from remofile._settings import interest
from remofile.exceptions import MissingRightError


class Bulk(Transfers):
    """The part of the file system that copies many files.

    Where they get is what fsspec says, but for one thing: a path that is there as it is written is no pattern. Files of one
    directory are one transfer, unless a callback wants to hear of each.
    """

    async def _get(
        self,
        rpath: Any,
        lpath: Any,
        recursive: bool = False,
        callback: Any = DEFAULT_CALLBACK,
        maxdepth: Optional[int] = None,
        on_error: str = "raise",
        follow_links: bool = False,
        **kwargs: Any,
    ) -> None:
        """Download files.

        :param rpath: a path, a pattern, or a list of them.
        :param lpath: a local path, or a list of local paths, one for each path of a list.
        :param bool recursive: whether directories are downloaded with what is in them, to a depth of ``maxdepth``.
        :param on_error: ``"ignore"`` to pass over files that cannot be had.
        :param bool follow_links: whether links to directories are followed below; if not they are left out.
        """
        if isinstance(lpath, os.PathLike):
            lpath = os.fspath(lpath)
        if isinstance(rpath, list) and isinstance(lpath, list):
            sources: dict[str, Any] = dict.fromkeys(self._strip_protocol(rpath))
            pairs = list(zip(self._strip_protocol(rpath), lpath))
        else:
            sources = await self._sources(rpath, recursive, maxdepth, follow_links)
            is_in = isinstance(lpath, str) and (trailing_sep(lpath) or os.path.isdir(lpath))
            lpath = make_path_posix(lpath)
            pairs = await self._targets(rpath, sorted(sources), lpath, is_in)
            if isinstance(lpath, str):
                _check_contained(lpath, [local for _, local in pairs])
        if tells(callback) or on_error != "raise":
            callback.set_size(len(pairs))
            for path, local in callback.wrap(pairs):
                with callback.branched(path, local) as child, _PassingOver(on_error):
                    await self._get_file(path, local, callback=child, **kwargs)
            return
        groups: dict[str, list[tuple[str, str]]] = {}
        for path, local in pairs:
            info = sources[path] or await self._info(path)
            directory, name = os.path.split(os.path.abspath(local))
            if info["type"] == "directory":
                os.makedirs(local, exist_ok=True)
            else:
                groups.setdefault(directory, []).append((path, name))
        for directory, files in groups.items():
            os.makedirs(directory, exist_ok=True)
            await self._engine.work(self._download, files, directory)

    def _download(self, files: list[tuple[str, str]], directory: str) -> None:
        stall_timeout, limits = self.client._transfer_limits(None)
        told, options = interest(None, 512, None, stall_timeout=stall_timeout), dict(on_conflict="replace")
        self.client._native.download("/", files, directory, options, told, *limits)

    async def _put(
        self,
        lpath: Any,
        rpath: Any,
        recursive: bool = False,
        callback: Any = DEFAULT_CALLBACK,
        maxdepth: Optional[int] = None,
        on_error: str = "raise",
        **kwargs: Any,
    ) -> None:
        """Upload files.

        :param lpath: a local path, a pattern, or a list of them.
        :param rpath: a path at the server, or a list of paths, one for each local path of a list.
        :param bool recursive: whether directories are uploaded with what is in them, to a depth of ``maxdepth``.
        :param on_error: ``"ignore"`` to pass over files that cannot be read.
        """
        if isinstance(lpath, os.PathLike):
            lpath = os.fspath(lpath)
        if isinstance(lpath, list) and isinstance(rpath, list):
            pairs = list(zip(lpath, self._strip_protocol(rpath)))
        else:
            is_one = isinstance(lpath, str)
            lpath = make_path_posix(lpath)
            is_pattern = is_one and not os.path.lexists(lpath.rstrip("/"))
            paths = _local_paths(lpath, is_one and not is_pattern, recursive, maxdepth)
            if is_one and (not recursive or maxdepth is not None):
                paths = [path for path in paths if not (trailing_sep(path) or os.path.isdir(path))]
            is_in = isinstance(rpath, str) and (trailing_sep(rpath) or await self._is_there_as_directory(rpath))
            targets = self._strip_protocol(rpath)
            pairs = _placed(lpath, paths, targets, is_in, is_pattern)
        if self._intrans or tells(callback) or on_error != "raise":
            callback.set_size(len(pairs))
            for source, path in callback.wrap(pairs):
                with callback.branched(source, path) as child, _PassingOver(on_error):
                    await self._put_file(source, path, callback=child, **kwargs)
            return
        await self._put_groups(pairs, **kwargs)

    async def _put_groups(self, pairs: list[tuple[str, str]], mode: str = "overwrite", **kwargs: Any) -> None:
        groups: dict[str, list[tuple[str, str, str]]] = {}
        for source, path in pairs:
            if os.path.isdir(source):
                await self._makedirs(path, exist_ok=True)
                continue
            os.stat(source)
            parent, _, name = path.rpartition("/")
            groups.setdefault(parent, []).append(("", os.path.abspath(source), name))
        for parent, files in groups.items():
            path = f"{parent}/{files[0][2]}"

            def write(may_replace: bool) -> Any:
                return self._engine.work(self._upload, files, parent or "/", may_replace)

            await self._with_parents(path, lambda: write(False) if mode == "create" else self._replacing(write))
            self._forget(parent or "/")

    async def _is_there_as_directory(self, path: str) -> bool:
        try:
            return await self._isdir(path)
        except MissingRightError:
            # A drop box tells nobody what is in it: the path is that of the copy.
            return False

    def _upload(self, files: list[tuple[str, str, str]], directory: str, may_replace: bool) -> None:
        stall_timeout, limits = self.client._transfer_limits(None)
        told = interest(None, 512, None, stall_timeout=stall_timeout)
        options = dict(on_conflict="replace" if may_replace else "abort")
        self.client._native.upload(files, directory, options, told, *limits)

    async def _copy(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        on_error: Optional[str] = None,
        maxdepth: Optional[int] = None,
        batch_size: Optional[int] = None,
        follow_links: bool = False,
        **kwargs: Any,
    ) -> None:
        """Copy files at the server.

        :param path1: a path, a pattern, or a list of them.
        :param path2: a path, or a list of paths, one for each path of a list.
        :param on_error: ``"ignore"`` to pass over files that are not there any more, the default if ``recursive``.
        """
        if isinstance(path1, list) and isinstance(path2, list):
            pairs = list(zip(path1, path2))
        else:
            sources = await self._sources(path1, recursive, maxdepth, follow_links)
            is_in = isinstance(path2, str) and (trailing_sep(path2) or await self._isdir(path2))
            pairs = await self._targets(path1, sorted(sources), self._strip_protocol(path2), is_in)
        for source, target in pairs:
            with _PassingOver(on_error or ("ignore" if recursive else "raise"), FileNotFoundError):
                await self._cp_file(source, target, **kwargs)

    async def _sources(
        self, path: Any, recursive: bool, maxdepth: Optional[int], follow_links: bool
    ) -> dict[str, Optional[dict[str, Any]]]:
        """The files to copy; what they are, where that is known."""
        found = await self._expanded(path, recursive, maxdepth, follow_links=follow_links)
        if isinstance(path, str) and (not recursive or maxdepth is not None):
            # As fsspec has it, directories are copied only by who asks for all that is in them.
            infos = {name: info or await self._info(name) for name, info in found.items()}
            return {name: info for name, info in infos.items() if info["type"] != "directory"}
        return found

    async def _targets(self, source: Any, paths: list[str], target: Any, is_in: bool) -> list[tuple[str, str]]:
        is_pattern = isinstance(source, str) and await self._is_pattern(self._strip_protocol(source))
        return _placed(source, paths, target, is_in, is_pattern)

    get = blocking(_get)
    put = blocking(_put)
    copy = blocking(_copy)


class _PassingOver:
    """A block whose errors do not matter, if it is so wanted."""

    def __init__(self, on_error: str, kind: type[Exception] = OSError) -> None:
        self._kind = () if on_error == "raise" else kind

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Optional[type[BaseException]], error: object, trace: object) -> bool:
        return kind is not None and issubclass(kind, self._kind)


def _placed(source: Any, paths: list[str], target: Any, is_in: bool, is_pattern: bool) -> list[tuple[str, str]]:
    """Each path with where it gets.

    :param is_in: whether the target is a directory that is there.
    """
    if not paths:
        return []
    is_one = isinstance(source, str)
    exists = is_one and (len(paths) == 1 if is_pattern else is_in and not trailing_sep(source))
    return list(zip(paths, other_paths(paths, target, exists=exists, flatten=not is_one)))


def _local_paths(path: Any, is_literal: bool, recursive: bool, maxdepth: Optional[int]) -> list[str]:
    """The local files to upload. What is there as it is written is no pattern: fsspec would take what is in brackets for one."""
    files = LocalFileSystem()
    if not is_literal:
        return list(files.expand_path(path, recursive=recursive, maxdepth=maxdepth))
    if not recursive:
        return [path]
    top = files._strip_protocol(path)
    return sorted({top, *files.find(top, maxdepth=maxdepth, withdirs=True)})


def _check_contained(root: str, paths: list[str]) -> None:
    """Raises for a path that is not below the local directory where everything is to get."""
    top = os.path.abspath(root)
    for path in paths:
        whole = os.path.abspath(path)
        if whole != top and not whole.startswith(top.rstrip(os.sep) + os.sep):
            raise ValueError(f"{path!r} is not below {root!r}")
