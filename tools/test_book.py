import re
import tempfile
import unittest
from pathlib import Path

import book

DOCS = sorted(path.relative_to(book.ROOT) for path in book.DOCS.glob("*.md"))


class Book(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.chapters = book.write_sources(Path(cls.directory.name))
        cls.source = Path(cls.directory.name) / "src"

    def test_every_page_is_a_chapter(self):
        missing = set(DOCS) - set(self.chapters) - {Path("docs/SUMMARY.md")}
        self.assertFalse(missing, "docs/SUMMARY.md does not name them")

    def test_no_page_is_two_chapters(self):
        self.assertEqual(len(set(self.chapters)), len(self.chapters))

    def test_every_link_leads_somewhere_in_the_book(self):
        for page in self.source.glob("*.md"):
            text = book.CODE.sub("", page.read_text(encoding="utf-8"))
            for _, target, _, _ in book.LINK.findall(text):
                self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")

    def test_every_page_can_be_reached_without_the_book(self):
        names = set(re.findall(r"\]\(([^)#]+)", (book.DOCS / "README.md").read_text(encoding="utf-8")))
        for page in DOCS:
            if page.name not in {"README.md", "SUMMARY.md", "protocol-1.md"}:
                self.assertIn(page.name, names, "docs/README.md does not lead to it")

    def test_links_in_code_stay(self):
        text = "[a](../README.md) `[b](../README.md)`\n```\n[c](../README.md)\n```\n"
        files = set()
        done = book.moved(text, Path("docs/guide.md"), [Path("docs/guide.md")], files)
        self.assertEqual("[a](files/README.md) `[b](../README.md)`\n```\n[c](../README.md)\n```\n", done)
        self.assertEqual({Path("README.md")}, files)


if __name__ == "__main__":
    unittest.main()
