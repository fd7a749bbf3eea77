"""Trials that compare what Remofile, rclone and a local directory see of one tree."""

import json
import os
from pathlib import Path

from processes import Failed
from rclone import Rclone
from servers import Servers

NANOSECONDS = 1_000_000_000


def make_tree(place, chance, files=60):
    """A tree with names and sizes of many kinds. Times are whole microseconds and differ."""
    names = ["plain", "with space", "ümläut", "dot.in.the.middle", "UPPER", "-dash", "1", "%41", "a+b", "a&b", "日本"]
    for number in range(files):
        directory = Path(place, *(chance.choice(names) for _ in range(number % 4)))
        file = directory / f"{chance.choice(names)}-{number}"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            file.write_bytes(chance.randbytes(chance.choice([0, 1, 4096, 100_000])))
        except (FileExistsError, NotADirectoryError):
            continue
        moment = 1_500_000_000 * NANOSECONDS + number * 1_234_567_000
        os.utime(file, ns=(moment, moment))
    large = place / "large"
    large.write_bytes(chance.randbytes(20 << 20))
    return place


def local_tree(place):
    """The sizes of all files below a directory, by their paths."""
    return {
        str(path.relative_to(place)): path.stat().st_size for path in sorted(place.rglob("*")) if path.is_file()
    }


def sizes_of_listing(text):
    """The sizes of files by their paths, of `remofile list -r --json`."""
    entries = [json.loads(line) for line in text.splitlines() if line.strip()]
    return {entry["path"].lstrip("/"): entry["size"] for entry in entries if entry["type"] == "file"}


def expect_same(what, one, other):
    """Fails with the first differences of two dictionaries."""
    if one != other:
        differing = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        shown = [f"{name}: {one.get(name)} and {other.get(name)}" for name in differing[:5]]
        raise Failed(f"{what}: {len(differing)} files differ: {'; '.join(shown)}")


def ours_is_seen_by_rclone(campaign, garage, directory):
    """Checks that rclone lists and reads what Remofile has uploaded, with times, and a second sync of either has nothing to do."""
    source = make_tree(directory / "ours", campaign.chance("ours"))
    rclone = Rclone(garage)
    with Servers(campaign.binary, directory / "servers", garage, "trees/ours") as servers:
        servers.client("sync", "local", "--delete", source, "/")
        rclone.check(source, rclone.place("trees/ours"))
        expect_same("listed by Remofile", local_tree(source), sizes_of_listing(servers.client("list", "-r", "--json", "/")))
        changes = rclone.changes("sync", source, rclone.place("trees/ours"))
        if changes:
            raise Failed(f"rclone would change {len(changes)} things: {changes[:3]}")
        (source / "large").touch()
        if len(rclone.changes("sync", source, rclone.place("trees/ours"))) != 1:
            raise Failed("a dry run of rclone does not show what has changed")
        os.utime(source / "large", ns=(NANOSECONDS, NANOSECONDS))
        servers.client("sync", "local", source, "/")
        again = servers.client("sync", "local", "--delete", "--dry-run", source, "/")
        if again.strip():
            raise Failed(f"a second sync would change something: {again}")


def theirs_is_seen_by_us(campaign, garage, directory):
    """Checks that Remofile lists and downloads what rclone has copied, with times."""
    source, back = make_tree(directory / "theirs", campaign.chance("theirs")), directory / "back"
    back.mkdir()
    rclone = Rclone(garage)
    rclone.run("copy", source, rclone.place("trees/theirs"))
    with Servers(campaign.binary, directory / "servers", garage, "trees/theirs") as servers:
        expect_same("listed by Remofile", local_tree(source), sizes_of_listing(servers.client("list", "-r", "--json", "/")))
        servers.client("sync", "remote", "--remote-first", "/", back)
        rclone.check(source, back)
        for name in local_tree(source):
            ours, theirs = (place / name for place in (back, source))
            if abs(ours.stat().st_mtime_ns - theirs.stat().st_mtime_ns) >= 1000:
                raise Failed(f"{name} has another time: {ours.stat().st_mtime_ns} and {theirs.stat().st_mtime_ns}")


def odd_keys_do_no_harm(campaign, garage, directory):
    """Keys that are no paths of Remofile are told of or left out, and everything else is served."""
    rclone = Rclone(garage)
    keys = ["a//b", "d/../x", "plain", "tab\there", "prefix", "prefix/below", "end/"]
    for key in keys:
        rclone_put(garage, f"odd/{key}", key.encode())
    with Servers(campaign.binary, directory / "servers", garage, "odd") as servers:
        listed = servers.attempt("list", "-r", "--json", "/")
        if '"/plain"' not in listed.stdout or "panic" in listed.stderr:
            raise Failed(f"a listing beside odd keys: status {listed.returncode}: {listed.stdout} {listed.stderr}")
        if servers.client("cat", "/plain") != "plain":
            raise Failed("a file beside odd keys cannot be read")
        if not servers.processes[0].is_running():
            raise Failed("the server ended")
    left = rclone.tree(rclone.place("odd"))
    if "plain" not in left:
        raise Failed("a file beside odd keys was lost")


def rclone_put(garage, key, content):
    """Puts an object under a key that rclone itself would not write: by the API, with botocore if it is there."""
    try:
        import botocore.session
    except ImportError:
        raise Failed("botocore is missing: 'make cluster-setup' installs it") from None
    session = botocore.session.get_session()
    client = session.create_client(
        "s3", endpoint_url=garage.endpoints[0], region_name="garage", aws_access_key_id=garage.access_key,
        aws_secret_access_key=garage.secret_key,
    )
    client.put_object(Bucket="remofile", Key=key, Body=content)
