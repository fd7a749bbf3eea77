"""Builds the wheel: maturin's, with the commands `remofile` and `rmf` in it; and the source distribution.

Settings, as in `pip wheel --config-settings target=aarch64-unknown-linux-gnu`:

profile   cargo's profile, by default `release`
target    the system that it is built for, by default this one
glibc     the oldest C library that it runs with, `2.17` for example: built with zig, from PyPI, for its manylinux tag
"""

import shlex

import commands
import maturin
import source

get_requires_for_build_editable = maturin.get_requires_for_build_editable


def get_requires_for_build_wheel(config_settings=None):
    zig = ["cargo-zigbuild", "ziglang"] if commands.Build(config_settings).glibc else []
    return [*maturin.get_requires_for_build_wheel(), *zig]


def get_requires_for_build_sdist(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    commands.SCRIPTS.mkdir(parents=True, exist_ok=True)  # Maturin wants it even here.
    return maturin.prepare_metadata_for_build_wheel(metadata_directory)


def prepare_metadata_for_build_editable(metadata_directory, config_settings=None):
    commands.SCRIPTS.mkdir(parents=True, exist_ok=True)
    return maturin.prepare_metadata_for_build_editable(metadata_directory)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return maturin.build_wheel(wheel_directory, built(config_settings), metadata_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return maturin.build_editable(wheel_directory, built(config_settings), metadata_directory)


def build_sdist(sdist_directory, config_settings=None):
    return source.archive(sdist_directory)


def built(config_settings):
    """Puts the commands into place; gives what maturin is to be told so that the module is built alike."""
    build = commands.Build(config_settings)
    commands.put_into_place(build)
    return {"build-args": shlex.join(build.arguments_of_maturin())}
