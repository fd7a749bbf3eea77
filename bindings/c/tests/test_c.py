"""Builds programs in C and C++ with nothing but what pkg-config says of an installed library, and runs them.

`make c-test` builds the library. What is optional is told when it is missing: valgrind, a C++ compiler, sanitizers.
"""

import functools
import os
import re
import shutil
import string
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINDING = HERE.parent
ROOT = BINDING.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(HERE)]

import abi  # noqa: E402
import harness  # noqa: E402

# Calls of make are their own, whoever called this.
os.environ.pop("MAKEFLAGS", None)
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-g"]
C = [os.environ.get("CC", "cc"), "-std=c99", "-D_POSIX_C_SOURCE=200809L", *STRICT]
CPP = [os.environ.get("CXX", "c++"), "-std=c++17", "-Wshadow", *STRICT]
HAS_CPP = shutil.which(CPP[0]) is not None
BINARY = Path(os.environ.get("REMOFILE_BINARY", ROOT / "target/debug/remofile"))
SECONDS = 120


def setUpModule():
    global place, prefix, settings
    place = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(place.cleanup)
    prefix = Path(place.name) / "usr"
    profile = os.environ.get("REMOFILE_C_PROFILE", "dev")
    subprocess.run(
        ["make", "--no-print-directory", "install-c", f"C_PROFILE={profile}", f"PREFIX={prefix}", "DESTDIR="], cwd=ROOT, check=True,
        stdout=subprocess.DEVNULL,
    )
    settings = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig"), "LD_LIBRARY_PATH": str(prefix / "lib")}


def pkg_config(*options):
    if not shutil.which("pkg-config"):
        return read_pkg_config(options)
    return subprocess.run(
        ["pkg-config", *options, "remofile"], check=True, capture_output=True, text=True, env=settings
    ).stdout.split()


def read_pkg_config(options):
    """Returns what pkg-config would say, on a machine that has none."""
    given = [option.partition("=")[2].partition("=") for option in options if option.startswith("--define-variable=")]
    variables = {"prefix": prefix, "libdir": prefix / "lib", "includedir": prefix / "include", **{name: value for name, _, value in given}}
    text = string.Template((prefix / "lib/pkgconfig/remofile.pc").read_text(encoding="utf-8"))
    lines = text.substitute(variables).splitlines()
    fields = dict(line.split(": ", 1) for line in lines if ": " in line)
    names = {"--cflags": ("Cflags",), "--libs": ("Libs", "Libs.private") if "--static" in options else ("Libs",)}
    names["--modversion"] = ("Version",)
    return [word for option in options for name in names.get(option, ()) for word in fields[name].split()]


@functools.cache
def build(source, *options, link=("--cflags", "--libs")):
    """Compiles a program and returns its path."""
    source = Path(source)
    program = Path(tempfile.mkdtemp(dir=place.name)) / source.stem
    compiler = CPP if source.suffix == ".cpp" else C
    threads = ["-pthread"]
    run([*compiler, *options, *threads, source, "-o", program, *pkg_config(*link)])
    return program


