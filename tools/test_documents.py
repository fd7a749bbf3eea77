import os
import re
import tempfile
import unittest
from pathlib import Path

import documents

ROOT = documents.ROOT
MESSAGE = re.compile(r"^\*\*`([^`]+)`\.\*\*", re.MULTILINE)
# What the operating system says, behind a message of ours.
SYSTEM = {os.strerror(number) for number in range(1, 134)} | {"timed out"}

PAGE = """\
# A page

<!-- before
export WORD=hidden
-->

```sh
test "$WORD" = hidden && mkdir place && cd place
```

<!-- fails 3 -->
```console
$ echo one \\
  two; exit 3
one ...
```

<!-- commands -->
| theirs | ours |
|---|---|
| `ls \\| wc` | `remofile list \\| cat`, or `rmf ls`, and no `other` |

<!-- not run: it would end the machine -->
```sh
halt
```

<!-- input secret -->
```sh
read -r LINE && test "$LINE" = secret && test "$(basename "$PWD")" = place
```

```text
nothing to run
```

<!-- fails 1 -->

    $ test -d /srv

The form of a command:

    rmf ls [OPTIONS] PATH...
    rmf ls [-r] PATH

As a list has it:

- an item

    true

    test -d ~
"""


class Pieces(unittest.TestCase):
    def test_what_is_run_of_a_page(self):
        found = [(piece.language, piece.how, piece.code) for piece in documents.pieces(PAGE)]
        self.assertEqual(["sh", "sh", "console", "sh", "sh", "sh", "console", "sh"], [language for language, _, _ in found])
        self.assertEqual(["remofile list | cat\n", "rmf ls\n"], [code for _, _, code in found[3:5]])
        self.assertEqual(["fails 3", "input secret", "fails 1"], [how for _, how, _ in found if how])

    def test_lines_are_those_of_the_page(self):
        lines = PAGE.splitlines()
        for piece in documents.pieces(PAGE):
            self.assertRegex(lines[piece.line - 1], r"^(<!-- |\| |```|    )")


class Runs(unittest.TestCase):
    def run_page(self, text):
        with tempfile.TemporaryDirectory() as directory:
            page = Path(directory) / "page.md"
            page.write_text(text)
            # Commands that say nothing stand for those of Remofile.
            for name in ("remofile", "rmf"):
                (Path(directory) / name).write_text("#!/bin/sh\n")
                (Path(directory) / name).chmod(0o755)
            return documents.run_page(page, Path(directory))

    def test_a_page_that_tells_the_truth(self):
        self.assertEqual(8, self.run_page(PAGE))

    def test_pages_that_do_not(self):
        for page, said in (
            ("```sh\nfalse\n```\n", "status 1 and not 0"),
            ("```sh\nfalse; true\n```\n", "status 1 and not 0"),
            ("<!-- fails 1 -->\n```sh\ntrue\n```\n", "status 0 and not 1"),
            ("```console\n$ echo one\ntwo\n```\n", "it prints\none"),
            ("```python\nassert False\n```\n", "AssertionError"),
            ("<!-- server -->\n```sh\ntrue\n```\n", "does not serve"),
        ):
            with self.subTest(page), self.assertRaisesRegex(documents.Wrong, said):
                self.run_page(page)

    def test_a_table_that_is_not_toml(self):
        with self.assertRaises(ValueError):
            self.run_page("```toml\na = \n```\n")


class Troubleshooting(unittest.TestCase):
    def test_every_message_is_one_of_the_program(self):
        source = "\n".join(
            re.sub(r"\\\n\s*", "", path.read_text(encoding="utf-8")).replace('\\"', '"') for path in ROOT.glob("crates/*/src/**/*.rs")
        )
        messages = MESSAGE.findall((ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8"))
        self.assertGreater(len(messages), 30)
        for message in messages:
            parts = [part.strip(" :()") for part in re.split(r"\.\.\.|\(|: ", message)]
            for part in filter(None, parts):
                self.assertTrue(part in SYSTEM or part in source, f"no message has {part!r}: {message}")


if __name__ == "__main__":
    unittest.main()
