"""Builds the wheel: maturin's, with the commands `remofile` and `rmf` in it.

The commands are a crate of this repository, beside the Python module: they are built first and put where maturin
takes scripts from.
"""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import maturin

HERE = Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent
SCRIPTS = HERE / "remofile.data" / "scripts"
COMMANDS = ("remofile", "rmf")

get_requires_for_build_wheel = maturin.get_requires_for_build_wheel
get_requires_for_build_editable = maturin.get_requires_for_build_editable


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    SCRIPTS.mkdir(parents=True, exist_ok=True)  # Maturin wants it even here.
    return maturin.prepare_metadata_for_build_wheel(metadata_directory)


def prepare_metadata_for_build_editable(metadata_directory, config_settings=None):
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    return maturin.prepare_metadata_for_build_editable(metadata_directory)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    profile = build_commands(config_settings)
    return maturin.build_wheel(wheel_directory, profile, metadata_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    profile = build_commands(config_settings)
    return maturin.build_editable(wheel_directory, profile, metadata_directory)


def build_sdist(sdist_directory, config_settings=None):
    raise SystemExit(
        "Remofile's Python package has no source distribution: it is built together with the commands, from the "
        "repository. Run 'pip wheel bindings/python' or 'pip install bindings/python' there."
    )


def build_commands(config_settings):
    """Puts the commands into place; gives what maturin is to be told so that the module is built alike.

    The profile is cargo's, `release` unless `--config-settings profile=dev` or another one is given.
    """
    profile = (config_settings or {}).get("profile", "release")
    if not (REPOSITORY / "crates" / "remofile-cli" / "Cargo.toml").exists():
        raise SystemExit(f"{REPOSITORY} is not Remofile's repository: the package is built from within it")
    if shutil.which("cargo") is None:
        raise SystemExit("cargo is missing: install Rust 1.90 or newer first (https://rustup.rs)")
    target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
    features = ["--features", "remofile-python/as-in-tests"] if profile == "dev" else []
    # The module's crate has no commands, but features of what both depend on: with them all is built once.
    packages = ["--package", "remofile-cli", "--package", "remofile-python", "--bins"]
    command = ["cargo", "build", "--profile", profile, "--locked", *packages, *features, "--target-dir", target]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    built = target / ("debug" if profile == "dev" else profile)
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    for name in COMMANDS:
        shutil.copy2(built / name, SCRIPTS / name)
        if shutil.which("strip"):  # What is for debuggers is most of it.
            subprocess.run(["strip", "--strip-debug", SCRIPTS / name], check=True)
    return {"build-args": shlex.join(["--locked", "--profile", profile, *features])}
