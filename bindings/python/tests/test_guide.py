"""The guide, docs/python.md: every block of its code is run, as it stands there but for host, port and paths."""

import ast
import asyncio
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import remofile
from remofile import Server

TOKEN = "qRkVWJcFRqi7rsNMbagaDd"
GUIDE = (Path(__file__).parents[3] / "docs" / "python.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", GUIDE, re.MULTILINE))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITH_CODE = [name for name, text in SECTIONS.items() if BLOCK.search(text)]
#: What examples need beside the package, and what a lesser environment may lack.
EXTRAS = ("dask", "django", "fastapi", "fsspec", "httpx", "pandas", "python_multipart", "tqdm", "zmq")

#: What single examples need: they are run where it is there.
OPTIONAL = ("polars", "pyarrow")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working directory of the examples, with a server of another one that they know by its port."""
    monkeypatch.chdir(tmp_path)
    for directory in ("my-directory", "served", "backup", "home", "tmp", "photos", "served/notes", "served/records", "served/photos"):
        os.mkdir(directory)
    for file in ("photo.jpg", "home/a.txt", "served/photos/one.jpg", "served/notes.txt"):
        Path(file).write_text(file + "\n")
    Path("image.iso").write_bytes(bytes(1 << 20))
    Path("served/records/1.json").write_text('{"size": 1}\n{"size": 2}\n')
    with Server("served", TOKEN) as server:
        for name, value in (("HOSTNAME", "localhost"), ("PORT", str(server.port)), ("TOKEN", TOKEN)):
            monkeypatch.setenv(f"REMOFILE_{name}", value)
        monkeypatch.setattr(remofile, "generate_token", lambda: TOKEN)
        # An example that serves until it is ended is ended.
        monkeypatch.setattr(Server, "run", lambda self, port, address=None: self.start().stop())
        yield server


@pytest.mark.parametrize("section", WITH_CODE)
def test_the_examples_of_the_guide(section, place, tmp_path):
    for module in EXTRAS:
        if re.search(rf"\b{module}\b", SECTIONS[section]) or module in NEEDS.get(section, ()):
            pytest.importorskip(module)
    with place.client() as client:
        PREPARATIONS.get(section, lambda client: None)(client)
        names = {"token": TOKEN, "client": client, **{name: getattr(remofile, name) for name in remofile.__all__}}
        for block in BLOCK.findall(SECTIONS[section]):
            if any(module in block and importlib.util.find_spec(module) is None for module in OPTIONAL):
                continue
            run(placed(block, place.port, tmp_path), names, tmp_path)
        CHECKS.get(section, lambda names: None)(names)


def placed(block, port, directory):
    """An example as it can be run here."""
    block = block.replace("6768", str(port))
    return block.replace('"/home/me"', f'"{directory}/home"').replace('"/tmp"', f'"{directory}/tmp"')


def run(block, names, directory):
    if "def test_" in block:
        (directory / "test_of_the_guide.py").write_text(block)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_of_the_guide.py"]
        subprocess.run(command, cwd=directory, check=True)
        return
    code = compile(block, "docs/python.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)  # What is awaited in it makes it a coroutine.
    if inspect.iscoroutine(result):
        asyncio.run(result)


def check_paths(names):
    client = names["client"]
    assert client.read_bytes("/notes/done.txt") == b"to do"


def check_turns(names):
    assert names["client"].read_bytes("/counter") == b"1" and not names["client"].exists("/counter.lock")


def check_fastapi(names):
    from fastapi.testclient import TestClient

    with TestClient(names["app"]) as web:
        assert web.put("/files/new", files={"upload": b"content" * 1000}).status_code == 200
        assert web.get("/files/new").content == b"content" * 1000
        assert web.get("/files/missing").status_code == 404
        assert web.get("/files/a%00b").status_code == web.put("/files/a*b", files={"upload": b""}).status_code == 400
    assert names["client"].exists("/new")


def check_django(names):
    from django.conf import settings
    from django.core.files.base import ContentFile

    settings.configure()
    storage = names["RemofileStorage"]("/media")
    name = storage.save("a/b.txt", ContentFile(b"content"))
    other = storage.save("a/b.txt", ContentFile(b"other"))
    assert name == "a/b.txt" and other != name and storage.size(name) == 7
    with storage.open(name) as file:
        assert file.read() == b"content"
    assert storage.listdir("a") == ([], sorted([name[2:], other[2:]]))
    storage.delete(name)
    assert not storage.exists(name)


def check_dask(names):
    assert names["client"].list_files("/out").keys() == {"0.json"}


PREPARATIONS = {
    "A server and a client": lambda client: client.path("/photos").rmtree(),
    "Many people": lambda client: os.mkdir("my-directory/alice"),
}
CHECKS = {
    "Paths": check_paths,
    "Locks: others at the same files": check_turns,
    "In a FastAPI application": check_fastapi,
    "In Django": check_django,
    "Dask": check_dask,
}
#: What the checks need beside what the examples name.
NEEDS = {"In a FastAPI application": ("httpx", "python_multipart")}


def test_the_guide_lists_its_sections():
    listed = re.findall(r"^- \[(.*)\]\(#", GUIDE.partition("\n## ")[0], re.MULTILINE)
    assert listed == list(SECTIONS)
