#!/usr/bin/env python3
"""Builds the packages of a release into a directory, target/packages, and lists their checksums in SHA256SUMS there.

    tools/packages.py                               # all that this machine can build
    tools/packages.py tarball --target x86_64-unknown-linux-musl --command 'cargo zigbuild'

crates    what crates.io gets, each built from its package alone
tarball   the stripped commands, manual pages and completions, with an installer
deb       the same for Debian and its relatives, by cargo-deb
wheel     the Python package, with the commands
image     the image of deploy/docker, where a Docker daemon answers
"""

import argparse
import email.utils
import gzip
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from notices import notices
from separate_symbols import find_objcopy

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
COMMANDS = ("remofile", "rmf")
# In the order in which they are published: each needs the ones before it.
CRATES = ("remofile-protocol", "remofile-core", "remofile-object-store", "remofile-etcd", "remofile")
CARGO_DEB = "3.8.0"
MAINTAINER = "The Remofile contributors <remofile@example.org>"
IMAGE = "remofile"
# Where the files of a package are below its prefix.
COMPLETIONS = {
    "bash": ("share/bash-completion/completions", "remofile", "rmf"),
    "zsh": ("share/zsh/site-functions", "_remofile", None),
    "fish": ("share/fish/vendor_completions.d", "remofile.fish", "rmf.fish"),
}
# Cargo's profile for what is handed out.
PROFILE = "dist"
# For builds that are only tried.
UNOPTIMIZED = {"CARGO_PROFILE_DEV_DEBUG": "none", "CARGO_INCREMENTAL": "0"}
# The licences of what the commands are made of.
NOTICES = "THIRD-PARTY"
DOCUMENTS = ("README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE")


class Release:
    """The programs that are packed, for which system, and where the packages go."""

    def __init__(self, output, target, command, built=None):
        # zig is told the oldest C library behind the name of the system: x86_64-unknown-linux-gnu.2.17
        self.output, self.target, self.command = output, (target or host()).partition(".")[0], shlex.split(command)
        self.own_target = ["--target", target] if target else []
        self.version = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
        self.tree = output / "tree" / self.target
        self.built = built
        self._staged = False

    def stage(self):
        """The directory with everything below its prefix, as it is installed; made once."""
        if not self._staged:
            if not self.built:
                run(*self.command, "--profile", PROFILE, "--locked", "--package", "remofile", "--bins", *self.own_target)
            shutil.rmtree(self.tree, ignore_errors=True)
            stage_commands(self.built or target_directory() / (self.target if self.own_target else "") / PROFILE, self.tree)
            stage_texts(self.tree)
            notice = notices(target=self.target)
            (self.tree / "share/doc/remofile" / NOTICES).write_text(notice, encoding="utf-8")
            stage_units(self.tree)
            self._staged = True
        return self.tree


def stage_commands(built, tree):
    (tree / "bin").mkdir(parents=True)
    strip, environment = find_objcopy() or (None, {})
    for name in COMMANDS:
        place = tree / "bin" / name
        if strip:
            run(strip, "--strip-all", "--remove-section=.gnu_debuglink", built / name, place, env=environment)
        else:
            print("objcopy is missing: the packages have what is for debuggers, and are larger", file=sys.stderr)
            shutil.copy(built / name, place)
        place.chmod(0o755)


def stage_texts(tree):
    """Manual pages and completions, which the command makes itself, and the documents beside it."""
    command = tree / "bin" / "remofile"
    run(command, "man", made(tree / "share/man/man1"))
    for shell, (place, name, short) in COMPLETIONS.items():
        script = subprocess.run([command, "completions", shell], check=True, capture_output=True).stdout
        (made(tree / place) / name).write_bytes(script)
        if short:
            (tree / place / short).symlink_to(name)
    for name in DOCUMENTS:
        shutil.copy(ROOT / name, made(tree / "share/doc/remofile") / name)


def stage_units(tree):
    """Installs what systemd is to know of the server; nothing where there is none of it."""
    units = [path for path in sorted((DEPLOY / "systemd").glob("*")) if path.suffix in {".service", ".socket"}]
    if not units:
        print("deploy/systemd has no units: the packages are without", file=sys.stderr)
    for unit in units:
        text = unit.read_text(encoding="utf-8").replace("/usr/local/bin/", "/usr/bin/")
        (made(tree / "lib/systemd/system") / unit.name).write_text(text, encoding="utf-8")
    # The options that the unit starts with, as an example; the Debian package puts them into /etc.
    if (options := DEPLOY / "systemd/server.toml").exists():
        shutil.copy(options, made(tree / "share/remofile"))
    shutil.copy(DEPLOY / "debian/remofile.sysusers", made(tree / "lib/sysusers.d") / "remofile.conf")


def build_crates(release):
    """The crates, each built from what is in its package: that is what is tried of them before they are published."""
    packages = [option for name in CRATES for option in ("--package", name)]
    # Each in a directory of its own by default, where everything that it depends on would be built for it alone.
    run("cargo", "package", "--locked", "--allow-dirty", "--target-dir", crates_directory(), *packages, env=UNOPTIMIZED)
    for name in CRATES:
        yield shutil.copy(crates_directory() / "package" / f"{name}-{release.version}.crate", release.output)


