import tempfile
import unittest
from pathlib import Path

from check_repository import check, check_unsafe


class CheckTest(unittest.TestCase):
    def violations(self, files, dependencies=frozenset()):
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            return list(check(root, sorted(files), set(dependencies)))

    def test_good_files_pass(self):
        files = {
            "README.md": "# The top, `here`\n[guide](docs/guide.md#first-steps) [top](#the-top-here) [web](https://a.example)\n",
            "docs/guide.md": "## First steps\n[up](../README.md)\n```\n# no heading [no link](nowhere)\n```\n`[no link](nowhere)`\n",
            "crates/remofile-protocol/src/lib.rs": "use std::time::SystemTime;\n",
            "crates/remofile/src/client/mod.rs": "use crate::store::Store;\n",
        }
        self.assertEqual(self.violations(files, {"minicbor"}), [])

    def test_dead_links_are_named(self):
        files = {"README.md": "# Top\n[a](nowhere.md) [b](#bottom) [c](docs/a.md#x)\n", "docs/a.md": "# A\n"}
        self.assertEqual(len(self.violations(files)), 3)

    def test_promises_without_their_test_are_named(self):
        files = {
            "docs/security.md": "Shown by `a_link_leads_nowhere_new`, `test_what_is_not_there`, `--max-hold`.\n",
            "crates/a/tests/a.rs": "fn a_link_leads_nowhere_new() {}\n",
        }
        self.assertEqual(self.violations(files), ["docs/security.md: there is no test test_what_is_not_there"])

    def test_files_of_tests_that_no_program_has_are_named(self):
        files = {
            "crates/a/Cargo.toml": '[package]\nautotests = false\n[lints]\nworkspace = true\n[[test]]\npath = "tests/main.rs"\n'
                '[[test]]\npath = "tests/own/main.rs"\n',
            "crates/a/tests/main.rs": "mod b;\nmod c;\n",
            "crates/a/tests/b.rs": "",
            "crates/a/tests/c/mod.rs": "",
            "crates/a/tests/c/d.rs": "",
            "crates/a/tests/own/main.rs": "",
            "crates/a/tests/left.rs": "",
            "crates/a/tests/lost/main.rs": "",
            "crates/b/Cargo.toml": "[package]\n[lints]\nworkspace = true\n",
            "crates/b/tests/found.rs": "",
        }
        violations = [violation.split(":")[0] for violation in self.violations(files)]
        self.assertEqual(violations, ["crates/a/tests/left.rs", "crates/a/tests/lost/main.rs"])

    def test_documentation_begins_with_what_an_item_is(self):
        files = {
            "crates/a/src/a.rs": "//! What is in it.\n\n/// The size.\n/// It grows.\nfn a() {}\n    /// Whether it is.\n    b: bool,\n",
            "crates/remofile-cli/src/args/a.rs": "/// What its holder may do\n",
            "tools/a.py": 'def a():\n    """How it is done."""\n\n\ndef b():\n    """Does it. How?"""\n',
        }
        violations = [violation.split(": ")[0] for violation in self.violations(files)]
        self.assertEqual(violations, ["crates/a/src/a.rs:1", "crates/a/src/a.rs:6", "tools/a.py:2"])

    def test_programs_are_started_where_it_is_said_and_nowhere_else(self):
        started = 'std::process::Command::new("sh");\n'
        files = {
            "crates/remofile/src/server/hook.rs": started,
            "crates/remofile-cli/src/commands/edit.rs": started,
            "crates/remofile/src/store/a.rs": "fn open() {}\n#[cfg(test)]\nmod tests { fn a() { " + started + "} }\n",
            "crates/remofile/tests/a.rs": started,
            "bindings/python/python/remofile/hook.py": "import subprocess\n",
        }
        violations = [violation.split(":")[0] for violation in self.violations(files)]
        self.assertEqual(violations, ["bindings/python/python/remofile/hook.py", "crates/remofile/src/server/hook.rs"])

    def test_scripts_that_cannot_be_executed_are_named(self):
        files = {"tools/a.py": "#!/usr/bin/env python3\n", "tools/b.py": "import os\n", "crates/a/src/lib.rs": "#![warn(missing_docs)]\n"}
        self.assertEqual(self.violations(files), ["tools/a.py: it begins with #! and cannot be executed: chmod +x"])

    def test_long_files_are_named(self):
        self.assertEqual(len(self.violations({"a.rs": "\n" * 501, "b.rs": "\n" * 500})), 1)

    def test_sockets_and_clocks_in_the_protocol_crate_are_named(self):
        source = "use std::net::TcpStream;\nuse std::{fmt, fs};\nlet now = Instant::now();\n"
        found = self.violations({"crates/remofile-protocol/src/a.rs": source})
        self.assertEqual([line.split(":")[1] for line in found], ["1", "2", "3"])
        self.assertEqual(self.violations({"crates/remofile/src/plan/a.rs": source}), [])

    def test_dependencies_of_the_protocol_crate_are_named(self):
        self.assertEqual(len(self.violations({}, {"mio", "tokio", "snow"})), 2)

    def test_the_local_store_is_named_only_where_it_is_opened(self):
        opened = "use crate::store::{\n    LocalStore, Store,\n};\nlet store = LocalStore::open(path, options)?;\n"
        taken = "use crate::store::LocalStore;\nfn serve(store: Arc<LocalStore>) {}\n"
        files = {
            "crates/remofile/src/client/a.rs": opened,
            "crates/remofile/src/server/b.rs": taken,
            "crates/remofile/src/store/c.rs": taken,
        }
        violations = self.violations(files)
        self.assertEqual([violation.split(" ")[0] for violation in violations], ["crates/remofile/src/server/b.rs:2:"])

    def test_rooms_that_name_each_other_are_named(self):
        files = {
            "crates/remofile/src/client/a.rs": "use crate::server::Server;\n",
            "crates/remofile/src/store/a.rs": "use crate::{carrier::Link, limits::Limit};\n",
            "crates/remofile/src/lib.rs": "pub use crate::server::Server;\n",
        }
        self.assertEqual(len(self.violations(files)), 2)

    def test_a_room_without_a_row_is_named(self):
        files = {"crates/remofile/src/cellar/a.rs": "", "crates/remofile/src/identity.rs": ""}
        self.assertEqual(len(self.violations(files)), 1)

    def test_who_touches_the_file_system_outside_the_store_is_named(self):
        touching = ["use std::fs;", "use std::{fs, io};", "use rustix::fs::openat;", "fn f(p: &Path) -> bool { p.exists() }"]
        for code in [*touching, "use std::os::unix::fs::MetadataExt;", "fn f(p: &Path) { p.canonicalize(); }"]:
            files = {"crates/remofile/src/lib.rs": "mod sync;\nmod store;\n", "crates/remofile/src/sync.rs": code}
            self.assertEqual(len(self.violations(files)), 1, code)
            files["crates/remofile/src/store.rs"] = ""
            files["crates/remofile/src/sync.rs"] = f"// {code}\n#[cfg(test)]\nmod tests {{\n    {code}\n}}\n"
            self.assertEqual(self.violations(files), [], code)
        inside = {
            "crates/remofile/src/lib.rs": "mod store;\n",
            "crates/remofile/src/store/mod.rs": "mod a;\n",
            "crates/remofile/src/store/a.rs": "use std::fs;\n",
        }
        self.assertEqual(self.violations(inside), [])

    def test_system_calls_of_the_local_store_that_no_test_can_make_fail_are_named(self):
        files = {
            "crates/remofile/src/lib.rs": "mod store;\n",
            "crates/remofile/src/store/mod.rs": "mod local;\nmod system;\n",
            "crates/remofile/src/store/system.rs": "fn f() { rustix::fs::fsync(g) }\n",
            "crates/remofile/src/store/local/mod.rs": "fn f() { system::fsync(g); rustix::fs::major(d); }\n",
        }
        self.assertEqual(self.violations(files), [])
        for code in ("rustix::fs::fsync(g)", "rustix::io::write(g, b)", "std::fs::read(p)"):
            files["crates/remofile/src/store/local/mod.rs"] = f"fn f() {{ {code} }}\n"
            self.assertEqual(len(self.violations(files)), 1, code)

    def test_circles_of_imports_are_named_in_whatever_room(self):
        for room in ("plan", "server"):
            files = {
                "crates/remofile/src/lib.rs": f"mod {room};\n",
                f"crates/remofile/src/{room}/mod.rs": "mod a;\nmod b;\n",
                f"crates/remofile/src/{room}/a.rs": "use super::b::B;\npub struct A(B);\n",
                f"crates/remofile/src/{room}/b.rs": "use super::a::A;\npub struct B(Box<A>);\n",
            }
            circle = f"crates/remofile/src/{room}/a.rs: imports itself through crates/remofile/src/{room}/b.rs"
            self.assertEqual(self.violations(files), [circle])

    def test_unsafe_code_is_named_unless_its_module_is(self):
        for source in ("unsafe { *p }", "pub unsafe fn f() {}", "unsafe impl Send for A {}", "#[expect(unsafe_code)]"):
            self.assertEqual(len(self.violations({"crates/remofile/src/plan/a.rs": source})), 1, source)
            self.assertEqual(list(check_unsafe("crates/remofile/src/plan/a.rs", source, {"crates/remofile/src/plan/a.rs"})), [])
        harmless = "#![forbid(unsafe_code)]\n// It would be unsafe to wait.\n"
        self.assertEqual(self.violations({"crates/remofile/src/plan/a.rs": harmless}), [])

    def test_manifests_that_do_not_deny_unsafe_code_are_named(self):
        workspace = '[workspace]\nmembers = ["a"]\n[workspace.lints.rust]\nunsafe_code = "deny"\n'
        good = {"Cargo.toml": workspace, "crates/a/Cargo.toml": "[lints]\nworkspace = true\n"}
        self.assertEqual(self.violations(good), [])
        bad = {"Cargo.toml": workspace.replace("deny", "warn"), "crates/a/Cargo.toml": "[package]\n"}
        self.assertEqual(len(self.violations(bad)), 2)


if __name__ == "__main__":
    unittest.main()
