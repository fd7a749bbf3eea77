"""The file system for fsspec: directories, and what is removed, moved, copied and touched."""

from __future__ import annotations

from errno import EEXIST, EINVAL, ENOTDIR
from typing import Any, Optional

from remofile._fs_blocking import blocking
from remofile._fs_transaction import Later, Transaction
from remofile._fs_tree import Tree
from remofile.exceptions import DestinationNotFound, FileNameError, MissingRightError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def _is_below(path: str, directory: str) -> bool:
    return path != directory and path.startswith(directory.rstrip("/") + "/")


class Changes(Tree):
    """The part of the file system that changes the server."""

    transaction_type = Transaction

    async def _mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        await self._make(self._strip_protocol(path), False, create_parents)

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        path = self._strip_protocol(path)
        if path != "/" or not exist_ok:
            await self._make(path, exist_ok, True)

    async def _make(self, path: str, exist_ok: bool, parents: bool) -> None:
        """Makes a directory: in a transaction at once, too, but there it is removed again if that is given up."""
        missing: list[str] = []
        if self._intrans:
            above = path
            while above and await self._found(above) is None:
                missing.insert(0, above)
                above = above.rpartition("/")[0]
        await self._engine.ask("make_directory", path, exist_ok, parents)
        if missing:
            self.transaction.made += missing
        self._forget(path)

    async def _with_parents(self, path: str, write: Callable[[], Awaitable[Any]]) -> Any:
        """Does what makes a file; if its directory is missing, again with that."""
        try:
            return await write()
        except (FileNotFoundError, DestinationNotFound):
            parent = path.rpartition("/")[0]
            if not parent:
                raise
            # Somebody else may have made it by now.
            await self._makedirs(parent, exist_ok=True)
            return await write()
        finally:
            self._forget(path)

    async def _replacing(self, write: Callable[[bool], Awaitable[Any]]) -> Any:
        """Does what makes a file in place of one that may be there; a token that may replace none makes a new one."""
        try:
            return await write(True)
        except MissingRightError as error:
            if "replace" in error.rights:
                raise
            return await write(False)

    def _put_off(self, commit: Callable[[], object]) -> None:
        self.transaction.files.append(Later(commit))

    async def _rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        path = self._strip_protocol(path)
        if (await self._info(path))["type"] != "directory":
            raise NotADirectoryError(ENOTDIR, "it is no directory", path)
        await self._remove(path, False)

    async def _rm_file(self, path: str, **kwargs: Any) -> None:
        """Remove a file or an empty directory."""
        await self._remove(self._strip_protocol(path), False)

    async def _rm(
        self,
        path: Any,
        recursive: bool = False,
        batch_size: Optional[int] = None,
        maxdepth: Optional[int] = None,
        **kwargs: Any,
    ) -> None:
        """Remove files and directories.

        :param path: a path, a pattern, or a list of them; a path that is there as it is written is no pattern.
        :param bool recursive: whether directories are removed with what is in them. Links are removed themselves.
        :param int maxdepth: how deep that goes: 1 is what is in the directory itself. Directories that are not empty
            afterwards stay.
        """
        given = self._strip_protocol(list(path) if isinstance(path, (list, tuple, set)) else [path])
        # The root directory stays: '/**' is everything in it.
        paths = [one for one in await self._expand_path(path, maxdepth=maxdepth) if one != "/" or one in given]
        if recursive and maxdepth is None:
            # A pattern may match what is in a directory that it matches, too.
            paths = [one for one in paths if not any(_is_below(one, other) for other in paths)]
        for one in reversed(paths):
            if recursive and maxdepth is not None:
                await self._remove_to(one, maxdepth)
            else:
                await self._remove(one, recursive)

    async def _remove(self, path: str, recursive: bool) -> None:
        if path == "/":
            raise FileNameError(EINVAL, "it is the root directory: name what is in it, '/*' for all", path)
        if self._intrans:
            await self._must_be(path)
            self._put_off(lambda: self.client.delete_file(path, recursive=recursive))
            return
        await self._engine.call("delete_file", path, recursive=recursive)
        self._forget(path)

    async def _remove_to(self, path: str, maxdepth: int) -> None:
        if await self._is_link(path):
            await self._remove(path, False)
            return
        found = await self._find(path, maxdepth=maxdepth, withdirs=True, detail=True)
        whole = set(found)
        # Backwards, so that what is in a directory comes before it.
        for name in sorted(found, reverse=True):
            if found[name]["type"] == "directory" and not found[name]["islink"]:
                if any(info["name"] not in whole for info in await self._ls(name, refresh=True)):
                    whole.discard(name)
                    continue
            await self._remove(name, False)

    async def _is_link(self, path: str) -> bool:
        parent = path.rpartition("/")[0] or "/"
        return any(info["islink"] for info in await self._ls(parent, refresh=True) if info["name"] == path)

    async def _must_be(self, path: str) -> None:
        """Raises ``FileNotFoundError`` if there is nothing, and nothing put off that could make it."""
        if not self.transaction.files:
            await self._info(path)

    async def _mv(
        self, path1: Any, path2: Any, recursive: bool = False, maxdepth: Optional[int] = None, **kwargs: Any
    ) -> None:
        """Move files and directories, each at once: a directory with what is in it.

        :param path1: a path, a pattern, or a list of them.
        :param path2: the new path; a directory, which they get into if it is there or ends with ``/``, and if there are
            several of them; or a list of new paths, one for each path of a list.
        :raises FileExistsError: if two of them would get the same path; then nothing was moved.
        """
        for source, target in await self._moves(path1, path2):
            if source == target:
                continue
            if self._intrans:
                await self._must_be(source)
                self._put_off(lambda source=source, target=target: self.mv([source], [target]))  # type: ignore[misc]
                continue

            async def move(source: str = source, target: str = target) -> None:
                await self._engine.call("rename", source, target, replace=True)

            await self._with_parents(target, move)
            self._forget(source)

    async def _moves(self, path1: Any, path2: Any) -> list[tuple[str, str]]:
        """Old and new paths of what is to be moved."""
        if isinstance(path1, (list, tuple)) and isinstance(path2, (list, tuple)):
            if len(path1) != len(path2):
                raise ValueError("there must be as many new paths as old ones")
            return list(zip(self._strip_protocol(list(path1)), self._strip_protocol(list(path2))))
        sources = await self._expand_path(path1)
        target = self._strip_protocol(path2)
        are_several = isinstance(path1, (list, tuple, set)) or sources != [self._strip_protocol(path1)]
        if are_several or str(path2).endswith("/") or await self._isdir(target):
            directory = target.rstrip("/")
            moves = [(source, f"{directory}/{source.rpartition('/')[2]}") for source in sources]
        else:
            moves = [(source, target) for source in sources]
        for name in {new for _, new in moves}:
            if sum(new == name for _, new in moves) > 1:
                raise FileExistsError(EEXIST, "two of the files would get this path", name)
        return moves

    async def _mv_file(self, path1: str, path2: str) -> None:
        await self._mv([path1], [path2])

    async def _cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        path1, path2 = self._strip_protocol(path1), self._strip_protocol(path2)
        if self._intrans:
            await self._must_be(path1)
            self._put_off(lambda: self.cp_file(path1, path2))
            return
        if await self._isdir(path1):
            await self._makedirs(path2, exist_ok=True)
            return
        await self._with_parents(path2, lambda: self._engine.call("copy", path1, path2, replace=True))

    async def _touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        """Create an empty file, or empty one; with ``truncate=False`` set its time to now."""
        path = self._strip_protocol(path)
        if self._intrans:
            self._put_off(lambda: self.touch(path, truncate))
            return

        def touch(may_replace: bool) -> Awaitable[Any]:
            if truncate:
                return self._engine.call("write_bytes", path, b"", replace=may_replace)
            return self._engine.ask("create_file", path, may_replace)

        await self._with_parents(path, lambda: self._replacing(touch))

    mkdir = blocking(_mkdir)
    makedirs = blocking(_makedirs)
    rmdir = blocking(_rmdir)
    rm_file = blocking(_rm_file)
    rm = blocking(_rm)
    mv = blocking(_mv)
    mv_file = blocking(_mv_file)
    cp_file = blocking(_cp_file)
    touch = blocking(_touch)
