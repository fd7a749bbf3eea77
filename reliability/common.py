"""The base of the campaigns: their arguments, their cases, and the line that tells how they went.

A campaign is a script that is called as

    NAME.py [--binary PATH] [--seed N] [--scale tenth|full] [--only CASE]... [--directory DIR]

and ends with `sys.exit(run("NAME", __doc__, body))`, where `body` takes a Campaign. It prints what it does for people, and as
its last line one JSON object: `campaign`, `cases`, `failures` (a list of objects with `case` and `what`), `skipped` (the reason,
or null), `seconds`, and `measured`, a sentence for the table, if it has one. The exit status is 1 if there are failures.

Servers, files and comparisons are those of tools/harness.py, whose names this module hands on.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from harness import MIB, RELEASE_BINARY, REPOSITORY, Failed, Server, compare, end_on_signals, write_random_file

__all__ = [
    "MIB", "RELEASE_BINARY", "REPOSITORY", "Campaign", "Failed", "Server", "Skipped", "compare", "end_on_signals", "run",
    "write_random_file",
]

DEBUG_BINARY = REPOSITORY / "target" / "debug" / "remofile"


class Skipped(Exception):
    """The reason why a campaign, or the rest of it, cannot run on this machine."""


class Campaign:
    """The arguments of a campaign, and what has come of its cases so far."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.binary = arguments.binary.resolve()
        self.seed, self.only, self.full = arguments.seed, set(arguments.only), arguments.scale == "full"
        self.cases, self.failures, self.skipped, self.measured = 0, [], None, None
        self._directory = arguments.directory

    def scaled(self, full, tenth):
        """The first at full scale, else the second."""
        return full if self.full else tenth

    def chance(self, case):
        """The random numbers of a case: the same for the same seed and name, whichever other cases run."""
        return random.Random(f"{self.seed}/{case}")

    def place(self):
        """A temporary directory, for a `with` block."""
        return tempfile.TemporaryDirectory(prefix="remofile-reliability-", dir=self._directory)

    def wants(self, case):
        """True if the case is to run: all do, unless --only names some."""
        return not self.only or case in self.only

    def check(self, case, function, *arguments):
        """Runs a case and returns what the function does, or None if it failed or is not wanted.

        The function raises Failed with what did not hold. Anything else that it raises is a failure of the case, too, but for
        Skipped, which ends the campaign.
        """
        if not self.wants(case):
            return None
        self.cases += 1
        try:
            return function(*arguments)
        except Failed as failure:
            self.fail(case, str(failure))
        except subprocess.TimeoutExpired as error:
            self.fail(case, f"it did not end within {error.timeout} s: {shown(error.cmd)}")
        except Skipped:
            self.cases -= 1
            raise
        except Exception:
            self.fail(case, f"the campaign itself failed: {traceback.format_exc()}")
        return None

    def fail(self, case, what):
        """Notes a failure and tells it at once."""
        self.failures.append({"case": case, "what": what})
        self.say(f"FAILED {case} (seed {self.seed}): {what}")

    @staticmethod
    def say(text):
        """Prints a line for people."""
        print(text, flush=True)


def run(name, description, body, add_more=None):
    """Runs a campaign with the arguments of this process, to which `add_more` adds its own; returns the exit status."""
    campaign = Campaign(parse_arguments(description, add_more))
    end_on_signals()
    start = time.monotonic()
    try:
        if not campaign.binary.is_file():
            raise Failed(f"{campaign.binary} is missing: build it with 'make build'")
        body(campaign)
    except Skipped as reason:
        campaign.skipped = str(reason)
    except Failed as failure:
        campaign.fail("the campaign", str(failure))
    except KeyboardInterrupt:
        return 130
    report = {
        "campaign": name, "cases": campaign.cases, "failures": campaign.failures, "skipped": campaign.skipped,
        "seconds": round(time.monotonic() - start, 1),
    }
    if campaign.measured:
        report["measured"] = campaign.measured
    print(json.dumps(report), flush=True)
    return 1 if campaign.failures else 0


def parse_arguments(description, add_more=None):
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--only", action="append", default=[], metavar="CASE", help="run this case alone (may be repeated)")
    parser.add_argument("--directory", type=Path, metavar="DIR", help="where to work (default TMPDIR)")
    if add_more:
        add_more(parser)
    return parser.parse_args()


def add_arguments(parser):
    """Adds what every campaign takes, and all of them together."""
    built = RELEASE_BINARY if RELEASE_BINARY.is_file() else DEBUG_BINARY
    parser.add_argument("--binary", type=Path, default=built, metavar="PATH", help="the command to run")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="for the same cases again (default 1)")
    parser.add_argument("--scale", choices=["tenth", "full"], default="tenth", help="how many cases (default tenth)")


def shown(command):
    """A command, as text for people."""
    return command if isinstance(command, str) else " ".join(map(str, command))
