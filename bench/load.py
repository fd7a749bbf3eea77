"""Many clients at once, and open files, measured from Rust by the examples `crowd` and `open_files` of the library."""

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from harness import MIB, Failed, Server

LIMIT_SECONDS = 3600
# Of each session: its socket at either side, and some for what it has open.
DESCRIPTORS_OF_EACH = 4


@dataclass(frozen=True)
class Load:
    """The work of the clients: how many do how much."""

    clients: int
    mebibytes: int
    at_once: int
    sessions: int
    operations: int
    open_mebibytes: int
    reads: int


def measure(binary, directory, load, progress=lambda _: None):
    """Each measurement has a server of its own; `one` is what a single client does, beside all of them."""
    examples = Path(binary).parent / "examples"
    allow_descriptors(load.sessions * DESCRIPTORS_OF_EACH)
    root = Path(directory) / "load"
    (root / "crowd").mkdir(parents=True)
    found = {}
    try:
        # One address may have as many sessions as there are clients here.
        with Server(binary, root, "--max-sessions", str(2 * max(load.sessions, load.clients))) as server:

            def example(name, *arguments):
                return run(examples / name, server, *arguments)

            progress("one client moves a file, then many in turn")
            found["move one"] = example("crowd", "move", 1, load.mebibytes, 1)
            found["move"] = example("crowd", "move", load.clients, load.mebibytes, load.at_once)
            progress("one session of small operations, then many")
            found["ask one"] = example("crowd", "ask", 1, load.operations * 20)
            found["ask"] = example("crowd", "ask", load.sessions, load.operations)
            progress("open files")
            found["open"] = example("open_files", directory, load.open_mebibytes, load.reads)
    finally:
        (root / "crowd").rmdir()
        root.rmdir()
    return found


def run(example, server, *arguments):
    if not example.is_file():
        raise Failed(f"{example} is missing: build it with 'cargo build --release -p remofile-core --examples'")
    words = [example, server.port, server.environment["REMOFILE_TOKEN"], *map(str, arguments)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    if done.returncode != 0:
        raise Failed(f"the example {example.name} ended with status {done.returncode}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


def allow_descriptors(count):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < count:
        raise Failed(f"a process may open {hard} files here, {count} are needed: choose a smaller scale")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def table(found):
    """The measurements as two tables of Markdown."""
    move, one, ask, ask_one = (found[name] for name in ("move", "move one", "ask", "ask one"))
    rates = [measured["bytes"] / MIB / measured["seconds"] for measured in (one, move)]
    asked = [measured["operations"] / measured["seconds"] for measured in (ask_one, ask)]
    each = move["bytes"] // (2 * move["clients"] * MIB)
    rows = [
        "| many at once | one client | all of them | ratio |",
        "|---|--:|--:|--:|",
        f"| {move['clients']:,} clients that each move {each:,} MiB up and down in turn, MiB a second | {rates[0]:,.0f} | {rates[1]:,.0f} "
        f"| {rates[1] / rates[0]:.2f} |",
        f"| {ask['sessions']:,} sessions that write, look at, read and remove files of 1 KiB, operations a second | {asked[0]:,.0f} "
        f"| {asked[1]:,.0f} | {asked[1] / asked[0]:.2f} |",
        f"| how long one of these takes, median, ms | {ask_one['p50_ms']:.2f} | {ask['p50_ms']:.2f} | |",
        f"| 99 of 100 of these take at most, ms | {ask_one['p99_ms']:.2f} | {ask['p99_ms']:.2f} | |",
    ]
    return rows + ["", *open_table(found["open"])]


def open_table(opened):
    mebibytes, reads = opened["bytes"] / MIB, opened["reads"]
    rows = [
        ("written in pieces of 64 KiB, MiB a second", mebibytes, "write_seconds", "local_write_seconds"),
        ("read in pieces of 64 KiB, MiB a second", mebibytes, "read_seconds", "local_read_seconds"),
        ("4 KiB at random places, one after the other, a second", reads, "random_seconds", "local_random_seconds"),
        ("4 KiB at random places, 100 in one call, a second", reads, "together_seconds", "local_random_seconds"),
    ]
    yield f"| an open file of {mebibytes:,.0f} MiB | through `open` | a local file |"
    yield "|---|--:|--:|"
    for title, count, remote, local in rows:
        yield f"| {title} | {count / opened[remote]:,.0f} | {count / opened[local]:,.0f} |"
