#!/usr/bin/env python3
"""Shows the main job: serves a temporary directory, moves real files through it, synchronises, compares every byte;
and then a drop box, and a token that may only read.

usage: demo.py [--remofile PATH] [--megabytes N]
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from people import demonstrate_people
from harness import MIB, RELEASE_BINARY, REPOSITORY, Failed, Server, compare, end_on_signals, write_random_file

TREE, FILE = "remofile-sources", "random.bin"
CHANGE = b"a few other bytes"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--remofile", type=Path, default=RELEASE_BINARY, metavar="PATH", help="the command to run")
    parser.add_argument("--megabytes", type=int, default=256, metavar="N", help="size of the large file in MiB")
    arguments = parser.parse_args()
    end_on_signals()
    started = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="remofile-demo-", ignore_cleanup_errors=True) as directory:
            demonstrate(arguments.remofile.resolve(), Path(directory), arguments.megabytes * MIB)
    except Failed as failure:
        print(f"\nThe demonstration failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the server is stopped and the temporary directory removed.", file=sys.stderr)
        return 130
    print(f"\nEverything is as it should be, after {time.perf_counter() - started:.1f} s.")
    return 0


def demonstrate(binary, directory, file_bytes):
    require_space(directory, 3 * file_bytes + 64 * MIB)
    local, served, returned = (directory / name for name in ("local", "served", "returned"))
    for path in (local, served, returned):
        path.mkdir()
    say("Preparing")
    tree_files, tree_bytes = copy_sources(local / TREE)
    write_random_file(local / FILE, file_bytes)
    note(f"{TREE}/: the sources of this repository, {tree_files} files, {tree_bytes / MIB:.1f} MiB")
    note(f"{FILE}: {file_bytes / MIB:.0f} MiB of random bytes")

    say(f"Serving {served}")
    with Server(binary, served) as server:
        note(f"remofile run {served} 0   (listens on port {server.port}, with a token of its own making)")
        say("Uploading")
        transfer(server, tree_files, tree_bytes, "upload", "-r", local / TREE, "/")
        transfer(server, 1, file_bytes, "upload", local / FILE, "/")
        say("Listing")
        command(server, "list", "/", "-l")
        say("Downloading")
        transfer(server, tree_files, tree_bytes, "download", "-r", f"/{TREE}", returned)
        transfer(server, 1, file_bytes, "download", f"/{FILE}", returned)
        say("Comparing every byte that came back with what was sent")
        compare_both(local, returned)
        say("Synchronising")
        change(local)
        synchronize(server, local)
        say("Comparing every byte that is served with what is local now")
        compare_both(local, served)
    note("The server was told to end, and did so with exit status 0.")
    say("Serving many people, with `remofile run --tokens FILE`; each uses the token that is printed")
    demonstrate_people(binary, directory, show, note)


def require_space(directory, needed):
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise Failed(f"{directory} has {free // MIB} MiB free, {needed // MIB} MiB are needed (set TMPDIR to another place)")


def copy_sources(destination):
    """Copies the repository's own files; returns how many files and bytes they are."""
    sizes = []
    for file in source_files():
        target = destination / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / file, target)
        sizes.append(target.stat().st_size)
    return len(sizes), sum(sizes)


def source_files():
    """Returns the files that git tracks; without git, everything under crates/ and docs/."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True)
        files = [Path(name) for name in listed.stdout.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        files = [path.relative_to(REPOSITORY) for top in ("crates", "docs") for path in (REPOSITORY / top).rglob("*")]
    return [file for file in files if (REPOSITORY / file).is_file() and not (REPOSITORY / file).is_symlink()]


def transfer(server, files, size, *arguments):
    show(arguments)
    seconds = server.timed(*arguments)
    count = f"{files} files" if files != 1 else "1 file"
    note(f"    {count}, {size / MIB:.1f} MiB in {seconds:.3f} s: {size / MIB / seconds:.0f} MiB/s")


def command(server, *arguments):
    show(arguments)
    for line in server.run(*arguments).splitlines():
        note(f"    {line}")


def compare_both(expected, actual):
    for name in (TREE, FILE):
        files, size = compare(expected / name, actual / name)
        note(f"{name}: {files} {'file' if files == 1 else 'files'}, {size:,} bytes, all equal")


def change(local):
    """Changes some bytes amid the large file, renames one file of the tree and removes another."""
    with open(local / FILE, "r+b") as file:
        file.seek((local / FILE).stat().st_size // 2)
        file.write(CHANGE)
    renamed, removed, *_ = sorted((local / TREE / "docs").glob("*.md"))
    new = renamed.with_name(f"new-{renamed.name}")
    renamed.rename(new)
    removed.unlink()
    note(f"{len(CHANGE)} bytes in the middle of {FILE} are changed, {renamed.relative_to(local)}")
    note(f"is now {new.name}, and {removed.relative_to(local)} is removed.")


def synchronize(server, local):
    arguments = ("sync", "local", "--delete", "-i", "--no-whole-file", "--stats", local, "/")
    show(arguments)
    changes, statistics = server.run_for_both(*arguments)
    for line in changes.splitlines():
        note(f"    {line}")
    sent, received = (int(number) for number in re.findall(r"^(?:sent|received)\s+(\d+)", statistics, re.MULTILINE))
    note(f"    {sent:,} bytes were sent for this, and {received:,} received")


def show(arguments):
    note("remofile " + " ".join(map(str, arguments)))


def say(text):
    print(f"\n{text}", flush=True)


def note(text):
    print(f"  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
