"""Operations on a disk that will fail, with the trees they begin with, and what may be found afterwards."""

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

BLOCK = 4096
HOLE = 16 * BLOCK
# Long ago, so that no time of a source is one that the system gives.
EPOCH_NANOSECONDS = 1_500_000_000 * 10**9
STAGING = ".remofile"


class File(NamedTuple):
    content: bytes
    time: int


class Entry(NamedTuple):
    """Returns what is at a path: its kind, the digest of its content, its size and its time."""

    kind: str
    digest: str
    size: int
    time: int

    @property
    def version(self):
        return self.kind, self.digest, self.size


def make_files(rng, count, prefix, is_sparse=False):
    """Returns files by their paths: many small ones, a few large ones, some in directories of their own."""
    files = {}
    for number in range(count):
        directory = rng.choice(("", "one/", "two/", "two/deep/"))
        content = make_content(rng, number, is_sparse)
        files[f"{prefix}/{directory}{number:03}"] = File(content, make_time(rng))
    return files


def make_content(rng, number, is_sparse):
    if number % 16 == 5:
        content = rng.randbytes(rng.randint(200_000, 1_200_000))
    elif number % 8 == 3:
        content = rng.randbytes(rng.choice((0, 1, BLOCK, 4 * BLOCK)))
    else:
        content = rng.randbytes(rng.randint(1, rng.choice((300, 6000, 40_000))))
    if is_sparse and number % 2:
        return b"".join((rng.randbytes(BLOCK), bytes(rng.randint(1, 4) * HOLE), content, bytes(HOLE)))
    return content


def make_time(rng):
    return EPOCH_NANOSECONDS + rng.randrange(10**8) * 10**9 + rng.randrange(10**6) * 1000


def changed(rng, files, of_ten=9):
    """Returns the files with new contents, every other one of the size that it had; one of ten stays."""
    return {path: make_version(rng, file) if rng.randrange(10) < of_ten else file for path, file in files.items()}


def make_version(rng, file):
    size = len(file.content)
    if rng.randrange(2):
        return File(rng.randbytes(size), make_time(rng))
    if size > 100_000:
        # Most of it is the same, for what sends differences alone.
        at = rng.randrange(size)
        return File(file.content[:at] + rng.randbytes(rng.randint(1, 3 * BLOCK)) + file.content[at:], make_time(rng))
    return File(rng.randbytes(rng.randint(0, 2 * size + 10)), make_time(rng))


