#!/usr/bin/env python3
"""Installs what the trials of this directory need and this machine lacks: Garage, etcd, rclone, FUSE and the AWS command line with its library; and Azurite, where npm is."""

import os
import shutil
import subprocess
import sys

from azurite import PLACE, VERSION, azurite_program
from garage import garage_binary
from processes import Failed
from rclone import aws_program

GARAGE_VERSION = "2.5.0"
LOCK_SECONDS = 120
PACKAGES = {"etcd": "etcd-server", "rclone": "rclone", "fusermount": "fuse3"}


def is_there(find):
    try:
        find()
    except Failed:
        return False
    return True


def has_aws():
    """Reports whether the AWS command line is there, and the library that it brings."""
    try:
        import botocore  # noqa: F401
    except ImportError:
        return False
    return is_there(aws_program)


def commands():
    """The commands that install what is missing."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if missing:
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        # Machines update themselves, so another program may hold the lock.
        wait = ["-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}"]
        yield [*sudo, "apt-get", *wait, "install", "--yes", "--no-install-recommends", *missing]
    if not has_aws():
        yield [sys.executable, "-m", "pip", "install", "--quiet", "awscli"]
    if not is_there(garage_binary):
        features = ["--no-default-features", "--features", "bundled-libs,lmdb"]
        yield [os.environ.get("CARGO", "cargo"), "install", "garage", "--version", GARAGE_VERSION, "--locked", *features]


def install_azurite():
    """Installs Azurite if it can be had: the trials say where they go without."""
    if is_there(azurite_program):
        return
    if not shutil.which("npm"):
        print("npm is not on this machine, so Azurite is left out: nothing is tried with it", flush=True)
        return
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(PLACE), f"azurite@{VERSION}"]
    print(" ".join(command), flush=True)
    if subprocess.run(command, check=False).returncode != 0:
        print("Azurite could not be installed: nothing is tried with it", file=sys.stderr)


def main():
    for command in commands():
        print(" ".join(command), flush=True)
        status = subprocess.run(command, check=False).returncode
        if status != 0:
            print(f"This could not be installed (status {status}): install it by hand, then try again", file=sys.stderr)
            return 1
    install_azurite()
    return 0


if __name__ == "__main__":
    sys.exit(main())
