"""The commands of the wheel: a crate of this repository, beside the Python module. They are built first, and put where
maturin takes scripts from."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent
SCRIPTS = HERE / "remofile.data" / "scripts"
#: The licences of what the commands and the module are made of, as they are in the wheel.
NOTICES = HERE / "remofile.data" / "data" / "share" / "doc" / "remofile" / "THIRD-PARTY"
COMMANDS = ("remofile", "rmf")


class Build:
    """The target that is built, and for which system."""

    def __init__(self, config_settings):
        settings = dict(config_settings or {})
        self.profile = settings.get("profile", "release")
        self.target = settings.get("target")
        self.glibc = settings.get("glibc")
        if self.glibc and not self.target:
            self.target = f"{os.uname().machine}-unknown-linux-gnu"
        # What the module shares with the tests' builds: see CONTRIBUTING.md.
        self.features = ["--features", "remofile-python/as-in-tests"] if self.profile == "dev" else []

    def command(self):
        """Cargo's command line. The module's crate has no commands, but features of what both depend on: with them all is
        built once."""
        cargo = ["cargo-zigbuild", "zigbuild"] if self.glibc else ["cargo", "build"]
        target = ["--target", f"{self.target}.{self.glibc}" if self.glibc else self.target] if self.target else []
        packages = ["--package", "remofile", "--package", "remofile-python", "--bins"]
        return [*cargo, "--profile", self.profile, "--locked", "--target-dir", target_directory(), *packages, *self.features, *target]

    def arguments_of_maturin(self):
        target = ["--target", self.target] if self.target else []
        zig = ["--zig", "--compatibility", f"manylinux_{self.glibc.replace('.', '_')}"] if self.glibc else []
        return ["--locked", "--profile", self.profile, *self.features, *target, *zig]

    def directory(self):
        """The directory where cargo puts what it has built."""
        return target_directory() / (self.target or "") / ("debug" if self.profile == "dev" else self.profile)


def target_directory():
    return Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target").absolute()


def put_into_place(build):
    """Builds the commands."""
    if not (REPOSITORY / "crates" / "remofile-cli" / "Cargo.toml").exists():
        raise SystemExit(f"{REPOSITORY} is not Remofile's repository: the package is built from within it")
    if shutil.which("cargo") is None:
        raise SystemExit("cargo is missing: install Rust 1.90 or newer first (https://rustup.rs)")
    subprocess.run(build.command(), cwd=REPOSITORY, check=True)
    shutil.rmtree(SCRIPTS, ignore_errors=True)
    SCRIPTS.mkdir(parents=True)
    for name in COMMANDS:
        shutil.copy2(build.directory() / name, SCRIPTS / name)
        strip(SCRIPTS / name)
        if build.glibc:
            check_c_library(SCRIPTS / name, build.glibc)
    put_notices(build)


def put_notices(build):
    """A wheel that is handed out has the licences of others with it. It is built in the repository, whose tools list them."""
    NOTICES.unlink(missing_ok=True)
    tool = REPOSITORY / "tools" / "notices.py"
    if build.profile == "dist" and tool.exists():
        NOTICES.parent.mkdir(parents=True, exist_ok=True)
        target = ["--target", build.target] if build.target else []
        text = subprocess.run([sys.executable, tool, "--package", "remofile-python", *target], check=True, stdout=subprocess.PIPE).stdout
        NOTICES.write_bytes(text)


def strip(program):
    """Takes out what is for debuggers, which is most of it. The names of functions stay, for backtraces."""
    tools = [os.environ.get("STRIP"), "llvm-strip", "strip"]
    for tool in filter(None, map(shutil.which, filter(None, tools))):
        # One that is for another processor fails, and leaves the program as it is.
        if subprocess.run([tool, "-S", program], stderr=subprocess.DEVNULL).returncode == 0:
            return
    zig = [sys.executable, "-m", "ziglang", "objcopy", "--strip-debug", program, f"{program}.small"]
    if subprocess.run(zig, stderr=subprocess.DEVNULL).returncode == 0:
        os.replace(f"{program}.small", program)
        program.chmod(0o755)


def check_c_library(program, oldest):
    """Raises what ends the build if a program needs a newer C library than its wheel will say."""
    needed = {tuple(map(int, version.split(b"."))) for version in re.findall(rb"GLIBC_(\d+\.\d+)", program.read_bytes())}
    if max(needed, default=(0,)) > tuple(map(int, oldest.split("."))):
        raise SystemExit(f"{program.name} needs glibc {'.'.join(map(str, max(needed)))}, and not {oldest} alone")
