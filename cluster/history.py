"""The trial of many clients at several servers, while servers and storage nodes are killed and the coordinator is cut off.

Each client writes, reads and removes the same few names, each operation a command of its own, as reliability/clients.py does. An
operation that was acknowledged has happened, as if one at a time, and everybody sees it from then on; one that failed may have happened
or not. One that goes on, or failed, may be seen by some reads and not by later ones: a read of Garage asks two of three nodes and
brings none of them up to date, so an object whose server was killed while it was stored may stay at one node alone until the key is
written anew. That is a *regular* register (linearizable.py). How many paths are linearizable, which is more, is told.
"""

import subprocess
import threading
import time
from pathlib import Path

from processes import Failed  # First: it says where the modules of reliability/ are.
from clients import PATHS, Client, check_path, content_of, events_of, value_of
from linearizable import NEVER, READ, REMOVE, WRITE, explain
from rclone import Rclone
from servers import Servers

CLIENTS, SERVERS = 16, 3
FAULT_EVERY, AWAY_SECONDS, PARTITION_SECONDS = 20, 8, 15
COMMAND_SECONDS = 120
# Writes of a path whose end nobody saw and that nobody has read: each makes the search for an explanation longer.
MOST_UNREAD = 8


class Tried(Client):
    """A client whose operations may fail: what came of those nobody knows."""

    def __init__(self, number, server, place, chance, deadline):
        super().__init__(number, server, place, chance, deadline)
        self.unanswered, self.said = 0, []

    def _read(self, path):
        begin, done = self._run("cat", path)
        if done is None or done.returncode != 0 and not is_missing(done):
            self._unknown(done)
        elif done.returncode == 0:
            self._note(path, READ, value_of(done.stdout), begin)
        else:
            self._note(path, READ, None, begin)

    def _remove(self, path):
        begin, done = self._run("remove", path)
        if done is not None and done.returncode == 0:
            self._note(path, REMOVE, None, begin)
        elif done is not None and is_missing(done):
            self._note(path, READ, None, begin)
        else:
            self._unknown(done)
            self._note(path, REMOVE, None, begin, NEVER)

    def _write(self, path, value):
        local = self.place / Path(path).name
        local.write_bytes(content_of(value))
        begin, done = self._run(
            "upload", "--on-conflict", "replace", "--no-resume", "-q", local, str(Path(path).parent)
        )
        if done is not None and done.returncode == 0:
            self._note(path, WRITE, value, begin)
        else:
            self._unknown(done)
            self._note(path, WRITE, value, begin, NEVER)

    def _run(self, *arguments):
        begin = time.monotonic()
        try:
            done = subprocess.run(
                [str(self.server.binary), *map(str, arguments)], env=self.environment, stdin=subprocess.DEVNULL,
                capture_output=True, timeout=COMMAND_SECONDS, check=False,
            )
        except subprocess.TimeoutExpired:
            return begin, None
        return begin, done

    def _unknown(self, done):
        self.unanswered += 1
        self.said.append("it did not end" if done is None else done.stderr.decode(errors="replace").strip()[-300:])
        # A client whose operations fail at once would do nothing else.
        time.sleep(0.2)


def is_missing(done):
    return says_missing(done.stderr.decode(errors="replace"))


def says_missing(said):
    return "not found" in said or "no such file" in said.lower()


class Seen:
    """The environment that a client of the servers needs."""

    def __init__(self, servers):
        self.binary, self.environment = servers.binary, servers.environment()


class Faults(threading.Thread):
    """Kills a server or a storage node every now and then, and cuts the coordinator off once."""

    def __init__(self, chance, servers, garage, coordinator, seconds):
        super().__init__(daemon=True)
        self.chance, self.victims, self.coordinator, self.seconds = chance, [*servers.processes, *garage.processes], coordinator, seconds
        self.done, self.failure, self.over = [], None, threading.Event()

    def run(self):
        try:
            self._run()
        except Failed as failure:
            self.failure = str(failure)

    def _run(self):
        begun, partitioned = time.monotonic(), self.coordinator is None
        every = min(FAULT_EVERY, self.seconds / 3)
        while not self.over.wait(every - AWAY_SECONDS / 2 if every > AWAY_SECONDS else every):
            if time.monotonic() - begun > self.seconds - AWAY_SECONDS:
                return
            if not partitioned and time.monotonic() - begun > self.seconds / 2:
                partitioned = True
                self.done.append("the coordinator cut off")
                self.coordinator.freeze()
                self.over.wait(PARTITION_SECONDS)
                self.coordinator.thaw()
                continue
            victim = self.chance.choice(self.victims)
            self.done.append(f"{victim.name} killed")
            victim.kill()
            self.over.wait(AWAY_SECONDS / 2)
            victim.start()

    def end(self):
        self.over.set()
        self.join()
        if self.coordinator is not None:
            self.coordinator.thaw()


