#!/usr/bin/env python3
"""Installs what the trials of this directory need and this machine lacks: Garage, etcd, rclone, FUSE and botocore."""

import os
import shutil
import subprocess
import sys

from garage import garage_binary
from processes import Failed

GARAGE_VERSION = "2.5.0"
LOCK_SECONDS = 120
PACKAGES = {"etcd": "etcd-server", "rclone": "rclone", "fusermount": "fuse3"}


def has_garage():
    try:
        garage_binary()
    except Failed:
        return False
    return True


def has_botocore():
    try:
        import botocore  # noqa: F401
    except ImportError:
        return False
    return True


def commands():
    """The commands that install what is missing."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if missing:
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        # Machines update themselves, so another program may hold the lock.
        wait = ["-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}"]
        yield [*sudo, "apt-get", *wait, "install", "--yes", "--no-install-recommends", *missing]
    if not has_botocore():
        yield [sys.executable, "-m", "pip", "install", "--quiet", "botocore"]
    if not has_garage():
        features = ["--no-default-features", "--features", "bundled-libs,lmdb"]
        yield [os.environ.get("CARGO", "cargo"), "install", "garage", "--version", GARAGE_VERSION, "--locked", *features]


def main():
    for command in commands():
        print(" ".join(command), flush=True)
        status = subprocess.run(command, check=False).returncode
        if status != 0:
            print(f"This could not be installed (status {status}): install it by hand, then try again", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