def run(command, environment=None, is_silent=False, **options):
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=SECONDS, env=environment or settings, **options
    )
    if done.returncode != 0 or (is_silent and done.stderr):
        raise AssertionError(f"{command}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def directories(count):
    return [tempfile.mkdtemp(dir=place.name) for _ in range(count)]


PROGRAMS = [("calls.c", 2), ("misuse.c", 1), ("threads.c", 1)] + ([("wrapper.cpp", 2)] if HAS_CPP else [])


class Library(unittest.TestCase):
    def test_every_call_works(self):
        run([build(HERE / "calls.c"), *directories(2)])

    def test_every_wrong_use_is_an_error(self):
        run([build(HERE / "misuse.c"), *directories(1)])

    def test_threads_and_cancelled_calls(self):
        run([build(HERE / "threads.c"), *directories(1)])

    @unittest.skipUnless(HAS_CPP, "there is no C++ compiler")
    def test_the_wrapper_for_c_plus_plus(self):
        run([build(HERE / "wrapper.cpp"), *directories(2)])

    @unittest.skipUnless(HAS_CPP, "there is no C++ compiler")
    def test_the_headers_serve_c11_c23_and_c_plus_plus_11_to_20(self):
        for standard in ["c11", "c2x"]:
            build(HERE / "misuse.c", f"-std={standard}")
        source = Path(place.name) / "raw.cpp"
        source.write_text(
            "#include <remofile.h>\nint main() {\n  remofile_error error = REMOFILE_INIT(remofile_error);\n"
            "  return remofile_client_close(nullptr, &error) != REMOFILE_NULL_ARGUMENT || error.code != REMOFILE_NULL_ARGUMENT;\n}\n"
        )
        for standard in ["c++11", "c++14", "c++17", "c++20"]:
            run([build(source, f"-std={standard}")])
        run([*CPP, "-std=c++20", "-fsyntax-only", *pkg_config("--cflags"), HERE / "wrapper.cpp"])

    def test_the_static_library_serves_as_well(self):
        alone = Path(tempfile.mkdtemp(dir=place.name))
        (alone / "libremofile.a").symlink_to(prefix / "lib/libremofile.a")
        link = ("--static", f"--define-variable=libdir={alone}", "--cflags", "--libs")
        run([build(HERE / "calls.c", link=link), *directories(2)], {**settings, "LD_LIBRARY_PATH": ""})


class Sanitizers(unittest.TestCase):
    def check(self, *options, environment):
        for source, count in PROGRAMS:
            with self.subTest(source):
                program = build(HERE / source, *options, "-DLINES=5000")
                run([program, *directories(count)], {**settings, **environment})

    def has(self, option):
        source = Path(place.name) / "empty.c"
        source.write_text("int main(void) { return 0; }\n")
        if subprocess.run([*C, option, source, "-o", source.with_suffix("")], capture_output=True).returncode != 0:
            self.skipTest(f"the compiler has no {option}")

    def test_clean_under_the_address_and_undefined_behaviour_sanitizers(self):
        self.has("-fsanitize=address,undefined")
        self.check("-fsanitize=address,undefined", "-fno-sanitize-recover=all", environment={})

    def test_clean_under_the_thread_sanitizer(self):
        self.has("-fsanitize=thread")
        # It does not see how code that it has not compiled waits for other threads.
        self.check("-fsanitize=thread", environment={"TSAN_OPTIONS": "ignore_noninstrumented_modules=1 halt_on_error=1"})

    @unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
    def test_clean_under_valgrind(self):
        # It does not follow which bits the ciphers' vector instructions set: what they make would count as undefined.
        valgrind = ["valgrind", "--quiet", "--undef-value-errors=no", "--error-exitcode=99"]
        valgrind += ["--leak-check=full", "--errors-for-leak-kinds=definite,indirect", "--show-leak-kinds=definite,indirect"]
        for source, count in PROGRAMS:
            with self.subTest(source):
                run([*valgrind, build(HERE / source, "-DROUNDS=2", "-DLINES=500"), *directories(count)])


class Frozen(unittest.TestCase):
    """Checks that what is compiled against one version runs with the next."""

    def compare(self, name, lines):
        file, there = HERE / name, "".join(f"{line}\n" for line in lines)
        if os.environ.get("REMOFILE_UPDATE_ABI"):
            file.write_text(there)
        before, now = file.read_text().splitlines(), there.splitlines()
        gone, new = [line for line in before if line not in now], [line for line in now if line not in before]
        self.assertFalse(gone, f"gone or changed: programs would break; {name}")
        self.assertFalse(new, f"new: add it with REMOFILE_UPDATE_ABI=1 make c-test; {name}")

    def test_the_functions_are_those_of_the_list(self):
        found = abi.symbols(prefix / "lib/libremofile.so")
        self.compare("symbols.txt", found)
        declared = set(re.findall(r"\b(remofile_\w+)\(", (BINDING / "include/remofile.h").read_text()))
        self.assertEqual(set(found), declared)

    def test_the_wrapper_has_every_function(self):
        headers = [BINDING / "include/remofile.hpp", *(BINDING / "include/remofile").glob("*.hpp")]
        used = {name for header in headers for name in re.findall(r"\b(remofile_\w+)\(", header.read_text())}
        # These two serve C++ as they are.
        missing = set(abi.symbols(prefix / "lib/libremofile.so")) - used - {"remofile_version", "remofile_open_handles"}
        self.assertFalse(missing)

    def test_the_structs_and_constants_are_those_of_the_list(self):
        source = Path(place.name) / "abi.c"
        source.write_text(abi.program())
        self.compare("abi.txt", run([build(source)]).splitlines())

    def test_the_name_of_the_shared_library_has_a_version(self):
        told = run(["readelf", "--dynamic", prefix / "lib/libremofile.so"])
        self.assertIn("Library soname: [libremofile.so.0]", told)
        self.assertTrue((prefix / "lib/libremofile.so.0").samefile(prefix / "lib/libremofile.so"))

    def test_it_stays_in_a_process_that_unloads_it_as_its_threads_may_do(self):
        self.assertRegex(run(["readelf", "--dynamic", prefix / "lib/libremofile.so"]), r"\(FLAGS_1\).* NODELETE")

    def test_packages_are_staged_below_destdir(self):
        stage = Path(tempfile.mkdtemp(dir=place.name))
        profile = os.environ.get("REMOFILE_C_PROFILE", "dev")
        run(["make", "--no-print-directory", "install-c", f"C_PROFILE={profile}", "PREFIX=/usr", f"DESTDIR={stage}"], cwd=ROOT)
        self.assertIn("prefix=/usr\n", (stage / "usr/lib/pkgconfig/remofile.pc").read_text())
        self.assertTrue((stage / "usr/include/remofile/types.h").is_file())


class Examples(unittest.TestCase):
    """The examples, with the server that people start."""

    def setUp(self):
        if not BINARY.is_file():
            self.skipTest(f"{BINARY} is not built: make test-rust builds it")
        self.root, self.local = map(Path, directories(2))
        self.server = self.enterContext(harness.Server(BINARY, self.root))
        self.environment = {**settings, **self.server.environment}

    def example(self, name, *arguments):
        return run([build(BINDING / "examples" / name), *arguments], self.environment)

    def test_upload_and_list(self):
        (self.local / "tree").mkdir()
        (self.local / "tree/file").write_text("content")
        told = self.example("upload.c", self.local / "tree", "/")
        self.assertIn("1 files, 0 there already, 0 failed", told)
        self.assertEqual((self.root / "tree/file").read_text(), "content")
        self.assertIn("7 /tree/file", self.example("list.c"))

    @unittest.skipUnless(HAS_CPP, "there is no C++ compiler")
    def test_tree_and_notes(self):
        self.assertEqual(self.example("notes.cpp", "/notes", "first"), "1: first\n")
        self.assertEqual(self.example("notes.cpp", "/notes", "second"), "1: first\n2: second\n")
        self.assertIn("/notes\n1 files\n", self.example("tree.cpp", "/", self.local / "copy"))
        self.assertEqual((self.local / "copy/notes").read_text(), "first\nsecond\n")

    def test_a_server_in_c_serves_the_command(self):
        program = build(BINDING / "examples/serve.c")
        (self.local / "file").write_text("content")
        served = directories(1)[0]
        with subprocess.Popen([program, served], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=settings) as process:
            port, token = process.stdout.readline().split()
            environment = {**self.environment, "REMOFILE_PORT": port, "REMOFILE_TOKEN": token}
            run([BINARY, "upload", self.local / "file", "/"], environment)
            process.communicate(timeout=SECONDS)
            self.assertEqual(process.returncode, 0)
        self.assertEqual((Path(served) / "file").read_text(), "content")


def functions_first(block):
    """The functions at the beginning of a block, and the statements behind them."""
    head = ""
    while block.startswith("static "):
        function, end, block = block.partition("\n}\n")
        head, block = head + function + end, block.lstrip("\n")
    return head, block


class Guide(unittest.TestCase):
    """Each block of code in docs/c.md is a program that runs."""

    def blocks(self, language):
        text = (ROOT / "docs/c.md").read_text()
        return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)

    def run_program(self, text, suffix):
        source = Path(tempfile.mkdtemp(dir=place.name)) / f"guide{suffix}"
        source.write_text(text)
        root, local = directories(2)
        (Path(local) / "photos").mkdir()
        (Path(local) / "photos/one.jpg").write_text("picture")
        run([build(source, "-Wno-unused-function"), root], is_silent=True, cwd=local)

    def test_the_blocks_in_c(self):
        blocks, frame = self.blocks("c"), (HERE / "guide.c.in").read_text()
        self.assertTrue(blocks)
        for number, block in enumerate(blocks):
            with self.subTest(number):
                head, body = functions_first(block)
                is_program = "int main(" in block
                self.run_program(block if is_program else frame.replace("@HEAD@", head).replace("@BODY@", body), ".c")

    @unittest.skipUnless(HAS_CPP, "there is no C++ compiler")
    def test_the_blocks_in_c_plus_plus(self):
        blocks, frame = self.blocks("cpp"), (HERE / "guide.cpp.in").read_text()
        self.assertTrue(blocks)
        # One program: the compiler has the headers to read once. Each block has a client and a server of its own.
        functions = "".join(f"static void block(remofile::client &client) {{\n{block}}}\n".replace("block(", f"block{number}(", 1)
                            for number, block in enumerate(blocks))
        calls = "".join(f"each(block{number}, arguments[1]);\n" for number in range(len(blocks)))
        self.run_program(frame.replace("@HEAD@", functions).replace("@BODY@", calls), ".cpp")


if __name__ == "__main__":
    unittest.main()
