#!/usr/bin/env python3
"""Checks that what differs between systems stands at the seams: what a Mac is to build is not written for Linux by accident.

    tools/platforms.py                                           # the sources alone; part of `make lint`
    tools/platforms.py --check aarch64-apple-darwin              # the compiler's word: `rustup target add` it first

- `cfg` of systems stands in the store and in the files of `SEAMS`.
- What only Linux has is named in the store, in the server command, and in seams.
- The protocol crate names no system at all.

With `--check` it is compiled for another system, with zig's C compiler where there is one (`pip install ziglang`).
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import imports

ROOT = Path(__file__).resolve().parent.parent
STORE = "crates/remofile/src/store/"
# The command that serves: it may use all that its system has.
SERVER_COMMAND = ("crates/remofile-cli/src/daemon/", "crates/remofile-cli/src/landlock.rs")
# Where systems may differ, and in what.
SEAMS = frozenset({
    "crates/remofile/src/carrier/socket.rs",  # how long the kernel repeats what nobody answers
    "crates/remofile/src/server/coordination/clock.rs",  # the clock that goes on while the machine sleeps
    "crates/remofile-cli/src/files.rs",  # files of /proc, which only the proof of a pidfile reads
    "crates/remofile-cli/src/landlock.rs",  # the second wall around a served directory
    "crates/remofile-cli/src/secret.rs",  # where a process finds its own descriptors
    "crates/remofile-cli/src/own_process.rs",  # which signals are ignored and which group it is in, as /proc tells
    "crates/remofile-cli/src/commands/upload.rs",  # the names that standard input has elsewhere
    "crates/remofile-cli/src/settings/keyring.rs",  # the program that reaches the keyring
    "crates/remofile-cli/src/daemon/mod.rs",  # which proof there is
    "crates/remofile-cli/src/daemon/place.rs",  # how a directory is held
})
SYSTEM = re.compile(r"\bcfg(?:_attr)?!?\s*\((?:\s*(?:not|any|all)\s*\(|\s*test\s*,)*\s*(?:target_(?:os|vendor|family|env)|unix\b|windows\b)")
LINUX = re.compile(
    r"\bos::linux\b|\blandlock::|\bpidfd_\w+|\bepoll\b|\beventfd\b|\bsignalfd\b|\btimerfd\w*|\binotify\b|\bmemfd_\w+|\bfanotify\w*"
    r"|\bcopy_file_range\b|\bpipe::(?:splice|tee)\b|\bfallocate\b|\bfadvise\b|\bsyncfs\b|\bopenat2\b|\bstatx\b|\bOFlags::(?:PATH|TMPFILE)\b"
    r"|\bAtFlags::EMPTY_PATH\b|\bpipe_with\b|\bset_tcp_user_timeout\b|\bset_tcp_quickack\b|\bprctl\b"
)
LINUX_FILE = re.compile(r'"/(?:proc|sys)/')
UNIX = re.compile(r"\bos::(?:unix|fd)\b|\brustix\b|\bnix::")
PROTOCOL = "crates/remofile-protocol/src/"


def check(root, files):
    """Yields what stands where it should not, as lines of text; what only tests use is left out."""
    sources = imports.read(root, files)
    for prefix in ("crates/remofile/src", "crates/remofile-cli/src", "crates/remofile-protocol/src"):
        for file, code in imports.rust_code(sources, prefix).items():
            yield from check_file(file, code)
            yield from check_literals(file, sources[file])


def check_file(file, code):
    if file.startswith(PROTOCOL):
        for match in UNIX.finditer(code):
            yield f"{at(file, code, match)}: the protocol crate names a system: {match.group()}"
    if file.startswith(STORE):
        return
    if file not in SEAMS:
        for match in SYSTEM.finditer(code):
            yield f"{at(file, code, match)}: systems differ outside of the seams named in tools/platforms.py"
    if file not in SEAMS and not file.startswith(SERVER_COMMAND):
        for match in LINUX.finditer(code):
            yield f"{at(file, code, match)}: only Linux has {match.group()}: put it into the store or a seam"


def check_literals(file, text):
    if file.startswith((STORE, *SERVER_COMMAND)) or file in SEAMS:
        return
    # Tests stand at the end of a file.
    shipped = re.sub(r"//[^\n]*", "", text.partition("#[cfg(test)]")[0])
    for match in LINUX_FILE.finditer(shipped):
        yield f"{at(file, shipped, match)}: only Linux has {match.group()[1:]}: put it into the store or a seam"


def at(file, code, match):
    return f"{file}:{code.count(chr(10), 0, match.start()) + 1}"


def compile_for(target):
    """Has the compiler check what is to be built for another system; gives its status."""
    packages = ["remofile-protocol"] if "windows" in target else ["remofile-protocol", "remofile-core", "remofile-etcd", "remofile"]
    command = ["cargo", "check", "--locked", "--target", target, *(word for name in packages for word in ("--package", name))]
    with tempfile.TemporaryDirectory() as directory:
        return subprocess.run(command, cwd=ROOT, env={**os.environ, **c_compiler(target, Path(directory))}).returncode


def c_compiler(target, directory):
    """The environment that tells the builds of C sources to use zig, if this machine has it; else they take what there is."""
    zig = [sys.executable, "-m", "ziglang"] if subprocess.run([sys.executable, "-m", "ziglang", "version"], capture_output=True).returncode == 0 else None
    zig = zig or ([shutil.which("zig")] if shutil.which("zig") else None)
    if zig is None:
        return {}
    processor, *rest = target.split("-")
    system = "macos" if "apple" in target else "windows-gnu" if "windows" in target else "-".join(rest[1:])
    # Zig takes the system from its own option; others it does not know.
    compiler, archiver = directory / "cc", directory / "ar"
    compiler.write_text(f"""#!/usr/bin/env bash
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    -target | -arch | -isysroot) shift ;;
    --target=* | -m64 | -mmacosx-version-min=*) ;;
    *) arguments+=("$1") ;;
    esac
    shift
done
exec {' '.join(zig)} cc -target {processor}-{system} "${{arguments[@]}}"
""")
    archiver.write_text(f'#!/bin/sh\nexec {" ".join(zig)} ar "$@"\n')
    for program in (compiler, archiver):
        program.chmod(0o755)
    name = target.replace("-", "_")
    # Apple's tools are asked for the place of their headers, which only a Mac has.
    return {f"CC_{name}": str(compiler), f"AR_{name}": str(archiver), "SDKROOT": str(directory)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", metavar="TARGET", help="compile for this system, too")
    arguments = parser.parse_args()
    from check_repository import tracked_files

    violations = list(check(ROOT, tracked_files(ROOT)))
    for violation in violations:
        print(violation, file=sys.stderr)
    sys.exit(1 if violations else compile_for(arguments.check) if arguments.check else 0)


if __name__ == "__main__":
    main()
