import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

import notices
import packages
import try_packages

ROOT = packages.ROOT
LICENCES = ("LICENSE-MIT", "LICENSE-APACHE")
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def metadata():
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--locked"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)["packages"]


class Crates(unittest.TestCase):
    def test_every_crate_that_is_published_is_packed_after_those_it_needs(self):
        published = {crate["name"]: crate for crate in metadata() if crate["publish"] is None}
        self.assertEqual(set(packages.CRATES), set(published))
        for place, name in enumerate(packages.CRATES):
            needed = {dependency["name"] for dependency in published[name]["dependencies"] if dependency["name"] in published}
            self.assertLessEqual(needed, set(packages.CRATES[:place]), name)

    def test_whoever_publishes_is_told_every_crate_in_its_order(self):
        text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        told = text[text.index("`cargo publish --package ") :].split(". ")[0]
        self.assertEqual(list(packages.CRATES), re.findall(r"`(?:cargo publish --package )?(remofile[a-z-]*)`", told))

    def test_a_crate_says_what_its_readers_want_to_know(self):
        for crate in metadata():
            if crate["name"] in packages.CRATES:
                for field in ("description", "license", "readme", "documentation", "keywords", "categories", "rust_version"):
                    self.assertTrue(crate[field], f"{crate['name']}: {field}")
                for name in ("README.md", *LICENCES):
                    self.assertTrue((Path(crate["manifest_path"]).parent / name).exists(), f"{crate['name']}: {name}")

    def test_crates_and_wheel_have_the_licences_themselves_and_no_word_of_where_they_are(self):
        for place in (*(Path(crate["manifest_path"]).parent for crate in metadata() if crate["name"] in packages.CRATES), ROOT / "bindings/python"):
            for name in LICENCES:
                self.assertEqual((ROOT / name).read_text(), (place / name).read_text(), place)

    def test_a_crate_that_depends_on_another_one_says_which_version(self):
        for crate in metadata():
            for dependency in crate["dependencies"]:
                if crate["name"] in packages.CRATES:
                    self.assertNotEqual("*", dependency["req"], f"{crate['name']} needs {dependency['name']}")

    def test_the_command_is_what_cargo_install_remofile_installs(self):
        crate = next(crate for crate in metadata() if crate["name"] == "remofile")
        programs = {target["name"] for target in crate["targets"] if "bin" in target["kind"]}
        self.assertEqual(set(packages.COMMANDS), programs)


class Tarball(unittest.TestCase):
    installer = packages.DEPLOY / "tarball/install.sh"

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.place = Path(self.directory.name)
        for name, content in (("bin/remofile", "#!/bin/sh\necho remofile 1.2.3\n"), ("lib/systemd/system/remofile.service", "x=/usr/bin/remofile\n")):
            packages.made((self.place / "files" / name).parent)
            (self.place / "files" / name).write_text(content)
        (self.place / "files/bin/remofile").chmod(0o755)
        (self.place / "files/bin/rmf").symlink_to("remofile")
        (self.place / "install.sh").symlink_to(self.installer)

    def install(self, *arguments, **options):
        # By another name of its own directory, as it is called from anywhere.
        return subprocess.run(["sh", self.place / "install.sh", *arguments], cwd=self.place, capture_output=True, text=True, **options)

    def test_the_installer_can_be_read_in_a_minute(self):
        self.assertLessEqual(self.installer.read_text(encoding="utf-8").count("\n"), 30)

    def test_it_installs_over_what_is_there_and_removes_only_its_own(self):
        prefix = self.place / "a prefix"
        other = packages.made(prefix / "bin") / "other"
        other.touch()
        for _ in range(2):
            done = self.install("a prefix")
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn(f"Remofile is in {prefix}: remofile 1.2.3.\nAdd {prefix}/bin to PATH", done.stdout)
        self.assertTrue(os.access(prefix / "bin/remofile", os.X_OK))
        self.assertTrue((prefix / "bin/rmf").is_symlink())
        self.assertEqual(f"x={prefix}/bin/remofile\n", (prefix / "lib/systemd/system/remofile.service").read_text())
        self.assertEqual(0, self.install("--uninstall", "a prefix").returncode)
        self.assertEqual([other], [path for path in prefix.rglob("*") if not path.is_dir()])

    def test_everybody_may_use_what_it_installs_whatever_the_umask_of_root_is(self):
        self.assertEqual(0, self.install("prefix", umask=0o077).returncode)
        for path, mode in (("", 0o755), ("bin", 0o755), ("bin/remofile", 0o755), ("lib/systemd/system/remofile.service", 0o644)):
            self.assertEqual(mode, (self.place / "prefix" / path).stat().st_mode & 0o777, path)

    def test_an_unknown_option_installs_nothing(self):
        done = self.install("--help")
        self.assertEqual(2, done.returncode)
        self.assertIn("./install.sh [--uninstall] [PREFIX]", done.stderr)
        self.assertFalse((self.place / "--help").exists())

    def test_the_same_tree_makes_the_same_archive(self):
        tree = self.place / "files"
        release = packages.Release(self.place, "x-y-linux-z", "false")
        release.tree, release._staged = tree, True
        made = next(iter(packages.build_tarball(release)))
        first = made.read_bytes()
        (tree / "bin/remofile").touch()
        self.assertEqual(first, next(iter(packages.build_tarball(release))).read_bytes())
        with tarfile.open(made) as archive:
            self.assertEqual({0}, {entry.uid for entry in archive})
            self.assertIn(f"remofile-{release.version}-x-y-linux-z/install.sh", archive.getnames())