def write_files(directory, files):
    for path, file in files.items():
        target = Path(directory, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as stream:
            for offset in range(0, len(file.content), HOLE):
                part = file.content[offset:offset + HOLE]
                if part.strip(b"\0"):
                    stream.seek(offset)
                    stream.write(part)
            stream.truncate(len(file.content))
        os.utime(target, ns=(file.time, file.time))


def look(directory):
    """Returns the entry of each path below the directory, but for what is being staged."""
    found = {}
    for place, directories, files in os.walk(directory):
        directories[:] = [name for name in directories if not name.startswith(STAGING)]
        for name in directories + [name for name in files if not name.startswith(STAGING)]:
            path = os.path.join(place, name)
            found[os.path.relpath(path, directory)] = entry_at(path)
    return found


def entry_at(path):
    try:
        status = os.lstat(path)
        if stat.S_ISDIR(status.st_mode):
            return Entry("directory", "", 0, 0)
        if not stat.S_ISREG(status.st_mode):
            return Entry("other", "", 0, 0)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        return Entry("file", digest, status.st_size, status.st_mtime_ns)
    except OSError as error:
        return Entry("unreadable", str(error), 0, 0)


def left_behind(directory):
    """Returns what is staged below the directory, which is to be nothing. What a crash has put in doubt is known for good."""
    left = []
    for path in Path(directory).rglob(STAGING + "*"):
        inside = [str(file.relative_to(directory)) for file in path.rglob("*") if not file.is_dir()]
        known = str(path.relative_to(directory) / "unflushed" / "ranges")
        left += [name for name in inside if name != known] or ([] if known in inside else [str(path.relative_to(directory))])
    return sorted(left)


class Operation:
    """Commands of a client, and the trees of both sides before them. The disk that fails is that of `side`.

    Subclasses say what the other side has, what this side has, and the commands.
    """

    side = "server"
    # Whether one of the commands, made once more, may say that it is done already.
    may_refuse_again = False
    is_sparse = False
    files = 40

    def __init__(self, rng):
        self.make(rng)

    def make(self, rng):
        """Makes `before`, the files of the disk that fails, and `other`, those of the other side."""
        raise NotImplementedError

    def commands(self, local):
        """Returns the commands. `local` is the directory of the client."""
        raise NotImplementedError

    def expected(self):
        """Returns the files that there are in the end, or None if only the commands know."""
        return {**self.before, **self.other}


class Upload(Operation):
    def make(self, rng):
        self.before, self.other = {"old": File(b"stays", make_time(rng))}, make_files(rng, self.files, "tree")
        self.transfers = rng.choice(("1", "1", "3"))

    def commands(self, local):
        return [["upload", "-q", "-r", "--transfers", self.transfers, local / "tree", "/"]]


class UploadReplace(Operation):
    def make(self, rng):
        self.before = make_files(rng, self.files, "tree", self.is_sparse)
        self.other = changed(rng, self.before)
        self.other.update(make_files(rng, self.files // 4, "tree/new", self.is_sparse))

    def commands(self, local):
        return [["upload", "-q", "-r", "--on-conflict", "replace", local / "tree", "/"]]


class UploadSparse(UploadReplace):
    is_sparse = True

    def commands(self, local):
        return [["upload", "-q", "-r", "--sparse", "--on-conflict", "replace", local / "tree", "/"]]


class UploadLarge(UploadReplace):
    """Files of which a part is kept when their transfer breaks off."""

    def make(self, rng):
        sizes = [rng.randint(2 << 20, 6 << 20) for _ in range(3)] + [rng.randint(1, 90_000) for _ in range(5)]
        self.other = {f"tree/{number}": File(rng.randbytes(size), make_time(rng)) for number, size in enumerate(sizes)}
        self.before = {path: make_version(rng, file) for path, file in self.other.items() if path > "tree/1"}


class UploadProtocol1(Upload):
    """An upload by protocol 1, which replaces nothing: what is there is complete."""

    files = 16

    def commands(self, local):
        return [["upload", "-q", "-r", "--protocol", "1", "--on-conflict", "skip", local / "tree", "/"]]

    def expected(self):
        # Protocol 1 knows no times.
        return None


class Sync(Operation):
    # Where what was replaced or deleted is kept.
    kept = "kept/"

    def make(self, rng):
        self.before = make_files(rng, self.files, "tree")
        self.other = changed(rng, self.before, of_ten=5)
        for number, path in enumerate(list(self.other)):
            if number % 7 == 1:
                del self.other[path]
            elif number % 7 == 2:
                self.other["tree/moved/" + path.replace("/", "-")] = self.before[path]
                del self.other[path]
        self.other.update(make_files(rng, self.files // 4, "tree/new"))

    def commands(self, local):
        return [["sync", "local", "-q", "--delete", "--no-whole-file", "--backup-dir", "/kept", local / "tree", "/tree"]]

    def expected(self):
        """Returns the new tree, and in the backup directory what was replaced or deleted, but for what moved."""
        kept, moved = {}, {file for path, file in self.other.items() if "/moved/" in path}
        for path, file in self.before.items():
            has_changed = path not in self.other or self.other[path].content != file.content
            if has_changed and file not in moved:
                kept[self.kept + path[len("tree/"):]] = file
        return {**self.other, **kept}


class Single(Operation):
    """Commands that change one thing each, and are acknowledged one by one."""

    may_refuse_again = True

    def make(self, rng):
        names = ("d/touched", "d/moved", "d/removed", "d/replaced", "e/within/one", "e/within/two", "f/gone/one")
        self.before = {name: File(rng.randbytes(rng.randint(1, 20_000)), make_time(rng)) for name in names}
        self.other = {"replaced": File(rng.randbytes(9000), make_time(rng)), "new": File(rng.randbytes(70_000), make_time(rng))}

    def commands(self, local):
        return [
            ["file", "created", "/d"],
            ["file", "-u", "touched", "/d"],
            ["directory", "made", "/d"],
            ["move", "/d/moved", "/d/made/moved"],
            ["upload", "-q", "--on-conflict", "replace", local / "replaced", "/d"],
            ["move", "/e/within", "/f/within"],
            ["remove", "/d/removed"],
            ["file", "-u", "updated", "/d"],
            ["upload", "-q", local / "new", "/f"],
            ["remove", "-r", "/f/gone"],
        ]

    def expected(self):
        return None


class Download(Upload):
    side = "client"

    def commands(self, local):
        return [["download", "-q", "-r", "--transfers", self.transfers, "/tree", local]]


class DownloadReplace(UploadReplace):
    side = "client"

    def commands(self, local):
        return [["download", "-q", "-r", "--on-conflict", "replace", "/tree", local]]


class DownloadSparse(UploadSparse):
    side = "client"

    def commands(self, local):
        return [["download", "-q", "-r", "--sparse", "--on-conflict", "replace", "/tree", local]]


class DownloadLarge(UploadLarge):
    side = "client"

    def commands(self, local):
        return [["download", "-q", "-r", "--on-conflict", "replace", "/tree", local]]


class SyncRemote(Sync):
    side = "client"
    kept = "tree/kept/"

    def commands(self, local):
        options = ["--remote-first", "--delete", "--no-whole-file", "--backup-dir", "kept"]
        return [["sync", "remote", "-q", *options, "/tree", local / "tree"]]


OPERATIONS = {
    "upload": Upload,
    "upload-replace": UploadReplace,
    "upload-sparse": UploadSparse,
    "upload-large": UploadLarge,
    "upload-protocol-1": UploadProtocol1,
    "sync-local": Sync,
    "single": Single,
    "download": Download,
    "download-replace": DownloadReplace,
    "download-sparse": DownloadSparse,
    "download-large": DownloadLarge,
    "sync-remote": SyncRemote,
}
