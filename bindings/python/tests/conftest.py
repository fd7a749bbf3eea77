"""The fixtures of the tests: a server in the background, its client, and a directory for local files."""

import pytest

from remofile.testing import remofile_client, remofile_server

__all__ = ["remofile_client", "remofile_server"]


@pytest.fixture
def server(remofile_server):
    return remofile_server


@pytest.fixture
def root(remofile_server):
    return remofile_server.root_directory


@pytest.fixture
def client(remofile_client):
    return remofile_client


@pytest.fixture
def local(tmp_path):
    directory = tmp_path / "local"
    directory.mkdir()
    return directory
