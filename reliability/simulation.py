#!/usr/bin/env python3
"""Simulates the server, its disk, its clients and the lines between them in one process, seed by seed.

The simulation is a test of the library's crate, which is built for that (with optimisation at full scale): this script runs it
on a range of seeds in as many processes as there are processors. A case is a seed; a seed that fails has the same course again:

    reliability/simulation.py --only 4711

usage: simulation.py [--seed N] [--scale tenth|full] [--only SEED]...
"""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from common import REPOSITORY, Failed, Skipped, run

PACKAGE = "remofile-core"
TEST = "simulation::every_promise_holds_at_every_step_of_every_seed"
# Those before it are tried by the crate's own tests.
FIRST = 800
FULL, TENTH = 1_000_000, 200
# Seeds of one process, and the time that it may take.
CHUNK = {"full": 5_000, "tenth": 100}
LIMIT_SECONDS = 1_800

FAILED_SEED = re.compile(r"^seed (\d+): (.*)$", re.MULTILINE)
SUMMARY = re.compile(r"^simulated: .*? (\d+) steps, ([\d.]+) s", re.MULTILINE)


def body(campaign):
    if not shutil.which("cargo"):
        raise Skipped("there is no cargo to build the simulation with")
    program = build(campaign.full)
    if campaign.only:
        ranges = [(int(seed), int(seed) + 1) for seed in sorted(campaign.only)]
    else:
        count, chunk = campaign.scaled(FULL, TENTH), CHUNK[campaign.arguments.scale]
        start = FIRST + (campaign.seed - 1) * FULL
        ranges = [(first, min(first + chunk, start + count)) for first in range(start, start + count, chunk)]
    steps, seconds = 0, 0.0
    with ThreadPoolExecutor(os.cpu_count()) as executor:
        for (first, end), outcome in zip(ranges, executor.map(lambda each: simulate(program, *each), ranges)):
            campaign.cases += end - first
            told = outcome.stdout + outcome.stderr
            for seed, what in FAILED_SEED.findall(told):
                campaign.fail(seed, what)
            if campaign.only:
                campaign.say(told)
            if summary := SUMMARY.search(told):
                steps, seconds = steps + int(summary[1]), seconds + float(summary[2])
            elif not FAILED_SEED.search(told):
                campaign.fail(f"{first}..{end}", f"it ended with status {outcome.returncode}: {told[-2000:]}")
    rate = round(steps / seconds * 60) if seconds else 0
    campaign.measured = f"{steps:,} steps, {rate:,} a minute on each processor"
    campaign.say(f"{campaign.cases:,} seeds: {campaign.measured}")


def build(is_full):
    """Builds the tests of the library, as the other tests do or with optimisation; the path of the program."""
    # With `--lib` in the workspace cargo would build the Python module, too, which the other tests do without.
    scope = ["--release", "--package", PACKAGE, "--lib"] if is_full else ["--workspace"]
    command = ["cargo", "test", "--locked", "--quiet", *scope, "--no-run", "--message-format=json"]
    built = subprocess.run(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if built.returncode != 0:
        raise Failed(f"it could not be built: {built.stderr[-2000:]}")
    for line in built.stdout.splitlines():
        message = json.loads(line) if line.startswith("{") else {}
        if message.get("executable") and message["target"]["name"] == "remofile" and "lib" in message["target"]["kind"]:
            return message["executable"]
    raise Failed("cargo names no program of the library's tests")


def simulate(program, first, end):
    environment = {**os.environ, "SIMULATION_SEEDS": f"{first}..{end}", "RUST_BACKTRACE": "0"}
    command = [program, "--exact", TEST, "--nocapture"]
    limit = LIMIT_SECONDS
    try:
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired as error:
        told = (error.stdout or b"").decode(errors="replace") + f"\nit did not end within {limit} s"
        return subprocess.CompletedProcess(command, None, told, "")


if __name__ == "__main__":
    sys.exit(run("simulation", __doc__, body))
