#!/usr/bin/env python3
"""Installs each package of target/packages into a clean place, and moves files with what is installed there.

    tools/try_packages.py                  # all that are there; a package that is missing is a failure
    tools/try_packages.py tarball deb

Nothing of the machine is changed: crates are installed below a directory of their own, the wheel into an environment of its
own, the Debian package below another root, with a package database of its own.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import packages
from harness import Failed, Server, compare, end_on_signals, write_random_file

# What is downloaded, and the command in it: ARCHITECTURE.md tells why.
MOST_TARBALL_BYTES = 10_000_000
MOST_COMMAND_BYTES = 14_000_000


class Place:
    """A directory that everything of one trial is in, and a short way to run things there."""

    def __init__(self, directory, output):
        self.directory, self.output = directory, output

    def package(self, pattern):
        found = sorted(self.output.glob(pattern))
        if len(found) != 1:
            raise Failed(f"{self.output} has {len(found)} packages {pattern}, and not one: build them with 'make packages'")
        return found[0]

    def run(self, *command, **environment):
        """Runs a command and gives what it said."""
        done = subprocess.run(
            [str(word) for word in command], cwd=self.directory, env={**clean_environment(), **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        if done.returncode != 0:
            raise Failed(f"'{' '.join(map(str, command))}' ended with status {done.returncode}:\n{done.stdout[-4000:]}")
        return done.stdout


def try_crates(place):
    """`cargo install remofile` as it will be: from the packages alone, which are in place of those that are published."""
    sources = {}
    for name in packages.CRATES:
        with tarfile.open(place.package(f"{name}-[0-9]*.crate")) as archive:
            archive.extractall(place.directory, filter="data")
            sources[name] = place.directory / archive.getnames()[0].split("/")[0]
    patches = [f"patch.crates-io.{name}.path='{path}'" for name, path in sources.items() if name != "remofile"]
    configuration = [word for patch in patches for word in ("--config", patch)]
    # Unoptimized, where the packages were built when they were made: what they depend on is there already.
    place.run(
        "cargo", "install", "--path", sources["remofile"], "--root", place.directory / "root", "--debug", "--offline",
        "--target-dir", packages.crates_directory(), *configuration, **packages.UNOPTIMIZED,
    )
    move_files(place, place.directory / "root/bin/remofile")
    move_files(place, place.directory / "root/bin/rmf")


def try_tarball(place):
    package = place.package("remofile-[0-9]*-linux-*.tar.gz") if os.uname().sysname == "Linux" else place.package("remofile-*.tar.gz")
    with tarfile.open(package) as archive:
        archive.extractall(place.directory, filter="data")
        unpacked = place.directory / archive.getnames()[0].split("/")[0]
    prefix = place.directory / "prefix"
    for _ in "installed", "installed again":
        place.run(unpacked / "install.sh", prefix)
    check_size(package, MOST_TARBALL_BYTES)
    check_size(prefix / "bin/remofile", MOST_COMMAND_BYTES)
    check_files(prefix, "share/man/man1/remofile.1", "share/bash-completion/completions/rmf", "share/doc/remofile/LICENSE-MIT", "share/doc/remofile/THIRD-PARTY")
    move_files(place, prefix / "bin/remofile")
    move_files(place, prefix / "bin/rmf")
    place.run(unpacked / "install.sh", "--uninstall", prefix)
    if left := [path for path in prefix.rglob("*") if not path.is_dir()]:
        raise Failed(f"--uninstall left {left}")


def try_deb(place):
    """The package is installed, upgraded with itself, and removed, by dpkg and with its scripts, below another root."""
    package = place.package("remofile_*.deb")
    root = place.directory / "root"
    for directory in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "etc", "usr"):
        (root / directory).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    shutil.copy("/usr/lib/sysusers.d/basic.conf", packages.made(root / "usr/lib/sysusers.d"))
    # What it depends on is not below that root: the programs of the machine run its scripts, told of the root.
    dpkg = ["dpkg", f"--root={root}", "--force-script-chrootless", "--force-depends", "--force-not-root", "--log=/dev/null"]
    fake = [] if os.geteuid() == 0 else ["fakeroot"]
    for _ in "installed", "installed again":
        place.run(*fake, *dpkg, "--install", package)
    if not re.search(r"^remofile:x:\d+:\d+:[^:]*:/var/lib/remofile:\S*/nologin$", (root / "etc/passwd").read_text(), re.MULTILINE):
        raise Failed("the package made no user remofile")
    check_files(
        root, "usr/share/man/man1/remofile.1.gz", "usr/share/man/man1/rmf.1.gz", "usr/share/bash-completion/completions/remofile",
        "usr/share/zsh/site-functions/_remofile", "usr/share/fish/vendor_completions.d/remofile.fish",
        "usr/share/doc/remofile/copyright", "usr/share/doc/remofile/THIRD-PARTY", "usr/lib/sysusers.d/remofile.conf",
        *(f"usr/lib/systemd/system/{unit.name}" for unit in (packages.DEPLOY / "systemd").glob("*.service")),
    )
    if (packages.DEPLOY / "systemd/server.toml").exists():
        try_prepared_server(place, root)
    move_files(place, root / "usr/bin/remofile")
    move_files(place, root / "usr/bin/rmf")
    place.run(*fake, *dpkg, "--purge", "remofile")
    for left in ("usr/bin/remofile", "etc/remofile"):
        if (root / left).exists():
            raise Failed(f"the purged package left {left}")


def try_prepared_server(place, root):
    """Checks that a server starts with what the package prepares for `systemctl enable --now remofile`."""
    own = root / "etc/remofile"
    for name in ("token", "private.key"):
        if (mode := (own / name).stat().st_mode & 0o777) != 0o600:
            raise Failed(f"others than root may read {own / name}: {mode:o}")
    options = (own / "server.toml").read_text(encoding="utf-8").replace('"/srv/', f'"{root}/srv/')
    (own / "server.toml").write_text(options, encoding="utf-8")
    place.run(
        root / "usr/bin/remofile", "server-config", own / "server.toml", "--check-config",
        REMOFILE_RUN_TOKEN_FILE=str(own / "token"), REMOFILE_RUN_PRIVATE_KEY_FILE=str(own / "private.key"),
    )


def try_wheel(place):
    environment = place.directory / "environment"
    place.run(sys.executable, "-m", "venv", environment)
    place.run(environment / "bin/pip", "install", "--quiet", "--no-index", place.package("remofile-*.whl"))
    check_files(environment, "share/doc/remofile/THIRD-PARTY")
    move_files(place, environment / "bin/remofile")
    served = packages.made(place.directory / "by Python")
    place.run(environment / "bin/python", "-c", PYTHON_TRIAL, served, place.directory / "tree")
    compare(place.directory / "tree", served / "tree")


PYTHON_TRIAL = """
import sys
from remofile import Server, generate_token

