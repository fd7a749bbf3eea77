#!/usr/bin/env python3
"""Builds the fuzz targets with the toolchain at hand, and runs each for some seconds, two at a time.

What is found is written to fuzz/artifacts; inputs that reach new code are kept in fuzz/corpus, and those in
fuzz/seeds are tried first. Needs a C++ compiler beside what the tests need. Exits with 1 if a target fails.
"""

import argparse
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FUZZ = Path(__file__).resolve().parent.parent / "fuzz"
TARGET_DIRECTORY = FUZZ / "target" / "stable"
AT_ONCE = 2
# What libFuzzer learns by which input reaches what. All of it is known to stable compilers.
COVERAGE = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
]


def host():
    """The target triple of this machine: with it the flags above stay away from build scripts."""
    version = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    return next(line.removeprefix("host: ") for line in version.splitlines() if line.startswith("host: "))


def build(triple):
    environment = {**os.environ, "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(COVERAGE)}
    environment.pop("RUSTFLAGS", None)
    command = ["cargo", "build", "--release", "--locked", "--target", triple]
    subprocess.run([*command, "--target-dir", TARGET_DIRECTORY], cwd=FUZZ, env=environment, check=True)
    return TARGET_DIRECTORY / triple / "release"


def run(program, seconds):
    """Runs one target; its name, whether nothing was found, and what it printed."""
    name = program.name
    directories = [FUZZ / kind / name for kind in ("corpus", "seeds", "artifacts")]
    for directory in directories:
        directory.mkdir(parents=True, exist_ok=True)
    corpus, seeds, artifacts = directories
    command = [program, corpus, seeds, f"-artifact_prefix={artifacts}/", f"-max_total_time={seconds}"]
    command += ["-print_final_stats=1", "-rss_limit_mb=2048", "-timeout=20", "-verbosity=0"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return name, ended.returncode == 0, ended.stdout


def runs(output):
    lines = [line for line in output.splitlines() if line.startswith("stat::number_of_executed_units:")]
    return int(lines[-1].split()[-1]) if lines else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("targets", nargs="*", help="names of targets (all)")
    arguments = parser.parse_args()
    if not shutil.which(os.environ.get("CXX", "c++")):
        sys.exit("the fuzz targets need a C++ compiler: install one (g++, clang), or name it in CXX")
    directory = build(host())
    names = arguments.targets or sorted(path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs"))
    failed = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name, is_fine, output in pool.map(lambda name: run(directory / name, arguments.seconds), names):
            # A target that runs nothing proves nothing.
            if is_fine and runs(output) > 0:
                print(f"{name}: {runs(output)} inputs, nothing found", flush=True)
            else:
                failed.append(name)
                print(f"{name}: FAILED\n{output}", flush=True)
    print(f"{len(names) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
