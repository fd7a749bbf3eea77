"""Tests of the compiler of CI, by crates that are compiled with it."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import linting_compiler

COMPILER = Path(linting_compiler.__file__).resolve()
FINE = "//! A crate.\n\n/// Returns one.\n#[must_use]\npub fn one() -> u8 {\n    1\n}\n"


@unittest.skipUnless(shutil.which("cargo-clippy"), "clippy is not on this machine")
class Compiling(unittest.TestCase):
    def build(self, source):
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "src").mkdir()
            Path(directory, "Cargo.toml").write_text('[package]\nname = "tried"\nedition = "2024"\n')
            Path(directory, "src/lib.rs").write_text(source)
            # Cargo compiles the library by itself, and not for its own tests alone, where a program needs it.
            Path(directory, "src/main.rs").write_text("//! A program.\n\nfn main() {\n    let _ = tried::one();\n}\n")
            environment = {**os.environ, "RUSTC_WORKSPACE_WRAPPER": str(COMPILER), "CARGO_TARGET_DIR": directory + "/target"}
            command = ["cargo", "test", "--offline", "--no-run", "--all-targets"]
            built = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)
            again = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)
            return built.returncode, built.stderr, again.stderr

    def test_a_crate_that_is_right_is_compiled_once_and_without_a_word(self):
        status, errors, again = self.build(FINE)
        self.assertEqual(status, 0, errors)
        self.assertNotIn("warning", errors)
        self.assertIn("Compiling", errors)
        self.assertNotIn("Compiling", again)

    def test_what_clippy_finds_is_an_error_in_tests_too(self):
        test = "#[test]\nfn ones() {\n    assert_eq!(one() == 1, true);\n}\n"
        status, errors, _ = self.build(FINE + test)
        self.assertNotEqual(status, 0)
        self.assertIn("bool_assert_comparison", errors)

    def test_a_link_of_the_documentation_that_leads_nowhere_is_an_error(self):
        status, errors, _ = self.build(FINE.replace("Returns one.", "Returns [`two`]."))
        self.assertNotEqual(status, 0)
        self.assertIn("broken_intra_doc_links", errors)


class Arguments(unittest.TestCase):
    def test_rustdoc_is_told_what_to_read_and_not_what_to_generate(self):
        arguments = "--crate-name a --edition=2024 src/lib.rs --crate-type lib --emit=dep-info,link -C metadata=1 -C debuginfo=2"
        arguments += " --cfg feature=\"b\" --out-dir target -L dependency=target/deps --extern b=b.rmeta"
        kept = '--crate-name a --edition=2024 src/lib.rs --crate-type lib --cfg feature="b" -L dependency=target/deps --extern b=b.rmeta'
        self.assertEqual(linting_compiler.for_rustdoc(arguments.split()), kept.split())

    def test_only_libraries_are_documented(self):
        for arguments, expected in [
            ("--crate-name a --crate-type lib", True),
            ("--crate-name a --crate-type=cdylib --crate-type=rlib", True),
            ("--crate-name a --crate-type lib --test", False),
            ("--crate-name a --crate-type bin", False),
            ("--crate-name ___ --print=file-names --crate-type rlib", False),
            ("-vV", False),
        ]:
            self.assertEqual(linting_compiler.documents(arguments.split()), expected, arguments)


if __name__ == "__main__":
    unittest.main()
