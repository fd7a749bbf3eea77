"""Our client's command line (REMOFILE_PROTOCOL=1) with the prototype's server (remofile 1.0.0.dev6).

That server spins at 100 % of a processor, serves one client at a time for ever, and ends with a traceback at requests
that it does not expect; so the tests are few, and each has a server of its own.
"""

import os
import subprocess
import sys
import tempfile
import time
import unittest

import zmq
from remofile.protocol import Request
from support import BINARY, DEADLINE_SECONDS, TOKEN, InteropTest, clean_environment, write

# It says the port; were it taken by somebody else in between, the server would end, and be started again.
PROGRAM = """
import socket, sys
from remofile import Server
server = Server(sys.argv[1], sys.argv[2], file_size_limit=int(sys.argv[3]))
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
print(port, flush=True)
server.run(port, "127.0.0.1")
"""
ATTEMPTS = 5


class PrototypeServerTest(InteropTest):
    def setUp(self):
        super().setUp()
        if not BINARY.is_file():
            self.fail(f"{BINARY} is missing: build it, or set REMOFILE_BINARY")
        configuration = tempfile.TemporaryDirectory()
        self.addCleanup(configuration.cleanup)
        self.configuration = configuration.name
        self.port = self.start_prototype()

    def start_prototype(self):
        for _ in range(ATTEMPTS):
            log = tempfile.TemporaryFile(mode="w+", errors="replace")
            process = subprocess.Popen([sys.executable, "-c", PROGRAM, self.root, TOKEN, str(4 << 30)], text=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
            self.addCleanup(self.end_prototype, process, log)
            port = process.stdout.readline().strip()
            if port and self.answers(process, int(port)):
                return int(port)
        self.fail(f"the prototype's server could not be started {ATTEMPTS} times")

    def answers(self, process, port):
        req = self.socket(zmq.REQ, port)
        req.send_pyobj((Request.LIST_FILES, "/"))
        deadline = time.monotonic() + DEADLINE_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if req.poll(100):
                req.close(0)
                return True
        req.close(0)
        return False

    def end_prototype(self, process, log):
        process.kill()
        process.wait()
        process.stdout.close()
        log.seek(0)
        self.logs.append(f"the prototype's server said:\n{log.read()[-4000:].strip() or '(nothing)'}")
        log.close()

    def run_client(self, *arguments, token=TOKEN):
        environment = clean_environment(
            self.configuration, REMOFILE_PROTOCOL="1", REMOFILE_HOSTNAME="127.0.0.1", REMOFILE_PORT=str(self.port),
            REMOFILE_TOKEN=token, TZ="UTC",
        )
        return subprocess.run([BINARY, *arguments], env=environment, cwd=self.local, stdin=subprocess.DEVNULL,
                              text=True, capture_output=True, timeout=3 * DEADLINE_SECONDS)

    def assert_done(self, *arguments):
        """The command ends with status 0 and says nothing on standard error; what it printed."""
        ended = self.run_client(*arguments)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""), f"remofile {' '.join(map(str, arguments))}")
        return ended.stdout

    def assert_fails(self, statuses, pattern, *arguments, **options):
        ended = self.run_client(*arguments, **options)
        shown = f"remofile {' '.join(map(str, arguments))}: {ended}"
        self.assertIn(ended.returncode, statuses, shown)
        self.assertRegex(ended.stderr, pattern, shown)


class Commands(PrototypeServerTest):
    def test_list(self):
        (self.root / "d").mkdir()
        (self.root / "größe").write_bytes(b"12345")
        os.utime(self.root / "größe", (1_700_000_000, 0))  # This server tells the time of last access.
        self.assertEqual(self.assert_done("list"), "d\ngröße\n")
        self.assertEqual(self.assert_done("list", "/d"), "")
        lines = self.assert_done("list", "-l", "/").splitlines()
        self.assertEqual([line.split()[0] for line in lines], ["[D]", "[F]"])
        self.assertRegex(lines[1], r"^\[F\] +5 .*2023.* größe$")

    def test_file_and_directory(self):
        self.assert_done("directory", "d", "/")
        self.assert_done("file", "f", "/d")
        self.assert_tree(self.root, "d", "d/f")

    def test_upload_and_download(self):
        (self.local / "back").mkdir()
        (self.root / "d").mkdir()
        names = {}
        for size in (0, 1, 512, 8192, 8193, 1 << 20):
            names[f"f{size}"] = write(self.local / f"f{size}", size)
            self.assert_done("upload", f"f{size}", "/d")
        self.assert_tree(self.root, "d", *(f"d/{name}" for name in names))
        # An empty file is offered without a size by the prototype's server, and sent without bytes.
        for name, content in names.items():
            self.assertTrue((self.root / "d" / name).read_bytes() == content, f"{name}: uploaded content differs")
            self.assert_done("download", f"/d/{name}", "back")
            self.assertTrue((self.local / "back" / name).read_bytes() == content, f"{name}: content differs")
        self.assert_tree(self.local / "back", *names)

    def test_trees(self):
        tree = self.local / "tree"
        (tree / "a" / "b").mkdir(parents=True)
        (tree / "empty-directory").mkdir()
        contents = {name: write(tree / name, size) for name, size in
                    {"top": 100, "a/middle": 8192, "a/b/low": 20_000}.items()}
        (self.local / "back").mkdir()
        self.assert_done("upload", "-r", "--chunk-size", "8192", "tree", "/")
        self.assert_done("download", "-r", "--chunk-size", "8192", "/tree", "back")
        for directory in (self.root / "tree", self.local / "back" / "tree"):
            self.assert_tree(directory, "a", "a/b", "empty-directory", *contents)
            for name, content in contents.items():
                self.assertEqual((directory / name).read_bytes(), content, name)

    def test_refusals(self):
        write(self.root / "taken", 10)
        write(self.local / "taken", 20)
        (self.root / "d").mkdir()
        self.assert_fails((1,), "missing", "list", "/missing")
        self.assert_fails((1,), "taken", "file", "taken", "/")
        self.assert_fails((1,), "d", "directory", "d", "/")
        self.assert_fails((1,), "missing", "file", "new", "/missing")
        self.assert_fails((1, 23), "taken", "upload", "taken", "/")
        self.assert_fails((1, 23), "missing", "upload", "taken", "/missing/")
        self.assert_fails((1, 23), "missing", "download", "/missing", ".")
        self.assertEqual(self.assert_done("list"), "d\ntaken\n")
        self.assert_tree(self.root, "d", "taken")
        self.assertEqual((self.root / "taken").stat().st_size, 10)
        self.assert_tree(self.local, "taken")

    def test_what_protocol_1_cannot_do_is_said(self):
        """Exits with a failure that names the command or the protocol, not with a timeout."""
        write(self.root / "file", 10)
        write(self.local / "file", 20)
        for arguments in (("move", "/file", "/other"), ("upload", "--on-conflict", "replace", "file", "/")):
            with self.subTest(arguments=arguments):
                self.assert_fails((1, 23), "protocol 1 cannot", *arguments)
        self.assert_tree(self.root, "file")

    def test_a_wrong_token(self):
        """The prototype's server does not answer it at all."""
        self.assert_fails((3, 30), ".", "list", "--timeout", "1500", token="wrong")


if __name__ == "__main__":
    unittest.main()
