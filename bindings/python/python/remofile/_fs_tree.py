"""The file system for fsspec: trees, and patterns of names."""

from __future__ import annotations

import logging
import re
from errno import ENOENT
from typing import Any, Optional

from fsspec.utils import glob_translate

from remofile._fs_base import Base
from remofile._fs_blocking import blocking, blocking_iterator
from remofile._paths import is_nothing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


_log = logging.getLogger("remofile")
_MAGIC = re.compile(r"[*?\[]")


class Tree(Base):
    """The part of the file system that looks at more than one directory.

    Links to directories are not followed unless ``follow_links=True`` asks for it: they lead to a place that has another
    name, or to where the walk is. Links to files are files.
    """

    async def _walk(
        self,
        path: str,
        maxdepth: Optional[int] = None,
        topdown: bool = True,
        on_error: Any = "omit",
        detail: bool = False,
        follow_links: bool = False,
        **kwargs: Any,
    ) -> AsyncGenerator[tuple[str, Any, Any], None]:
        _check_depth(maxdepth)
        root = self._strip_protocol(path)
        is_listed_at_once = maxdepth is None and not follow_links
        tree = await self._tree(root, on_error) if is_listed_at_once else None
        if is_listed_at_once and tree is None:
            return
        # Directories to visit, each with its depth and, if links are followed, the contents of those above it; or, as a list,
        # what is to be given when what is below it was.
        steps: list[Any] = [(root, 1, ())]
        while steps:
            step = steps.pop()
            if isinstance(step, list):
                yield tuple(step)
                continue
            place, depth, above = step
            listing = tree.get(place, []) if tree is not None else await self._level(place, depth, on_error)
            seen = _fingerprint(listing) if follow_links and listing else None
            if listing is None or (seen is not None and seen in above):
                continue
            dirs, files = _parted(place, listing)
            links = {name for name, info in dirs.items() if info["islink"]}
            given: list[Any] = [place, dirs, files] if detail else [place, list(dirs), list(files)]
            if topdown:
                yield tuple(given)
            else:
                steps.append(given)
            if maxdepth is None or depth < maxdepth:
                inner = (*above, seen) if follow_links else ()
                names = [name for name in given[1] if follow_links or name not in links]
                steps += [(_join(place, name), depth + 1, inner) for name in reversed(names)]

    async def _tree(self, root: str, on_error: Any) -> Optional[dict[str, list[Any]]]:
        """The contents of each directory of a tree, in one listing; ``None`` if there is no such tree."""
        try:
            entries, failures = await self._listed(root, True)
        except OSError as error:
            # A file is a tree of its own. What is not there, or can be nowhere, has none.
            file = await self._found(root) if isinstance(error, NotADirectoryError) else None
            if file is not None:
                return {root: [file]}
            if not is_nothing(error):
                raise
            _tell(on_error, error)
            return None
        for failure in failures:
            _tell(on_error, OSError(failure))
        tree: dict[str, list[Any]] = {root: []}
        for entry in entries:
            if entry["type"] == "directory" and not entry["islink"]:
                tree.setdefault(entry["name"], [])
            tree.setdefault(entry["name"].rpartition("/")[0] or "/", []).append(entry)
        if not failures:
            for directory, contents in tree.items():
                self.dircache[directory] = contents
        return tree

    async def _level(self, path: str, depth: int, on_error: Any) -> Optional[list[Any]]:
        """The contents of a directory on a walk; ``None`` if it cannot be read and that is no error."""
        try:
            return await self._ls(path)
        except OSError as error:
            # That nothing at all may be read must not look like an empty directory.
            is_unread = depth > 1 and isinstance(error, PermissionError)
            if not (is_unread or is_nothing(error)):
                raise
            _tell(on_error, error)
            return None

    async def _find(
        self, path: str, maxdepth: Optional[int] = None, withdirs: bool = False, detail: bool = False, **kwargs: Any
    ) -> Any:
        root = self._strip_protocol(path)
        out: dict[str, Any] = {}
        if withdirs:
            info = await self._found(root)
            if info is not None and info["type"] == "directory":
                out[root] = info
        async for _, dirs, files in self._walk(root, maxdepth, detail=True, **kwargs):
            if withdirs:
                out.update((info["name"], info) for info in dirs.values())
            out.update((info["name"], info) for info in files.values())
        names = sorted(out)
        return {name: out[name] for name in names} if detail else names

    async def _du(
        self, path: str, total: bool = True, maxdepth: Optional[int] = None, withdirs: bool = False, **kwargs: Any
    ) -> Any:
        kwargs.pop("detail", None)
        found = await self._find(path, maxdepth=maxdepth, withdirs=withdirs, detail=True, **kwargs)
        sizes = {name: info["size"] for name, info in found.items()}
        return sum(sizes.values()) if total else sizes

    async def _glob(
        self, path: str, maxdepth: Optional[int] = None, detail: bool = False, withdirs: bool = True, **kwargs: Any
    ) -> Any:
        """Find files by a pattern; only directories that it can match in are listed."""
        _check_depth(maxdepth)
        text, path = str(path), self._strip_protocol(path)
        is_of_directories = text.endswith("/")
        if not _MAGIC.search(path):
            info = await self._found(path)
            found = {} if info is None else {path: info}
        else:
            matches = re.compile(glob_translate(path + ("/" if is_of_directories else ""))).match
            has_slash = is_of_directories or path.endswith("/**")
            found = {}
            for info in await self._candidates(path.split("/")[1:], maxdepth, **kwargs):
                is_directory = info["type"] == "directory"
                name = info["name"]
                if (withdirs or not is_directory) and matches(f"{name}/" if has_slash and is_directory else name):
                    found[name] = info
        return dict(sorted(found.items())) if detail else sorted(found)

    async def _candidates(self, parts: list[str], maxdepth: Optional[int], **kwargs: Any) -> list[dict[str, Any]]:
        """The entries that the parts of a pattern may match, found level by level."""
        places, depth = [""], 1
        for index, part in enumerate(parts):
            if "**" in part:
                options = dict(kwargs, maxdepth=maxdepth, withdirs=True, detail=True)
                found = [await self._find(place or "/", **options) for place in places]
                return [info for infos in found for info in infos.values()]
            if not _MAGIC.search(part):
                places = [f"{place}/{part}" for place in places]
                continue
            matches, infos = re.compile(glob_translate(part)).match, []
            for place in places:
                level = await self._level(place or "/", depth, "omit") or ()
                infos += [info for info in level if matches(info["name"].rpartition("/")[2])]
            if index == len(parts) - 1:
                return infos
            depth += 1
            places = [info["name"] for info in infos if info["type"] == "directory"]
        # The last part is a name: whether it is there is still to be asked.
        there = [await self._found(place) for place in places]
        return [info for info in there if info is not None]

    async def _expand_path(
        self,
        path: Any,
        recursive: bool = False,
        maxdepth: Optional[int] = None,
        assume_literal: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """The paths that patterns match, and with ``recursive`` what is below them.

        A path that is there as it is written means itself, even if it could be a pattern. Of what is below, links to
        directories are left out unless ``follow_links=True`` is given, and so is what has no content: links that lead
        nowhere, pipes and devices.
        """
        return sorted(await self._expanded(path, recursive, maxdepth, assume_literal, **kwargs))

    async def _expanded(
        self,
        path: Any,
        recursive: bool = False,
        maxdepth: Optional[int] = None,
        assume_literal: bool = False,
        follow_links: bool = False,
        **kwargs: Any,
    ) -> dict[str, Optional[dict[str, Any]]]:
        """The same, with what each path is, where that is known."""
        _check_depth(maxdepth)
        out: dict[str, Optional[dict[str, Any]]] = {}
        for one in self._strip_protocol(list(path) if isinstance(path, (list, tuple, set)) else [path]):
            depth, tops = maxdepth, [one]
            if not assume_literal and await self._is_pattern(one):
                found = await self._glob(one, maxdepth=maxdepth, detail=True, follow_links=follow_links)
                found = _with_content(found, "", follow_links) if recursive else found
                out.update(found)
                tops = list(found)
                depth = None if maxdepth is None else maxdepth - 1
            elif not recursive or await self._lexists(one):
                out.setdefault(one, None)
            if recursive and (depth is None or depth > 0):
                for top in tops:
                    found = await self._find(top, depth, withdirs=True, detail=True, follow_links=follow_links)
                    out.update(_with_content(found, top, follow_links))
        if not out:
            raise FileNotFoundError(ENOENT, "there is no such file", str(path))
        return out

    async def _is_pattern(self, path: str) -> bool:
        """True if a path stands for those that match it: not if it is there as it is written."""
        return _MAGIC.search(path) is not None and not await self._lexists(path)

    walk = blocking_iterator(_walk)
    find = blocking(_find)
    du = blocking(_du)
    glob = blocking(_glob)
    expand_path = blocking(_expand_path)


def _with_content(found: dict[str, Any], top: str, follows_links: bool) -> dict[str, Any]:
    """The part of what is below a path that can be read or made anew."""
    whole = {}
    for name, info in found.items():
        is_link = info["type"] == "directory" and info["islink"] and not follows_links
        if name != top and (info["type"] == "other" or is_link):
            _log.warning("left out, for it is a link to a directory, leads nowhere or is no file: %r", name)
        else:
            whole[name] = info
    return whole


def _fingerprint(listing: list[Any]) -> tuple[Any, ...]:
    """The identity of a directory that a link leads back to: names and all that is known of them are as there."""
    return tuple((info["name"].rpartition("/")[2], *list(info.values())[1:]) for info in listing)


def _parted(path: str, listing: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Directories and others of a listing by name; a file that is listed itself has none."""
    dirs: dict[str, Any] = {}
    files: dict[str, Any] = {}
    for info in listing:
        if info["name"] == path:
            files[""] = info
        else:
            (dirs if info["type"] == "directory" else files)[info["name"].rpartition("/")[2]] = info
    return dirs, files


def _join(directory: str, name: str) -> str:
    return f"{directory.rstrip('/')}/{name}"


def _check_depth(maxdepth: Optional[int]) -> None:
    if maxdepth is not None and maxdepth < 1:
        raise ValueError("maxdepth must be at least 1")


def _tell(on_error: Any, error: OSError) -> None:
    """Does with an error on a walk what its caller wants."""
    if on_error == "raise":
        raise error
    if callable(on_error):
        on_error(error)
    elif not is_nothing(error):
        _log.warning("left out: %s", error)