def run_history(campaign, garage, etcd, directory, seconds):
    """The whole trial; returns a sentence about it."""
    rclone = Rclone(garage)
    coordinator = etcd.address if etcd else None
    count = SERVERS if etcd else 1
    with Servers(campaign.binary, directory / "servers", garage, "history", count, coordinator) as servers:
        servers.client("mkdir", "-p", "/d/e")
        clients, deadline = [], time.monotonic() + seconds
        for number in range(CLIENTS):
            place = directory / f"client{number}"
            place.mkdir()
            clients.append(Tried(number, Seen(servers), place, campaign.chance(f"client {number}"), deadline))
        threads = [threading.Thread(target=client.work) for client in clients]
        faults = Faults(campaign.chance("faults"), servers, garage, etcd.process if etcd else None, seconds)
        for thread in (*threads, faults):
            thread.start()
        for thread in threads:
            thread.join()
        faults.end()
        garage.wait_until_healthy()
        for process in servers.processes:
            if not process.is_running():
                process.start()
        linearizable = judge(campaign, servers, clients, faults)
        look_at_bucket(campaign, rclone, servers)
    operations = sum(len(client.events) for client in clients)
    unanswered = sum(client.unanswered for client in clients)
    said = [text for client in clients for text in client.said]
    for text in sorted(set(said), key=said.count, reverse=True)[:8]:
        campaign.say(f"  unanswered {said.count(text)} times: {text}")
    return (
        f"{operations:,} operations of {CLIENTS} clients at {count} servers in {seconds} s, {unanswered} of them unanswered, "
        f"{len(faults.done)} faults, {linearizable} of {len(PATHS)} paths linearizable"
    )


def judge(campaign, servers, clients, faults):
    """Every path is read by each server in the end, and what all have seen is looked at. Returns how many paths are linearizable."""
    if faults.failure:
        campaign.fail("faults", faults.failure)
    for client in clients:
        for failure in client.failures:
            campaign.fail(f"client {client.number}", failure)
    for path in PATHS:
        for number in range(len(servers.ports)):
            last = Tried(CLIENTS + number, Seen(servers), clients[0].place, None, 0)
            last.environment = servers.environment(number)
            last._read(path)
            if last.unanswered:
                campaign.fail(path, f"server {number} does not tell it in the end: {last.said}")
            clients.append(last)
        for client in clients:
            client.events = without_unread(path, client.events, values_read(path, clients))
        campaign.check(path, check_path, path, clients, True)
    return sum(explain(events_of(path, clients)) is None for path in PATHS)


def values_read(path, clients):
    return {event.value for client in clients for name, event in client.events if name == path and event.kind == READ}


def without_unread(path, events, read):
    """The events of a client without most writes that perhaps never happened, where nothing shows that they did."""
    kept, unread = [], 0
    for name, event in events:
        if name == path and event.kind == WRITE and event.end == NEVER and event.value not in read:
            unread += 1
            if unread > MOST_UNREAD // 4:
                continue
        kept.append((name, event))
    return kept


def look_at_bucket(campaign, rclone, servers):
    """No half file, and nothing else, is in the bucket in the end."""
    allowed = {path.lstrip("/") for path in PATHS}
    found = rclone.tree(rclone.place("history"))
    others = [path for path in found if path not in allowed]
    if others:
        campaign.fail("the bucket", f"this is left: {others[:5]}")
    for path in allowed & found.keys():
        campaign.check(f"the bucket: {path}", read_whole, rclone, servers, path)


def read_whole(rclone, servers, path):
    done = subprocess.run(
        [str(rclone.binary), "cat", rclone.place(f"history/{path}")], env=rclone.environment, capture_output=True, check=True,
        timeout=COMMAND_SECONDS,
    )
    if done.stdout:
        value_of(done.stdout)
        return
    # A listing of Garage may show what was removed, as long as a node has not heard of that; rclone takes a key that is not there for a
    # directory without files.
    looked = servers.attempt("stat", f"/{path}")
    if looked.returncode == 0 or not says_missing(looked.stderr):
        raise Failed(f"rclone read nothing, and a server says: {looked.stdout.strip()} {looked.stderr.strip()}")