def build_tarball(release):
    """One directory with the installer and the tree that it copies. The same tree makes the same bytes."""
    name = f"remofile-{release.version}-{release.target}"
    path = release.output / f"{name}.tar.gz"
    tree = release.stage()
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=moment()) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
            tar.add(DEPLOY / "tarball/install.sh", f"{name}/install.sh", filter=anonymous)
            for document in DOCUMENTS:
                tar.add(ROOT / document, f"{name}/{document}", filter=anonymous)
            for entry in sorted(tree.rglob("*")):
                tar.add(entry, f"{name}/files/{entry.relative_to(tree)}", recursive=False, filter=anonymous)
    yield path


def build_deb(release):
    """The Debian package of crates/remofile-cli/Cargo.toml, made of the tree that it names, target/packages/deb."""
    place = ROOT / "target/packages/deb"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(release.stage(), place / "usr", symlinks=True)
    # Debian has its own place for licences, and cargo-deb puts the changelog where it belongs.
    documents = place / "usr/share/doc/remofile"
    for name in ("LICENSE-MIT", "LICENSE-APACHE"):
        (documents / name).unlink()
    (documents / "changelog.gz").write_bytes(gzip.compress((documents / "CHANGELOG.md").read_bytes(), 9, mtime=0))
    (documents / "CHANGELOG.md").unlink()
    (place / "changelog").write_text(debian_changelog(release.version), encoding="utf-8")
    run(cargo_deb(), "--package", "remofile", "--no-build", "--no-strip", "--output", release.output, *release.own_target)
    yield from release.output.glob(f"remofile_{release.version}-*.deb")


def debian_changelog(version):
    """Debian's own list of changes has one entry, which points to ours."""
    return (
        f"remofile ({version}-1) unstable; urgency=medium\n\n  * What changed: /usr/share/doc/remofile/changelog.gz.\n\n"
        f" -- {MAINTAINER}  {email.utils.formatdate(moment())}\n"
    )


def cargo_deb():
    """The program cargo-deb: this machine's, or one of its own below target, which is built once."""
    own = ROOT / "target/cargo-deb"
    if found := shutil.which("cargo-deb"):
        return found
    if not (own / "bin/cargo-deb").exists():
        run("cargo", "install", "cargo-deb", "--version", CARGO_DEB, "--locked", "--no-default-features", "--root", own)
    return own / "bin/cargo-deb"


def build_wheel(release):
    """The wheel for this machine; `make wheels` makes those that run with every C library."""
    environment = ROOT / "target/wheels-env"
    run("make", environment.relative_to(ROOT) / "installed")
    place = release.output / "wheel"
    shutil.rmtree(place, ignore_errors=True)
    run(environment / "bin/pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--config-settings", f"profile={PROFILE}",
        "--wheel-dir", place, "bindings/python",
        env={"PATH": f"{environment / 'bin'}:{os.environ['PATH']}"})
    for wheel in place.glob("*.whl"):
        yield wheel.rename(release.output / wheel.name)


def build_image(release):
    if not docker_answers():
        print("no Docker daemon answers: the image is not built (the tests check its files)", file=sys.stderr)
        return
    run("docker", "build", "--file", DEPLOY / "docker/Dockerfile", "--tag", IMAGE, ROOT)
    yield from ()


def docker_answers():
    return shutil.which("docker") is not None and subprocess.run(["docker", "info"], capture_output=True).returncode == 0


KINDS = {"crates": build_crates, "tarball": build_tarball, "deb": build_deb, "wheel": build_wheel, "image": build_image}


def anonymous(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = moment()
    entry.mode = 0o777 if entry.issym() else 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def moment():
    """The time of everything in a package: that of the commit, so that the same commit makes the same package."""
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if not told:
        shown = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
        told = shown.stdout.strip() or "0"
    return int(told)


def host():
    version = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    return re.search(r"^host: (.+)", version, re.MULTILINE)[1]


def target_directory():
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").absolute()


def crates_directory():
    """Returns the directory where what is packed for crates.io is built to see that it can be."""
    return target_directory() / "crates"


def made(directory):
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def run(*command, env=None):
    print("+", *command, flush=True)
    subprocess.run([str(word) for word in command], cwd=ROOT, check=True, env={**os.environ, **(env or {})})


def write_checksums(output):
    """SHA256SUMS of every package in the directory, those of earlier calls included."""
    packages = sorted(path for path in output.iterdir() if path.suffix in {".crate", ".gz", ".deb", ".whl"})
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in packages]
    (output / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)}; all of them without one")
    parser.add_argument("--output", type=Path, default=ROOT / "target/packages", help="where the packages go")
    parser.add_argument("--target", help="the system that they are for, by default this one")
    parser.add_argument("--command", default="cargo build", help="what builds the commands")
    parser.add_argument("--built", type=Path, metavar="DIRECTORY", help="where the commands are, if they are built already")
    arguments = parser.parse_args()
    if unknown := set(arguments.kinds) - KINDS.keys():
        parser.error(f"there is no kind {', '.join(sorted(unknown))}: choose from {', '.join(KINDS)}")
    release = Release(made(arguments.output).resolve(), arguments.target, arguments.command, arguments.built)
    try:
        for kind in arguments.kinds or KINDS:
            for package in KINDS[kind](release):
                print(f"{package}: {Path(package).stat().st_size / 1e6:.2f} MB")
    except subprocess.CalledProcessError as error:
        sys.exit(f"{shlex.join(map(str, error.cmd))} failed with status {error.returncode}")
    write_checksums(release.output)


if __name__ == "__main__":
    main()
