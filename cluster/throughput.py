"""Trials of speed: one large file beside rclone and `aws s3 cp` at the same cluster, many small ones beside rclone, and several servers
beside one."""

import os
import shutil
import statistics
import subprocess
import time

from processes import Failed
from rclone import Aws, Rclone
from servers import Servers
from trees import sizes_of_listing

SMALL_FILES, SMALL_BYTES = 10_000, 4096
GROWTH_CLIENTS, GROWTH_MEBIBYTES = 6, 48
CHUNK = 8 << 20


def write_large(place, mebibytes):
    """A file of random bytes: a store that keeps each block once must write all of it."""
    with place.open("wb") as file:
        for _ in range(mebibytes * (1 << 20) // CHUNK):
            file.write(os.urandom(CHUNK))
    return place


def write_small(place, files):
    for number in range(files):
        directory = place / f"d{number % 100:02}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"f{number:05}").write_bytes(os.urandom(SMALL_BYTES))
    return place


class Measured:
    """The seconds of the programs, round by round, and what they come to."""

    def __init__(self):
        self.seconds = {}

    def add(self, work, program, seconds):
        self.seconds.setdefault(work, {}).setdefault(program, []).append(seconds)

    def median(self, work, program):
        return statistics.median(self.seconds[work][program])

    def lines(self):
        for work, programs in self.seconds.items():
            ours = self.median(work, "remofile")
            theirs = {program: self.median(work, program) for program in programs if program != "remofile"}
            told = "".join(f", {program} {seconds:.2f} s" for program, seconds in theirs.items())
            rounds = len(programs["remofile"])
            yield f"{work}: Remofile {ours:.2f} s{told}: {min(theirs.values()) / ours:.2f} times as fast (of {rounds} rounds)"


def measure(campaign, garage, directory, mebibytes, files, rounds):
    """Measures all, in turn, each with content of its own."""
    measured, rclone, aws = Measured(), Rclone(garage), Aws(garage)
    programs = ["remofile", "rclone", "aws"]
    with Servers(campaign.binary, directory / "servers", garage, "speed/ours") as servers:
        for number in range(rounds):
            for program in programs if number % 2 == 0 else reversed(programs):
                place = directory / f"{program}{number}"
                large = write_large(make(place / "large") / "file", mebibytes)
                small = write_small(make(place / "small"), files if program != "aws" else 0)
                back = make(place / "back")
                if program == "remofile":
                    work_of_remofile(servers, measured, large, small, back, number, mebibytes)
                elif program == "rclone":
                    work_of_rclone(rclone, measured, large, small, back, number, mebibytes)
                else:
                    work_of_aws(aws, measured, large, back, number, mebibytes)
                if (back / "file").stat().st_size != large.stat().st_size or not same(back / "file", large):
                    raise Failed(f"{program} brought another file back")
                shutil.rmtree(place)
        check_small(servers, files * rounds)
    return measured


def names(mebibytes):
    return f"{mebibytes} MiB up", f"{mebibytes} MiB down", "small files up"


def work_of_remofile(servers, measured, large, small, back, number, mebibytes):
    up, down, many = names(mebibytes)
    for directory in (f"/large{number}", f"/small{number}"):
        servers.client("mkdir", directory)
    measured.add(up, "remofile", servers.timed("upload", "-q", large, f"/large{number}"))
    measured.add(down, "remofile", servers.timed("download", "-q", f"/large{number}/file", back))
    measured.add(many, "remofile", servers.timed("upload", "-r", "-q", small, f"/small{number}"))


def work_of_rclone(rclone, measured, large, small, back, number, mebibytes):
    up, down, many = names(mebibytes)
    theirs = rclone.place(f"speed/theirs/{number}")
    measured.add(up, "rclone", rclone.timed("copy", large, f"{theirs}/large"))
    measured.add(down, "rclone", rclone.timed("copy", f"{theirs}/large/file", back))
    measured.add(many, "rclone", rclone.timed("copy", "--transfers", "16", small, f"{theirs}/small"))


def work_of_aws(aws, measured, large, back, number, mebibytes):
    up, down, _ = names(mebibytes)
    theirs = aws.place(f"speed/aws/{number}/file")
    measured.add(up, "aws", aws.timed(large, theirs))
    measured.add(down, "aws", aws.timed(theirs, back / "file"))


def make(place):
    place.mkdir(parents=True)
    return place


def same(one, other):
    return subprocess.run(["cmp", "-s", one, other], check=False).returncode == 0


def check_small(servers, files):
    found = sum(path.startswith("small") for path in sizes_of_listing(servers.client("list", "-r", "--json", "/", seconds=300)))
    if found != files:
        raise Failed(f"{found} small files are there of {files}")


def measure_growth(campaign, garage, etcd, directory):
    """The bytes a second that several clients upload together, at one server and at three."""
    told = {}
    for count in (1, 3):
        with Servers(campaign.binary, directory / f"servers{count}", garage, f"growth{count}", count, etcd.address) as servers:
            sources = []
            for number in range(GROWTH_CLIENTS):
                source = make(directory / f"growth{count}-{number}") / f"file{number}"
                sources.append(write_large(source, GROWTH_MEBIBYTES))
            begin, before = time.perf_counter(), [process.processor_seconds() for process in garage.processes]
            running = [
                subprocess.Popen(
                    [str(word) for word in (servers.binary, "upload", "-q", source, "/")],
                    env=servers.environment(number % count), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE, text=True,
                )
                for number, source in enumerate(sources)
            ]
            for client in running:
                _, errors = client.communicate(timeout=600)
                if client.returncode != 0:
                    raise Failed(f"an upload beside others ended with status {client.returncode}: {errors.strip()}")
            seconds = time.perf_counter() - begin
            store = sum(process.processor_seconds() for process in garage.processes) - sum(before)
            ours = sum(process.processor_seconds() for process in servers.processes)
            told[count] = GROWTH_CLIENTS * GROWTH_MEBIBYTES / seconds
            campaign.say(
                f"  {GROWTH_CLIENTS} clients, {count} servers: {told[count]:.0f} MiB/s; processor time of the servers "
                f"{ours:.1f} s, of the store {store:.1f} s, in {seconds:.1f} s on {os.cpu_count()} processors"
            )
            for source in sources:
                shutil.rmtree(source.parent)
    return told
