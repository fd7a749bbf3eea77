"""Tests of when what was downloaded is on the disk."""

import pytest

from remofile import Server, download_files, generate_token, synchronize_download, synchronize_upload

pytestmark = pytest.mark.one_version


@pytest.mark.parametrize("fsync", ["none", "end", "each"])
def test_every_download_takes_the_moment_of_its_flush(client, root, tmp_path, fsync):
    (root / "tree").mkdir()
    (root / "tree" / "a").write_bytes(b"content")
    client.download_file("/tree/a", tmp_path, fsync=fsync)
    client.download_directory("/tree", tmp_path, fsync=fsync)
    assert download_files(client, "tree", str(tmp_path), recursive=True, fsync=fsync).present == 1
    assert synchronize_download(client, "/tree", tmp_path / "copy", fsync=fsync).files == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "copy", "tree"]


def test_another_moment_is_refused(client, root, local, tmp_path):
    (root / "a").write_bytes(b"content")
    with pytest.raises(ValueError, match="fsync must be none, end or each"):
        client.download_file("/a", tmp_path, fsync="always")
    with pytest.raises(TypeError, match="fsync is an option of downloads"):
        synchronize_upload(client, local, "/copy", fsync="end")


@pytest.mark.parametrize("fsync", [None, "none", "end", "each"])
def test_a_server_takes_the_moment_of_its_flush(tmp_path, local, fsync):
    (local / "a").write_bytes(b"content")
    options = {} if fsync is None else {"fsync": fsync}
    with Server(tmp_path, generate_token(), **options) as server, server.client() as client:
        client.upload_file(local / "a", "/")
    assert (tmp_path / "a").read_bytes() == b"content"
    assert not (tmp_path / ".remofile").exists()


def test_a_server_refuses_another_moment(tmp_path):
    with pytest.raises(ValueError, match="fsync must be none, end or each"):
        Server(tmp_path, generate_token(), fsync="always")
