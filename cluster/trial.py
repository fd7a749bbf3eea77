#!/usr/bin/env python3
"""Tries Remofile on real engines: a cluster of Garage and an etcd, started here, with servers and clients beside rclone.

Cases: suite (the conformance suite of stores), trees (rclone and Remofile see the same), commands (every kind of command at a
bucket), speed (beside rclone), growth (one server and three), history (kills and a partition under 16 clients), and, only when they
are asked for, azure (suite, trees and commands at Azurite, which stands for Azure's storage) and cli (the tests of the command line
with a root in a bucket). With `--scale full`, as `make cluster-test` runs it, all of it takes at most 20 minutes.
"""

import os
import subprocess
import sys
from pathlib import Path

from processes import Failed  # First: it says where the modules of reliability/ are.
from azurite import Azurite
from cli import command_line
from commands import every_command
from common import REPOSITORY, run
from etcd import Etcd
from garage import BUCKET, Garage
from history import run_history
from throughput import SMALL_FILES, measure, measure_growth
from trees import odd_keys_do_no_harm, ours_is_seen_by_rclone, theirs_is_seen_by_us

SUITE_SECONDS = 600


def suite(_campaign, garage, _etcd, directory):
    """Runs the conformance suite of stores against a bucket."""
    environment = {
        **os.environ, **garage.environment(), "REMOFILE_TEST_BUCKET": f"{garage.scheme}://{BUCKET}/suite",
        "REMOFILE_TEST_ENDPOINT": garage.endpoints[0],
    }
    command = [os.environ.get("CARGO", "cargo"), "test", "--locked", "--package", "remofile-object-store"]
    log = directory / "suite.log"
    with log.open("w") as output:
        done = subprocess.run(
            command, env=environment, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False,
            timeout=SUITE_SECONDS,
        )
    if done.returncode != 0:
        raise Failed(f"the suite ended with status {done.returncode}: {' | '.join(log.read_text().splitlines()[-20:])}")


def trees(campaign, garage, _etcd, directory):
    for function in (ours_is_seen_by_rclone, theirs_is_seen_by_us, odd_keys_do_no_harm):
        place = directory / function.__name__
        place.mkdir()
        campaign.check(f"trees: {function.__name__.replace('_', ' ')}", function, campaign, garage, place)


def azure(campaign, azurite, etcd, directory):
    """The same cases at another kind of service. What is said of keys that are no paths needs the API of S3."""
    campaign.check("azure: suite", suite, campaign, azurite, etcd, directory)
    for function in (ours_is_seen_by_rclone, theirs_is_seen_by_us):
        place = directory / function.__name__
        place.mkdir()
        campaign.check(f"azure: {function.__name__.replace('_', ' ')}", function, campaign, azurite, place)
    every_command(campaign, azurite, etcd, directory)


def commands(campaign, garage, etcd, directory):
    every_command(campaign, garage, etcd, directory)


def cli(campaign, garage, _etcd, directory):
    command_line(campaign, garage, directory)


def speed(campaign, garage, _etcd, directory):
    measured = measure(
        campaign, garage, directory, campaign.scaled(1024, 64), campaign.scaled(SMALL_FILES, 1000), campaign.scaled(2, 1)
    )
    for line in measured.lines():
        campaign.say(f"  {line}")
        note(campaign, line)


def growth(campaign, garage, etcd, directory):
    told = measure_growth(campaign, garage, etcd, directory)
    note(campaign, f"{told[1]:.0f} MiB/s of several clients at one server, {told[3]:.0f} at three")


def history(campaign, garage, etcd, directory):
    note(campaign, run_history(campaign, garage, etcd, directory, campaign.scaled(600, 60)))


def note(campaign, sentence):
    campaign.measured = f"{campaign.measured}; {sentence}" if campaign.measured else sentence


CASES = (suite, trees, commands, speed, growth, history, cli)
# It takes as long as all others together.
WHEN_ASKED_FOR = {"cli"}


def at_azurite(campaign, place):
    """Runs the case of Azurite, which has to be on this machine: `make cluster-setup` installs it where npm is."""
    with Azurite(place / "azurite") as azurite, Etcd(place / "etcd") as etcd:
        campaign.say(f"--- azure: Azurite at {azurite.endpoints[0]}")
        (place / "azure").mkdir()
        campaign.check("azure", azure, campaign, azurite, etcd, place / "azure")


def body(campaign):
    wanted, campaign.only = campaign.only, set()
    with campaign.place() as place:
        if "azure" in wanted:
            at_azurite(campaign, Path(place) / "blobs")
        if wanted != {"azure"}:
            at_garage(campaign, Path(place), wanted)


def at_garage(campaign, place, wanted):
    nodes = campaign.arguments.nodes
    with Garage(place / "garage", nodes, campaign.arguments.replication) as garage, Etcd(place / "etcd") as etcd:
        campaign.say(f"{nodes} nodes of Garage at {', '.join(garage.endpoints)}, etcd at {etcd.address}")
        # What a case checks has names of its own.
        for case in CASES:
            name = case.__name__
            if name not in wanted if wanted else name in WHEN_ASKED_FOR:
                continue
            campaign.say(f"--- {case.__name__}")
            directory = place / case.__name__
            directory.mkdir()
            campaign.check(case.__name__, case, campaign, garage, etcd, directory)


def more(parser):
    parser.add_argument("--nodes", type=int, default=3, metavar="N", help="storage nodes (default 3)")
    parser.add_argument("--replication", type=int, default=3, metavar="N", help="copies of each object (default 3)")


if __name__ == "__main__":
    sys.exit(run("cluster", __doc__, body, more))