with Server(sys.argv[1], generate_token()) as server, server.client() as client:
    client.upload_directory(sys.argv[2], "/")
"""


def try_image(place):
    if not packages.docker_answers():
        print("image: no Docker daemon answers, so it was neither built nor tried", file=sys.stderr)
        return
    name = f"remofile-trial-{os.getpid()}"
    token = place.run("docker", "run", "--rm", packages.IMAGE, "generate-token").strip()
    place.run("docker", "run", "--rm", "--entrypoint", "test", packages.IMAGE, "-s", "/usr/local/share/doc/remofile/THIRD-PARTY")
    place.run("docker", "run", "--detach", "--name", name, "--env", f"REMOFILE_TOKEN={token}", packages.IMAGE)
    try:
        place.run("docker", "exec", name, "sh", "-c", "timeout 30 sh -c 'until remofile status; do sleep 0.1; done' && remofile upload /etc/passwd / && remofile cat /passwd | cmp - /etc/passwd")
    finally:
        place.run("docker", "rm", "--force", "--volumes", name)


def move_files(place, command):
    """A server of the installed command, a tree sent to it and fetched again, and each byte compared."""
    version = place.run(command, "--version").split()
    if version[-1] != packages.Release(place.output, None, "").version:
        raise Failed(f"{command} is of another version: {version}")
    tree = place.directory / "tree"
    if not tree.exists():
        packages.made(tree / "a/b")
        write_random_file(tree / "large", 5 << 20)
        for number in range(200):
            write_random_file(tree / "a/b" / f"{number}.txt", number)
    with tempfile.TemporaryDirectory(dir=place.directory) as name:
        served, fetched = packages.made(Path(name) / "served"), packages.made(Path(name) / "fetched")
        with Server(command, served) as server:
            server.run("upload", "-r", tree, "/")
            server.run("download", "-r", "/tree", fetched)
        compare(tree, served / "tree")
        files, size = compare(tree, fetched / "tree")
    print(f"  {command.name} of {version[-1]}: {files} files, {size / 1e6:.1f} MB there and back", flush=True)


def check_files(root, *names):
    if missing := [name for name in names if not (root / name).exists()]:
        raise Failed(f"the package has no {', '.join(missing)}")


def check_size(path, most_bytes):
    if (size := path.stat().st_size) >= most_bytes:
        raise Failed(f"{path.name} has {size / 1e6:.1f} MB, and should have less than {most_bytes / 1e6:.0f}")


def check_checksums(output):
    for line in (output / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        checksum, name = line.split("  ")
        if hashlib.sha256((output / name).read_bytes()).hexdigest() != checksum:
            raise Failed(f"{name} is not the file that SHA256SUMS names")


def clean_environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(("REMOFILE_", "PYTHON"))}


TRIALS = {"crates": try_crates, "tarball": try_tarball, "deb": try_deb, "wheel": try_wheel, "image": try_image}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(TRIALS)}; all of them without one")
    parser.add_argument("--output", type=Path, default=packages.ROOT / "target/packages", help="where the packages are")
    arguments = parser.parse_args()
    if unknown := set(arguments.kinds) - TRIALS.keys():
        parser.error(f"there is no kind {', '.join(sorted(unknown))}: choose from {', '.join(TRIALS)}")
    end_on_signals()
    try:
        check_checksums(arguments.output)
        for kind in arguments.kinds or TRIALS:
            print(f"{kind}:", flush=True)
            with tempfile.TemporaryDirectory(prefix="remofile-package-") as directory:
                TRIALS[kind](Place(Path(directory), arguments.output.resolve()))
    except Failed as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
