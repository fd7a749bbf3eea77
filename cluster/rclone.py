"""rclone and the AWS command line over the same bucket: what other tools see, and how fast they are."""

import os
import sys
import time
from pathlib import Path

from garage import BUCKET
from processes import find_program, run

COPY_SECONDS = 600
# What a server keeps for itself in a bucket.
STAGING = "/.remofile/**"


class Rclone:
    """rclone at a node of Garage, or at Azurite."""

    def __init__(self, garage, node=0):
        self.binary = find_program("rclone")
        settings = {f"RCLONE_CONFIG_STORE_{name}": value for name, value in garage.rclone_settings(node).items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RCLONE_", "AWS_", "AZURE_"))}
        self.environment = {**kept, **settings, "RCLONE_CONFIG": "/nonexistent/rclone.conf"}

    @staticmethod
    def place(path):
        """Returns the name that rclone has for a path in the bucket."""
        return f"store:{BUCKET}/{path}"

    def run(self, *arguments, seconds=COPY_SECONDS):
        return run([self.binary, *arguments], self.environment, seconds)

    def changes(self, *arguments):
        """The lines about what a dry run would do."""
        said = run([self.binary, *arguments, "--dry-run", "--exclude", STAGING], self.environment, COPY_SECONDS, log=True)
        return [line for line in said.splitlines() if "Skipped" in line]

    def timed(self, *arguments):
        start = time.perf_counter()
        self.run(*arguments)
        return time.perf_counter() - start

    def tree(self, place):
        """The files below a place: a dictionary of their sizes and times by their paths."""
        found = {}
        for line in self.run("lsf", "-R", "--exclude", STAGING, "--files-only", "--format", "pst", "--separator", "\t", place).splitlines():
            path, size, modified = line.rsplit("\t", 2)
            found[path] = (int(size), modified)
        return found

    def check(self, one, other):
        """Fails unless two places have the same files with the same content."""
        self.run("check", "--download", "--exclude", STAGING, one, other)


def aws_program():
    return find_program("aws", Path(sys.executable).parent / "aws")


class Aws:
    """The AWS command line at a node of Garage."""

    def __init__(self, garage, node=0):
        self.binary = aws_program()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = {**kept, **garage.environment(node), "AWS_CONFIG_FILE": "/nonexistent/config"}

    @staticmethod
    def place(path):
        """Returns the name that it has for a path in the bucket."""
        return f"s3://{BUCKET}/{path}"

    def timed(self, source, destination):
        start = time.perf_counter()
        run([self.binary, "s3", "cp", "--quiet", source, destination], self.environment, COPY_SECONDS)
        return time.perf_counter() - start
