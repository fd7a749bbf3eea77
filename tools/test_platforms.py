import tempfile
import unittest
from pathlib import Path

import platforms

LIBRARY = "crates/remofile/src/"
COMMAND = "crates/remofile-cli/src/"


class Seams(unittest.TestCase):
    def violations(self, files):
        """Returns the violations of a repository with these files, each a module of its crate."""
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            for prefix in (LIBRARY, COMMAND, platforms.PROTOCOL):
                modules = {path.removeprefix(prefix).split("/")[0].removesuffix(".rs") for path in files if path.startswith(prefix)}
                files = {f"{prefix}lib.rs": "".join(f"mod {module};\n" for module in sorted(modules)), **files}
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            return list(platforms.check(root, sorted(files)))

    def test_what_differs_stands_at_the_seams(self):
        for cfg in (
            '#[cfg(target_os = "linux")]', "#[cfg(unix)]", "#[cfg(not(windows))]", '#[cfg(any(target_vendor = "apple"))]',
            '#[cfg_attr(not(target_os = "linux"), path = "x")]',
        ):
            text = f"{cfg}\nfn f() {{}}\n"
            self.assertEqual(1, len(self.violations({f"{LIBRARY}client.rs": text})), cfg)
            self.assertEqual([], self.violations({f"{LIBRARY}store.rs": "mod system;", f"{LIBRARY}store/system.rs": text}), cfg)
            self.assertEqual([], self.violations({f"{COMMAND}secret.rs": text}), cfg)
        self.assertEqual([], self.violations({f"{LIBRARY}client.rs": '#[cfg(target_arch = "x86_64")]\nfn f() {}\n'}))

    def test_what_only_linux_has_is_in_the_store_and_the_server_command(self):
        for code in (
            "use std::os::linux::fs::MetadataExt;", "fn f() { rustix::fs::copy_file_range(); }", 'fn f() { read("/proc/self/status"); }',
            "fn f() { socket.set_tcp_user_timeout(None); }", "use rustix::event::epoll;",
        ):
            self.assertEqual(1, len(self.violations({f"{LIBRARY}client.rs": code})), code)
            self.assertEqual([], self.violations({f"{COMMAND}daemon.rs": "mod proof;", f"{COMMAND}daemon/proof.rs": code}), code)
        self.assertEqual([], self.violations({f"{LIBRARY}client.rs": "// As epoll does.\nfn f() { list.splice(0..1, other); }\n"}))

    def test_the_protocol_has_no_system(self):
        self.assertEqual(1, len(self.violations({f"{platforms.PROTOCOL}path.rs": "use std::os::unix::ffi::OsStrExt;"})))

    def test_every_seam_is_there(self):
        for file in platforms.SEAMS:
            self.assertTrue((platforms.ROOT / file).exists(), file)


if __name__ == "__main__":
    unittest.main()
