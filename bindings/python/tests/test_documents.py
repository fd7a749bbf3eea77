"""Pages of the documentation for users: what they tell people to type is run, and what they show is compared."""

import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = ("README.md", "docs/tutorial.md", "docs/guide.md", "docs/migrating.md", "docs/troubleshooting.md", "docs/installation.md", "docs/platforms.md",
         "docs/operations.md", "docs/commands.md")
#: Pages whose code is run elsewhere, or is none.
ELSEWHERE = {
    "docs/python.md": "test_guide.py",
    "docs/rust.md": "a documentation test of the library",
    "docs/c.md": "bindings/c/tests/test_c.py",
    "docs/node.md": "bindings/node/test",
    "docs/protocol.md": "the tests of the protocol crate",
    "docs/progress.md": "pictures, which a test of the command draws",
    "docs/reliability.md": "campaigns of hours",
    "docs/security.md": "names tests",
    "docs/cluster.md": "cluster/trial.py, at an object store and a coordinator",
}

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="the tools need Python 3.11")


@pytest.fixture(scope="module")
def documents():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import documents

        yield documents
    finally:
        sys.path.remove(str(ROOT / "tools"))


@pytest.mark.parametrize("page", PAGES)
def test_what_people_are_told_to_type(page, documents):
    command = shutil.which("remofile", path=f"{Path(sys.executable).parent}:{ROOT / 'target/debug'}")
    documents.run_page(ROOT / page, Path(command).parent, sys.executable)


def test_no_page_with_code_is_left_out():
    code = re.compile(r"^(?:```|    (?:remofile|rmf) )", re.MULTILINE)
    with_code = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if code.search(path.read_text(encoding="utf-8"))}
    assert with_code - set(PAGES) <= ELSEWHERE.keys()
