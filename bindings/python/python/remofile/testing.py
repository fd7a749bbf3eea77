"""Fixtures for pytest: ``from remofile.testing import remofile_server, remofile_client``."""

from __future__ import annotations

import pytest

from remofile.client import Client
from remofile.server import Server
from remofile.token import generate_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["remofile_client", "remofile_server"]


@pytest.fixture
def remofile_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of an empty directory, its ``root_directory``, on a free port of this machine."""
    root: Path = tmp_path_factory.mktemp("remofile")
    with Server(root, generate_token()) as server:
        yield server


@pytest.fixture
def remofile_client(remofile_server: Server) -> Iterator[Client]:
    """A client of that server."""
    with remofile_server.client() as client:
        yield client