class Debian(unittest.TestCase):
    def test_the_scripts_are_scripts(self):
        for name in ("postinst", "prerm", "postrm"):
            subprocess.run(["sh", "-n", packages.DEPLOY / "debian" / name], check=True)


class Units(unittest.TestCase):
    def test_whoever_installs_them_by_hand_has_them_start_the_command_that_is_there(self):
        text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
        (line,) = re.findall(r"^ +(sed .+remofile\.service) > /etc/systemd/system/remofile\.service$", text, re.MULTILINE)
        with tempfile.TemporaryDirectory() as directory:
            command = Path(directory) / "remofile"
            command.touch(0o755)
            unit = subprocess.run(["sh", "-c", line], cwd=ROOT, env={"PATH": f"{directory}:/usr/bin:/bin"}, capture_output=True, text=True).stdout
            self.assertRegex(unit, rf"(?m)^ExecStart={command} server-config /etc/remofile/server\.toml$")


class Image(unittest.TestCase):
    dockerfile = (packages.DEPLOY / "docker/Dockerfile").read_text(encoding="utf-8")

    def instructions(self, name):
        return re.findall(rf"^{name} (.*)$", self.dockerfile, re.MULTILINE)

    def test_the_server_does_not_run_as_root(self):
        self.assertRegex(self.instructions("USER")[-1], r"^[1-9]\d*:[1-9]\d*$")

    def test_what_it_builds_is_there(self):
        (command,) = re.findall(r"cargo build [^\\]*", self.dockerfile)
        self.assertIn("--package remofile --bins", command)
        self.assertTrue(any(crate["name"] == "remofile" for crate in metadata()))
        admitted = re.findall(r"^!(.+)$", (packages.DEPLOY / "docker/Dockerfile.dockerignore").read_text(), re.MULTILINE)
        members = {Path(crate["manifest_path"]).relative_to(ROOT).parts[0] for crate in metadata()}
        self.assertLessEqual({"Cargo.toml", "Cargo.lock", *members}, set(admitted))
        for name in admitted:
            self.assertTrue((ROOT / name).exists(), name)

    def test_the_version_of_rust_suffices(self):
        lowest = re.search(r'^rust-version = "1\.(\d+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
        self.assertGreaterEqual(int(re.search(r"^FROM rust:1\.(\d+)", self.dockerfile, re.MULTILINE)[1]), int(lowest))

    def test_compose_names_what_the_image_has(self):
        text = (packages.DEPLOY / "docker/compose.yaml").read_text(encoding="utf-8")
        self.assertTrue((packages.DEPLOY / "docker" / re.search(r"context: (.+)", text)[1] / re.search(r"dockerfile: (.+)", text)[1]).exists())
        user = self.instructions("USER")[-1].split(":")[0]
        self.assertEqual({user}, set(re.findall(r'[ug]id[:=] ?"?(\d+)', text)))
        self.assertIn('files:/srv/remofile', text)
        self.assertEqual(['["/srv/remofile"]'], self.instructions("VOLUME"))


class Workflows(unittest.TestCase):
    def test_there_are_some(self):
        self.assertTrue(WORKFLOWS)

    def test_they_call_what_there_is(self):
        for workflow in WORKFLOWS:
            text = workflow.read_text(encoding="utf-8")
            for line in re.findall(r"- run: make (.+)", text):
                self.assertLessEqual(set(re.findall(r"[a-z][a-z-]*", line)), TARGETS, workflow.name)
            for script, kinds in re.findall(r"python (\S+\.py)((?: [a-z]+)*)", text):
                self.assertTrue((ROOT / script).exists(), script)
                self.assertLessEqual(set(kinds.split()), packages.KINDS.keys() & try_packages.TRIALS.keys(), workflow.name)
            for package in re.findall(r"--package (\S+)", text):
                self.assertIn(package, packages.CRATES)

    def test_the_oldest_rust_is_the_one_that_is_promised(self):
        promised = re.search(r'^rust-version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
        self.assertIn(f"rustup toolchain install {promised} ", (ROOT / ".github/workflows/ci.yml").read_text())


class Notices(unittest.TestCase):
    def test_every_crate_of_the_commands_is_named_once_with_its_text(self):
        text = notices.notices(target=packages.host())
        for name in ("ring", "zstd-sys", "clap", "snow"):
            self.assertRegex(text, rf"(?m)^{name} \d\S*: ")
        for name in ("tempfile", "insta", "remofile-core", "proptest"):
            self.assertNotRegex(text, rf"(?m)^{name} \d\S*: ")
        self.assertIn("Copyright", text)

    def test_the_python_module_has_more(self):
        done = subprocess.run([sys.executable, ROOT / "tools/notices.py", "--package", "remofile-python"], capture_output=True, text=True)
        self.assertRegex(done.stdout, r"(?m)^pyo3 \d\S*: ", done.stderr)
        self.assertRegex(done.stdout, r"(?m)^clap \d\S*: ")

    def test_every_program_that_is_handed_out_has_them(self):
        self.assertIn("tools/notices.py", Image.dockerfile)
        self.assertIn("!tools/notices.py", (packages.DEPLOY / "docker/Dockerfile.dockerignore").read_text())


class Trials(unittest.TestCase):
    def test_every_package_is_tried(self):
        self.assertEqual(packages.KINDS.keys(), try_packages.TRIALS.keys())

    def test_a_package_that_is_missing_is_a_failure(self):
        with tempfile.TemporaryDirectory() as directory:
            place = try_packages.Place(Path(directory), Path(directory))
            with self.assertRaisesRegex(try_packages.Failed, "make packages"):
                place.package("remofile_*.deb")

    def test_a_command_that_is_as_large_as_its_limit_is_a_failure(self):
        with tempfile.TemporaryDirectory() as directory:
            command = Path(directory) / "remofile"
            command.write_bytes(bytes(99))
            try_packages.check_size(command, 100)
            with self.assertRaisesRegex(try_packages.Failed, "remofile has 0.0 MB"):
                try_packages.check_size(command, 99)

    def test_a_package_that_was_changed_is_not_that_of_the_list(self):
        with tempfile.TemporaryDirectory() as directory:
            output = Path(directory)
            (output / "a.deb").write_text("one")
            packages.write_checksums(output)
            try_packages.check_checksums(output)
            (output / "a.deb").write_text("other")
            with self.assertRaisesRegex(try_packages.Failed, "a.deb"):
                try_packages.check_checksums(output)


if __name__ == "__main__":
    unittest.main()
