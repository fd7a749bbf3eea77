#!/usr/bin/env python3
"""Measures reads of a remote file from C: builds reads.c with an installed library, and runs it with `remofile run` on loopback."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent.parent / "tools"))

import harness  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prefix", type=Path, help="where the library is installed")
    parser.add_argument("--binary", type=Path, default=harness.RELEASE_BINARY, help="the server")
    parser.add_argument("--mib", type=int, default=256, help="size of the file")
    arguments = parser.parse_args()
    library = arguments.prefix.resolve() / "lib"
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as place:
        program = Path(place) / "reads"
        settings = {**os.environ, "PKG_CONFIG_PATH": str(library / "pkgconfig"), "LD_LIBRARY_PATH": str(library)}
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "remofile"], env=settings, check=True, capture_output=True, text=True
        ).stdout.split()
        compiler = [os.environ.get("CC", "cc"), "-O2", "-D_POSIX_C_SOURCE=200809L"]
        subprocess.run([*compiler, HERE / "reads.c", "-o", program, *flags], check=True)
        root = Path(place) / "root"
        root.mkdir()
        (root / "file").write_bytes(os.urandom(1 << 20) * arguments.mib)
        with harness.Server(arguments.binary, root) as server:
            subprocess.run([program, "/file"], env={**settings, **server.environment}, check=True)


if __name__ == "__main__":
    sys.exit(main())
