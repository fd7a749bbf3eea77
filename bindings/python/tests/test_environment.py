"""Without a client a synchronisation takes the environment's server, and no other that may be meant."""

import gc
import logging

import pytest

from remofile import Client, Server, generate_token, synchronize_download, synchronize_upload


@pytest.fixture
def environment(server, monkeypatch):
    monkeypatch.setenv("REMOFILE_HOSTNAME", "127.0.0.1")
    monkeypatch.setenv("REMOFILE_PORT", str(server.port))
    monkeypatch.setenv("REMOFILE_TOKEN", server._token)
    gc.collect()


def test_it_tells_which_server_it_takes(server, environment, root, local, caplog):
    (local / "file").write_text("x")
    with caplog.at_level(logging.INFO, "remofile"):
        synchronize_upload(local, "/copy")
        synchronize_download("/copy", local / "back")
    assert (root / "copy" / "file").exists() and (local / "back" / "file").exists()
    told = [record.getMessage() for record in caplog.records if "no client was given" in record.getMessage()]
    assert len(told) == 2 and all(f"127.0.0.1:{server.port}" in line for line in told)


def test_a_client_of_another_server_refuses_it_before_anything_is_written(server, environment, root, local, tmp_path):
    (local / "file").write_text("x")
    (tmp_path / "other").mkdir()
    with Server(tmp_path / "other", generate_token()) as other:
        client = other.client()
        with pytest.raises(ValueError, match=f":{other.port}.*pass the client"):
            synchronize_upload(local, "/copy")
        with pytest.raises(ValueError, match="synchronize_download"):
            synchronize_download("/", local / "back")
        assert not (root / "copy").exists() and not (local / "back").exists()
        synchronize_upload(client, local, "/copy")
        assert (tmp_path / "other" / "copy" / "file").exists()
        del client
        gc.collect()
        synchronize_upload(local, "/copy")
    assert (root / "copy" / "file").exists()


def test_with_clients_of_several_servers_it_warns(server, environment, local, tmp_path, caplog):
    (tmp_path / "other").mkdir()
    with Server(tmp_path / "other", generate_token()) as other:
        clients = [other.client(), Client("localhost", server.port, server._token)]
        with caplog.at_level(logging.INFO, "remofile"):
            synchronize_upload(local, "/copy")
        levels = [record.levelno for record in caplog.records if "no client was given" in record.getMessage()]
        assert levels == [logging.WARNING] and len(clients) == 2


def test_an_environment_without_a_server_is_told(monkeypatch, local):
    monkeypatch.delenv("REMOFILE_HOSTNAME", raising=False)
    gc.collect()
    with pytest.raises(ValueError, match="REMOFILE_HOSTNAME"):
        synchronize_upload(local, "/copy")
