import unittest

from imports import arrows, circles

PYTHON = "bindings/python/python/remofile"


class RustTest(unittest.TestCase):
    def found(self, **files):
        """The arrows among modules: `a__b` is the file a/b.rs."""
        sources = {f"src/{name.replace('__', '/')}.rs": text for name, text in files.items()}
        strip = lambda file: file.removeprefix("src/").removesuffix(".rs")  # noqa: E731
        found = arrows(sources)
        self.circles = [[strip(file) for file in circle] for circle in circles(found)]
        return {(strip(start), strip(end)): names for (start, end), names in found.items()}

    def test_an_arrow_runs_to_the_file_that_defines_the_name(self):
        lib = "mod a;\nmod b;\n"
        for path in ("crate::b::Thing", "super::b::Thing", "crate::{b::{self, Thing}}", "super::b::Thing as Other"):
            found = self.found(lib=lib, a=f"use {path};\n", b="pub struct Thing;\n")
            self.assertEqual(found, {("a", "b"): {"Thing"}}, path)

    def test_a_path_in_the_code_is_an_arrow(self):
        lib = "mod a;\nmod b;\nfn f() { a::run() }\n"
        found = self.found(lib=lib, a="use crate::b;\npub fn run() { b::go() }\n", b="pub fn go() {}\n")
        self.assertEqual(found, {("lib", "a"): {"run"}, ("a", "b"): {"go"}})

    def test_what_is_handed_on_leads_to_where_it_is_from(self):
        top = "mod a;\nmod b;\npub use b::Thing;\n"
        found = self.found(lib=top, a="use crate::Thing;\n", b="pub struct Thing;\n")
        self.assertEqual(found, {("a", "b"): {"Thing"}})
        found = self.found(lib=top + "struct User(Thing);\n", a="use crate::*;\n", b="pub struct Thing;\n")
        self.assertEqual(found[("lib", "b")], {"Thing"}, "it is used as well")

    def test_a_directory_s_own_definitions_are_its_file_s(self):
        found = self.found(lib="mod a;\n", a__mod="mod b;\nuse b::B;\npub struct A(B);\n", a__b="use super::A;\npub struct B;\n")
        self.assertEqual(found, {("a/mod", "a/b"): {"B"}, ("a/b", "a/mod"): {"A"}})
        self.assertEqual(self.circles, [["a/b", "a/mod"]])

    def test_names_of_other_crates_comments_texts_and_tests_are_no_arrows(self):
        a = """
            use std::fmt::Debug;
            use other::{b::Thing, c};
            // crate::b::Thing
            /// [`crate::b::Thing`]
            fn f() -> &'static str { "crate::b::Thing" }
            #[cfg(test)]
            use crate::b::Thing;
            #[cfg(test)]
            mod tests { use crate::b::Thing; }
            #[cfg(test)]
            mod more;
        """
        self.assertEqual(self.found(lib="mod a;\nmod b;\n", a=a, b="pub struct Thing;", a__more="use crate::b::Thing;"), {})

    def test_what_an_inline_module_takes_of_its_file_is_no_arrow(self):
        a = "mod numbers {\n    use super::Thing;\n    use super::super::b::Other;\n}\nstruct Thing;\n"
        found = self.found(lib="mod a;\nmod b;\nstruct Thing;\n", a=a, b="pub struct Other;\n")
        self.assertEqual(found, {("a", "b"): {"Other"}})

    def test_a_circle_may_be_long(self):
        files = {name: f"use crate::{after}::T;\npub struct T;\n" for name, after in ("ab", "bc", "ca", "da")}
        self.found(lib="mod a;\nmod b;\nmod c;\nmod d;\n", **files)
        self.assertEqual(self.circles, [["a", "b", "c"]])


class PythonTest(unittest.TestCase):
    def found(self, **files):
        sources = {f"{PYTHON}/{name}.py": text for name, text in files.items()}
        return {tuple(end.rpartition("/")[2][:-3] for end in ends): names for ends, names in arrows(sources).items()}

    def test_imports_are_arrows_wherever_they_stand(self):
        a = "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from remofile.b import B\ndef f():\n    from .c import C\n"
        found = self.found(__init__="", a=a, b="class B: pass\n", c="import os\nclass C: pass\n")
        self.assertEqual(found, {("a", "b"): {"B"}, ("a", "c"): {"C"}})

    def test_what_the_package_hands_on_leads_to_where_it_is_from(self):
        found = self.found(__init__="from remofile.b import B\n", a="from remofile import B\n", b="class B: pass\n")
        self.assertEqual(found, {("a", "b"): {"B"}})
        found = self.found(__init__="from remofile.b import B\nb = B()\n", b="from remofile import b\nclass B: pass\n")
        self.assertIn(("__init__", "b"), found)


if __name__ == "__main__":
    unittest.main()
