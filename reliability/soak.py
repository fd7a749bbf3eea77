#!/usr/bin/env python3
"""Runs the campaigns of this directory in a fixed order, and prints a table of how they went.

What a campaign says goes on to standard output but for its last line, which becomes a row of the table. A command that
--before names is a row as well: it passes if its exit status is 0. The table is in Markdown, as docs/reliability.md has it.

usage: soak.py [--binary PATH] [--seed N] [--scale tenth|full] [--campaign NAME]... [--before NAME COMMAND]...
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from common import add_arguments, end_on_signals

HERE = Path(__file__).resolve().parent
CAMPAIGNS = ("kills", "crash_images", "faults", "network", "clients", "simulation")
# What one campaign may take: beyond that something hangs.
LIMIT_SECONDS = {"tenth": 600, "full": 6 * 3600}
HEADING = ("campaign", "cases", "failures", "seconds", "outcome")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--campaign", action="append", choices=CAMPAIGNS, help="run this alone (may be repeated)")
    parser.add_argument("--before", action="append", nargs=2, default=[], metavar=("NAME", "COMMAND"), help="run this first")
    arguments = parser.parse_args()
    end_on_signals()
    rows = []
    try:
        for name, command in [] if arguments.campaign else arguments.before:
            rows.append(run_command(name, command, LIMIT_SECONDS[arguments.scale]))
        for name in CAMPAIGNS:
            if name in (arguments.campaign or CAMPAIGNS):
                rows.append(run_campaign(name, arguments))
    except KeyboardInterrupt:
        return 130
    print("\n" + heading(arguments) + "\n\n" + table(rows), flush=True)
    failed = [row for row in rows if row["failures"]]
    for row in failed:
        for failure in row["failures"]:
            print(f"{row['campaign']}, case {failure['case']}: {failure['what']}", file=sys.stderr)
    return 1 if failed else 0


def run_command(name, command, limit):
    """Runs a command of the shell; its row."""
    print(f"--- {name}: {command}", flush=True)
    start = time.monotonic()
    status, _ = run_bounded(["/bin/sh", "-c", command], limit)
    failures = [] if status == 0 else [{"case": command, "what": ended(status, limit)}]
    return {"campaign": name, "cases": 1, "failures": failures, "skipped": None, "seconds": time.monotonic() - start}


def run_campaign(name, arguments):
    """Runs a campaign; its row."""
    script = HERE / f"{name}.py"
    if not script.is_file():
        missing = {"case": "the campaign", "what": f"{script} is missing"}
        return {"campaign": name, "cases": 0, "failures": [missing], "skipped": None, "seconds": 0}
    print(f"--- {name}", flush=True)
    start = time.monotonic()
    command = [sys.executable, script, "--binary", arguments.binary, "--seed", arguments.seed, "--scale", arguments.scale]
    limit = LIMIT_SECONDS[arguments.scale]
    status, last = run_bounded(list(map(str, command)), limit)
    row = parse_report(last) or {"campaign": name, "cases": 0, "failures": [], "skipped": None, "seconds": time.monotonic() - start}
    # A campaign that fails without a failure to name, or without a report, has broken off.
    if status != 0 and not row["failures"] or not parse_report(last):
        row["failures"].append({"case": "the campaign", "what": ended(status, limit)})
    return row


def run_bounded(command, limit):
    """Runs a command in a session of its own, and hands on what it prints but for a last line that is a report.

    Returns its exit status, None if it was ended after `limit` seconds, and its last line.
    """
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
    over = threading.Event()

    def end():
        over.set()
        signal_group(process, signal.SIGKILL)

    timer = threading.Timer(limit, end)
    timer.start()
    last = ""
    try:
        for line in process.stdout:
            last = line
            if not parse_report(line):
                print(line, end="", flush=True)
        process.wait()
    except BaseException:
        signal_group(process, signal.SIGTERM)
        process.wait()
        raise
    finally:
        timer.cancel()
        process.stdout.close()
    return None if over.is_set() else process.returncode, last


def signal_group(process, number):
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def parse_report(line):
    """The report in the last line of a campaign, else None."""
    try:
        report = json.loads(line)
    except ValueError:
        return None
    wanted = {"campaign", "cases", "failures", "skipped", "seconds"}
    return report if isinstance(report, dict) and wanted <= report.keys() else None


def ended(status, limit):
    if status is None:
        return f"it did not end within {limit} s"
    return f"it ended with status {status} and without a report of what failed"


def heading(arguments):
    """A sentence about this run: when, where, and with what."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    version = subprocess.run([arguments.binary, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return (
        f"{time.strftime('%Y-%m-%d')}, seed {arguments.seed}, scale {arguments.scale}: {version.stdout.strip()} on "
        f"{platform.system()} {platform.release()}, {os.cpu_count()} processors, {memory:.0f} GiB."
    )


def table(rows):
    """The rows as a table in Markdown."""
    lines = [HEADING] + [
        (row["campaign"], f"{row['cases']:,}", str(len(row["failures"])), f"{row['seconds']:,.0f}", outcome(row)) for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADING))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    return "\n".join([text[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *text[1:]])


def outcome(row):
    """One cell: how it went, and what was measured or left out."""
    word = "failed" if row["failures"] else "passed" if row["cases"] else "skipped"
    more = [text for text in (row.get("measured"), row["skipped"] and f"skipped: {row['skipped']}") if text]
    return word if not more else f"{word}; {'; '.join(more)}" if word != "skipped" else more[-1]


if __name__ == "__main__":
    sys.exit(main())
