"""The trial of every kind of command at a bucket, through the command line as users type it."""

import os
import signal
import subprocess
import time

from processes import Failed
from servers import Servers

LARGE_BYTES = 96 << 20
# A client that hears nothing from its server gives up before.
SILENT_SECONDS = 25


def every_command(campaign, garage, etcd, directory):
    """Commands at one server that owns its bucket, then those that outlive a server at two."""
    with Servers(campaign.binary, directory / "one", garage, "commands/one") as servers:
        for case in (files, directories, transfers, synchronising, questions):
            place = directory / case.__name__
            place.mkdir()
            campaign.check(f"commands: {case.__name__}", case, servers, place)
        campaign.check("commands: the service says nothing for a while", silent, servers, garage, directory / "questions")
    with Servers(campaign.binary, directory / "two", garage, "commands/two", 2, etcd.address) as servers:
        place = directory / "lost"
        place.mkdir()
        campaign.check("commands: a server is killed in an upload", killed_in_upload, servers, place)
        campaign.check("commands: a server is killed in a download", killed_in_download, servers, place)
        campaign.check("commands: a server is frozen", frozen, servers)


def expect(what, one, other):
    if one != other:
        raise Failed(f"{what}: {one!r} in place of {other!r}")


def refused(servers, part, *arguments):
    """Fails unless a command is refused with this in its message."""
    done = servers.attempt(*arguments)
    if done.returncode == 0 or part not in done.stderr:
        raise Failed(f"'{' '.join(map(str, arguments))}' was to be refused with {part!r}: status {done.returncode}: {done.stderr}")


def files(servers, place):
    note = place / "note.txt"
    note.write_text("first\n")
    servers.client("upload", note, "/")
    expect("cat", servers.client("cat", "/note.txt"), "first\n")
    note.write_text("second, longer\n")
    refused(servers, "exists already", "upload", note, "/")
    servers.client("upload", "--on-conflict", "replace", note, "/")
    expect("cat", servers.client("cat", "/note.txt"), "second, longer\n")
    servers.client("move", "/note.txt", "/moved.txt")
    refused(servers, "/note.txt", "cat", "/note.txt")
    servers.client("copy", "/moved.txt", "/copied.txt")
    expect("copy", servers.client("cat", "/copied.txt"), "second, longer\n")
    servers.client("touch", "/empty")
    expect("touch", servers.client("cat", "/empty"), "")
    servers.client("remove", "/moved.txt", "/copied.txt", "/empty")
    expect("the root", servers.client("list", "/").split(), [])


def directories(servers, _place):
    servers.client("mkdir", "/d")
    refused(servers, "exists", "mkdir", "/d")
    servers.client("mkdir", "-p", "/d/e/f")
    expect("an empty directory", servers.client("list", "/d/e/f").strip(), "")
    refused(servers, "not empty", "remove", "/d")
    servers.client("move", "/d/e", "/moved")
    expect("a moved directory", servers.client("list", "/moved").split(), ["f"])
    servers.client("remove", "-r", "/d", "/moved")


def transfers(servers, place):
    tree, back = place / "tree", place / "back"
    back.mkdir()
    for number in range(300):
        file = tree / f"d{number % 9}" / f"file {number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(number * 37))
        os.utime(file, (1_600_000_000 + number, 1_600_000_000 + number))
    (tree / "large").write_bytes(os.urandom(40 << 20))
    servers.client("upload", "-r", tree, "/")
    servers.client("download", "-r", "/tree", back)
    compare(tree, back / "tree")
    said = servers.client("upload", "-r", "--json", tree, "/")
    if '"present"' not in said and "300" not in said:
        raise Failed(f"a second upload was to find everything present: {said[-300:]}")
    servers.client("remove", "-r", "/tree")


def synchronising(servers, place):
    tree, back = place / "tree", place / "back"
    for name, content in (("a/b/c", b"c"), ("a/large", os.urandom(9 << 20)), ("gone", b"gone"), ("z", b"z")):
        file = tree / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    servers.client("sync", "local", tree, "/s")
    (tree / "gone").unlink()
    (tree / "a" / "large").write_bytes(os.urandom(9 << 20))
    (tree / "a" / "b").rename(tree / "moved")
    servers.client("sync", "local", "--delete", tree, "/s")
    back.mkdir()
    servers.client("sync", "remote", "--remote-first", "--delete", "/s", back)
    compare(tree, back)


def questions(servers, place):
    file = place / "file"
    file.write_bytes(b"0123456789" * 1000)
    servers.client("upload", file, "/")
    for command in (("status",), ("stat", "/file"), ("list", "-l", "/"), ("list", "--json", "/"), ("hash", "/file")):
        if not servers.client(*command).strip():
            raise Failed(f"'{' '.join(command)}' says nothing")


def silent(servers, garage, place):
    """Looks at a bucket wait for a service that says nothing, and then go on."""
    back = place / "back"
    back.mkdir()
    for process in garage.processes:
        process.freeze()
    try:
        looks = (("cat", "/file"), ("list", "-r", "/"), ("hash", "/file"), ("download", "/file", back))
        running = [(look[0], start(servers, *look)) for look in looks]
        time.sleep(SILENT_SECONDS)
    finally:
        for process in garage.processes:
            process.thaw()
    for name, process in running:
        finish(process, f"'{name}' beside a service that said nothing for {SILENT_SECONDS} s")
    compare(place / "file", back / "file")


def killed_in_upload(servers, place):
    """The client goes on with the other server, and what was uploaded is whole."""
    source, back = place / "source", place / "back"
    source.write_bytes(os.urandom(LARGE_BYTES))
    back.mkdir()
    process = start(servers, "upload", "-q", "--bwlimit", "16M", source, "/")
    time.sleep(2)
    kill_used(servers)
    finish(process, "an upload whose server was killed")
    servers.client("download", "-q", "/source", back)
    expect("the content", (back / "source").read_bytes() == source.read_bytes(), True)
    start_all(servers)


def killed_in_download(servers, place):
    back = place / "again"
    back.mkdir()
    process = start(servers, "download", "-q", "--bwlimit", "16M", "/source", back)
    time.sleep(2)
    kill_used(servers)
    finish(process, "a download whose server was killed")
    expect("the content", (back / "source").read_bytes() == (place / "source").read_bytes(), True)
    start_all(servers)


def frozen(servers):
    """A server that takes connections and answers none costs a moment, once."""
    for process in servers.processes:
        process.freeze()
        try:
            begin = time.monotonic()
            servers.client("list", "/")
            servers.client("list", "/")
            seconds = time.monotonic() - begin
        finally:
            process.thaw()
        if seconds > 5:
            raise Failed(f"two commands beside {process.name}, which is frozen, took {seconds:.1f} s")


def start(servers, *arguments):
    command = [str(word) for word in (servers.binary, *arguments)]
    return subprocess.Popen(
        command, env=servers.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )


def finish(process, what):
    said, _ = process.communicate(timeout=120)
    if process.returncode != 0:
        raise Failed(f"{what} ended with status {process.returncode}: {said.strip()}")


def kill_used(servers):
    """Kills the server that has done most: the one that the client uses."""
    used = max((one for one in servers.processes if one.is_running()), key=lambda one: one.processor_seconds())
    os.kill(used.process.pid, signal.SIGKILL)
    used.process.wait()


def start_all(servers):
    for process in servers.processes:
        if not process.is_running():
            process.start()


def compare(one, other):
    done = subprocess.run(["diff", "-r", one, other], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{one.name} came back differently: {done.stdout[:400]}")
