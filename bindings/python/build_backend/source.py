"""The source distribution: the crates and the package, so that it builds anywhere. Its root is that of the repository, with
a `pyproject.toml` there whose paths begin there."""

import io
import os
import re
import tarfile
from pathlib import Path

from commands import HERE, REPOSITORY, SCRIPTS

#: What of the repository is needed to build. The library for C is a member of the workspace, which the lock file is of.
FILES = ("Cargo.toml", "Cargo.lock", "README.md", "LICENSE-MIT", "LICENSE-APACHE", "clippy.toml", "crates", "bindings/c", "bindings/python")
#: Directories of what was built, and of tests, which are run in the repository.
LEFT_OUT = {"target", "tests", "benches", "proptest-regressions", "__pycache__", "remofile.data"}
#: The paths of `pyproject.toml`, as they are written there.
PATHS = ('"build_backend"', '"README.md"', '"python"', '"remofile.data"', '"Cargo.toml"')


def archive(directory):
    """Makes the archive and gives its name."""
    project = HERE / "pyproject.toml"
    name = f"remofile-{version()}"
    text = project.read_text(encoding="utf-8")
    if is_unpacked(text):
        raise SystemExit("this is a source distribution already")
    with tarfile.open(Path(directory) / f"{name}.tar.gz", "w:gz", format=tarfile.PAX_FORMAT, dereference=True) as tar:
        add(tar, f"{name}/pyproject.toml", from_root(text).encode())
        add(tar, f"{name}/PKG-INFO", metadata())
        for path in files():
            # A project within the project would be built in place of it.
            if path != project:
                tar.add(path, f"{name}/{path.relative_to(REPOSITORY)}", filter=anonymous)
    return f"{name}.tar.gz"


def version():
    text = (REPOSITORY / "Cargo.toml").read_text(encoding="utf-8")
    return re.search(r'^\[workspace\.package\]\n(?:.+\n)*?version = "([^"]+)"', text, re.MULTILINE)[1]


def is_unpacked(text):
    return '"bindings/python/Cargo.toml"' in text


def from_root(text):
    """`pyproject.toml` with paths from the root of the repository."""
    for path in PATHS:
        if text.count(path) != 1:
            raise SystemExit(f"pyproject.toml must have {path} once, for the source distribution to change it")
        text = text.replace(path, f'"bindings/python/{path[1:]}')
    return text


def metadata():
    """The metadata that maturin would write of the package."""
    import tempfile

    import maturin

    SCRIPTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        made = maturin.prepare_metadata_for_build_wheel(directory)
        return (Path(directory) / made / "METADATA").read_bytes()


def files():
    """The files of the archive, in the same order on every machine."""
    for name in FILES:
        path = REPOSITORY / name
        if path.is_file():
            yield path
        for parent, directories, names in os.walk(path):
            directories[:] = sorted(name for name in set(directories) - LEFT_OUT if not name.startswith("."))
            kept = (name for name in sorted(names) if not name.startswith(".") and not name.endswith((".so", ".pyc", ".pid")))
            yield from (Path(parent) / name for name in kept)


def add(tar, name, content):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    tar.addfile(entry, io.BytesIO(content))


def anonymous(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
