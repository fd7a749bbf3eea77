#!/usr/bin/env python3
"""Builds the documentation as a website with search, target/book, with mdBook; which is built once below target, if it is missing.

The pages stay where they read well by themselves, some at the top of the repository: the book is made of copies, in one
directory, whose links lead from one copy to another. What is no page of the book is copied as it is, so that no link leads nowhere.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SUMMARY = Path("docs/SUMMARY.md")
MDBOOK = "0.5.4"
LINK = re.compile(r"(\]\()([^)\s#:]+)(#[^)\s]*)?(\))")
# Links in code are no links.
CODE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def pages(summary):
    """The pages that the summary names, as paths relative to the repository."""
    found = [os.path.normpath(Path("docs") / match[2]) for match in LINK.finditer(summary)]
    return [Path(path) for path in found]


def place(path, chapters):
    """Returns the place of a file of the repository in the book."""
    if path in chapters or path == SUMMARY:
        return path.relative_to("docs") if path.parts[0] == "docs" else Path(path.name.lower())
    return Path("files") / path


def moved(text, page, chapters, files):
    """A page with its links as they are in the book. Files that are no pages are added to `files`."""

    def link(match):
        target = Path(os.path.normpath(page.parent / match[2]))
        if not (ROOT / target).exists():
            return match[0]
        if (ROOT / target).is_dir():
            target = target / "README.md"
            if not (ROOT / target).exists():
                return match[0]
        if target not in chapters:
            files.add(target)
        there = os.path.relpath(place(target, chapters), place(page, chapters).parent)
        return f"{match[1]}{there}{match[3] or ''}{match[4]}"

    parts, last = [], 0
    for code in CODE.finditer(text):
        parts += [LINK.sub(link, text[last:code.start()]), code[0]]
        last = code.end()
    return "".join(parts) + LINK.sub(link, text[last:])


def write_sources(directory):
    """Everything that mdBook reads, into a directory."""
    summary = (ROOT / SUMMARY).read_text(encoding="utf-8")
    chapters, files = pages(summary), set()
    shutil.rmtree(directory, ignore_errors=True)
    source = directory / "src"
    source.mkdir(parents=True)
    shutil.copy(DOCS / "book.toml", directory)
    for page in [SUMMARY, *chapters]:
        there = source / place(page, chapters)
        there.parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / page).read_text(encoding="utf-8")
        there.write_text(moved(text, page, chapters, files), encoding="utf-8")
    for file in files:
        there = source / place(file, chapters)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, there)
    return chapters


def mdbook():
    """The program mdBook; None where it is neither there nor to be had."""
    own = ROOT / "target/mdbook"
    if found := shutil.which("mdbook"):
        return found
    if not (own / "bin/mdbook").exists():
        install = ["cargo", "install", "mdbook", "--version", MDBOOK, "--locked", "--no-default-features", "--features", "search"]
        if subprocess.run([*install, "--root", own], cwd=ROOT).returncode != 0:
            return None
    return own / "bin/mdbook"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "target/book", help="where the website goes")
    arguments = parser.parse_args()
    program = mdbook()
    if program is None:
        print("mdBook can neither be found nor built: the website is not made; docs/README.md leads to the pages", file=sys.stderr)
        return
    sources = ROOT / "target/book-sources"
    write_sources(sources)
    subprocess.run([program, "build", sources, "--dest-dir", arguments.output.resolve()], check=True)
    print(f"{arguments.output / 'index.html'}: {len(list(arguments.output.rglob('*.html')))} pages")


if __name__ == "__main__":
    main()
