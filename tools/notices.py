#!/usr/bin/env python3
"""Prints the notices of everything that the commands are made of: who ships a program has to ship them with it.

    tools/notices.py --package remofile-python --target x86_64-unknown-linux-gnu      # those of the Python module as well

Each text is printed once, with the crates whose licence it is. A crate without a text has its licence named.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What crates call them: LICENSE, LICENSE-MIT, LICENCE.md, COPYING, NOTICE, license-mit.txt.
TEXT = re.compile(r"^(?:licen[cs]e|copying|notice|unlicense)(?![a-z])", re.IGNORECASE)


def crates(packages, target):
    """The crates that packages are made of, but for our own: (name and version, licence, directory)."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    command += ["--filter-platform", target] if target else []
    told = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    known = {crate["id"]: crate for crate in told["packages"]}
    nodes = {node["id"]: node for node in told["resolve"]["nodes"]}
    ahead = [crate["id"] for crate in told["packages"] if crate["name"] in packages and crate["source"] is None]
    reached = set()
    while ahead:
        one = ahead.pop()
        if one not in reached:
            reached.add(one)
            # Neither what only tests need, nor what only builds.
            linked = (dep["pkg"] for dep in nodes[one]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"]))
            ahead.extend(linked)
    for crate in sorted((known[one] for one in reached), key=lambda crate: (crate["name"], crate["version"])):
        if crate["source"]:
            yield f"{crate['name']} {crate['version']}", crate["license"] or "?", Path(crate["manifest_path"]).parent


def texts(directory):
    """The licences and notices of a crate."""
    for path in sorted(directory.iterdir()):
        if TEXT.match(path.name) and path.is_file():
            yield path.read_text(encoding="utf-8", errors="replace").strip()


def notices(*more, target=None):
    """All of it, as one text: of the commands, and of more packages."""
    owners, licences = defaultdict(list), []
    for name, licence, directory in crates({"remofile", *more}, target):
        found = list(texts(directory))
        licences.append(f"{name}: {licence}{'' if found else ' (its package has no text of it)'}")
        for text in found:
            owners[text].append(name)
    parts = ["Remofile is made of these crates, under these licences:", "\n".join(licences)]
    parts += [f"{'-' * 80}\n{', '.join(names)}\n\n{text}" for text, names in owners.items()]
    return "\n\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", action="append", default=[], help="another package of this repository beside the commands")
    parser.add_argument("--target", help="the system that they are for; all of them without one")
    arguments = parser.parse_args()
    sys.stdout.write(notices(*arguments.package, target=arguments.target))


if __name__ == "__main__":
    main()
