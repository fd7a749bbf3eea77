"""Protocol 2 over ZeroMQ: the example client, which was written from docs/protocol.md alone, and frames by hand."""

import os
import re
import subprocess
import sys
import threading
import unittest
from unittest import mock

import cbor2
import zmq
from support import DEADLINE_SECONDS, REPOSITORY, TOKEN, InteropTest, clean_environment, write
import zeromq_client  # Found by way of support.
from zeromq_client import (BEGIN, BYTES, DATA, DONE, DOWNLOAD, END, ENTRIES, FINISH, GOODBYE, LIST, PING, PONG, UPLOAD,
                           Client, Failed)

SIZES = (0, 1, 512, 262_144, 262_145, 1 << 20, 40 << 20)
PROGRAM = REPOSITORY / "bindings" / "examples" / "zeromq_client.py"
FAILED, ITEM_FAILED = 33, 35
ACCEPTED, WRONG_TOKEN, UNSUPPORTED_VERSION, MALFORMED, NO_SESSION = 0, 1, 2, 9, 10
XXH3_OF_ABC = bytes.fromhex("06b05ab6733a618578af5f94892f3950")  # from the test vectors


class Protocol2Test(InteropTest):
    public_key = None

    def setUp(self):
        super().setUp()
        self.server = self.start()

    def start(self):
        return self.start_server()

    def client(self, name="example"):
        client = Client("127.0.0.1", self.server.port, TOKEN, self.public_key, name)
        self.addCleanup(client.close)
        return client

    def assert_client_served(self):
        client = Client("127.0.0.1", self.server.port, TOKEN, self.public_key)
        try:
            list(client.list("/"))
        finally:
            client.close()


class Page(Protocol2Test):
    def test_the_session_of_the_page_frame_by_frame(self):
        page = (REPOSITORY / "docs" / "protocol.md").read_text(encoding="utf-8")
        section = page.partition("### A session, frame by frame")[2].partition("\n## ")[0]
        rows = re.findall(r"^\| (client|server) \| (.*?) \| ((?:`[0-9a-f]+` ?)+)(\.\.\.)? ?\|$", section, re.MULTILINE)
        self.assertEqual(len(rows), 14)
        self.server = self.start_server(REMOFILE_TOKEN="2" * 20 + "Ci")
        socket = self.adopt(zmq.Context.instance().socket(zmq.DEALER))
        socket.rcvtimeo = DEADLINE_SECONDS * 1000
        socket.connect(f"tcp://127.0.0.1:{self.server.port}")
        for sender, message, frames, is_cut in rows:
            frames = frames.replace("`", "").split()
            with self.subTest(message=message):
                if message.startswith("operation 3"):
                    (self.root / "b").chmod(0o644)  # whatever the umask is
                if sender == "client":
                    socket.send_multipart([bytes.fromhex(frame) for frame in frames])
                    continue
                received = [frame.hex() for frame in socket.recv_multipart()]
                if is_cut:
                    received = [frame[: len(expected)] for frame, expected in zip(received, frames)]
                self.assertEqual(received, frames)


class Transfers(Protocol2Test):
    def test_sizes(self):
        client = self.client()
        for size in SIZES:
            with self.subTest(size=size):
                local, remote = self.local / f"{size}", self.root / f"{size}"
                content = write(local, size)
                os.utime(local, ns=(0, 1_234_567_890_123_456_789))
                client.upload(local, "/")
                self.assertTrue(remote.read_bytes() == content, "uploaded content differs")
                self.assertEqual(remote.stat().st_mtime_ns, 1_234_567_890_123_456_789)
                local.unlink()
                client.download(f"/{size}", self.local)
                self.assertTrue(local.read_bytes() == content, "downloaded content differs")
        names = [str(size) for size in SIZES]
        self.assert_tree(self.root, *names)
        self.assert_tree(self.local, *names, *self.private_files())

    def private_files(self):
        return ()

    def test_listing(self):
        (self.root / "d" / "e").mkdir(parents=True)
        (self.root / "d" / "größe").write_bytes(b"12345")
        (self.root / "d" / "link").symlink_to("größe")
        os.utime(self.root / "d" / "größe", ns=(0, -1_500_000_001))
        entries = [(entry[0], *[entry[key] for key in (1, 2)]) for entry in self.client().list("/d")]
        self.assertEqual(entries, [("/d/e", 1, 0), ("/d/größe", 0, 5), ("/d/link", 2, 0)])
        times = {entry[0]: entry[3] for entry in self.client().list("/d")}
        self.assertEqual(times["/d/größe"], [-2, 499_999_999])

    def test_a_long_listing(self):
        names = [f"{number:05}{'n' * 240}" for number in range(20_000)]  # more than the credit at the start
        for name in names:
            (self.root / name).touch()
        self.assertEqual([entry[0][1:] for entry in self.client().list("/")], names)

    def test_failures(self):
        client = self.client()
        write(self.local / "taken", 100_000)
        write(self.root / "taken", 10)
        attempts = [
            ("not-found", lambda: list(client.list("/missing"))),
            ("not-a-directory", lambda: list(client.list("/taken"))),
            ("invalid-name", lambda: list(client.list("/a/../b"))),
            ("already-exists", lambda: client.upload(self.local / "taken", "/")),
            ("not-found", lambda: client.upload(self.local / "taken", "/missing")),
            ("not-found", lambda: client.download("/missing", self.local)),
        ]
        for expected, attempt in attempts:
            with self.subTest(expected), self.assertRaisesRegex(Failed, expected):
                attempt()
        list(client.list("/"))  # The session goes on.
        self.assertEqual((self.root / "taken").stat().st_size, 10)
        self.assert_tree(self.local, "taken", *self.private_files())

    def test_a_corrupted_upload_leaves_nothing(self):
        write(self.local / "source", 100_000)
        client = self.client()
        with mock.patch.object(zeromq_client.hashlib, "sha256", WrongDigest):
            with self.assertRaisesRegex(Failed, "integrity-failure"):
                client.upload(self.local / "source", "/")
        client.upload(self.local / "source", "/")
        self.assert_tree(self.root, "source")

    def test_a_corrupted_download_leaves_nothing(self):
        write(self.root / "source", 100_000)
        client = self.client()
        with mock.patch.object(zeromq_client.hashlib, "sha256", WrongDigest):
            with self.assertRaisesRegex(Failed, "did not arrive as it was sent"):
                client.download("/source", self.local)
        self.assert_tree(self.local, *self.private_files())
        client.download("/source", self.local)

    def test_two_at_once(self):
        """Readers share the server; who writes has it alone, and the others are told who."""
        content = write(self.root / "source", 8 << 20)
        failures = []

        def download(number):
            try:
                directory = self.local / f"to-{number}"
                directory.mkdir()
                client = self.client()
                for _ in range(3):
                    client.download("/source", directory)
                    self.assertTrue((directory / "source").read_bytes() == content, "downloaded content differs")
                    (directory / "source").unlink()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=download, args=(number,), daemon=True) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(3 * DEADLINE_SECONDS)
        self.assertFalse(failures or any(thread.is_alive() for thread in threads), failures)

        writer, other = self.client("the-writer"), self.client("the-other")
        with writer.operation(UPLOAD, {0: "/"}):
            writer.send_item([BEGIN, "new", 3, None, None])
            while writer.credit < zeromq_client.FIRST_CREDIT:
                writer.step()  # With more credit, which the item may have met, it has the directory to itself.
            self.assertEqual([entry[0] for entry in other.list("/")], ["/source"])
            with self.assertRaisesRegex(Failed, "busy.*the-writer"):
                other.upload(self.root / "source", "/")
            writer.send_item([BYTES, 3], b"abc")
            writer.send_item([END, zeromq_client.hashlib.sha256(b"abc").digest()[:16]])
            writer.send(FINISH, {})
            self.assertEqual(writer.receive()[0], DONE)
        self.assertEqual([entry[0] for entry in other.list("/")], ["/new", "/source"])

    def test_a_wrong_token(self):
        for token in ("wrong", "", TOKEN[:-1], TOKEN + "x"):
            with self.subTest(token=token), self.assertRaisesRegex(Failed, "wrong-token"):
                Client("127.0.0.1", self.server.port, token, self.public_key)
        self.assert_client_served()

    def test_a_server_that_is_killed(self):
        write(self.root / "source", 8 << 20)
        client = self.client()
        list(client.list("/"))
        with mock.patch.multiple(zeromq_client, SILENCE_SECONDS=1):
            with self.assertRaisesRegex(Failed, "silent"):
                with client.operation(DOWNLOAD, {0: ["/source"], 3: 1 << 20}):
                    client.receive()
                    self.kill_server(self.server)
                    while client.receive():
                        pass
            with self.assertRaisesRegex(Failed, "silent"):
                Client("127.0.0.1", self.server.port, TOKEN, self.public_key)

    def test_a_client_that_leaves_in_an_upload(self):
        client = Client("127.0.0.1", self.server.port, TOKEN, self.public_key)
        with self.assertRaises(KeyboardInterrupt), client.operation(UPLOAD, {0: "/"}):
            client.send_item([BEGIN, "new", 3, None, None])
            raise KeyboardInterrupt
        client.socket.close(0)
        other = self.client()
        write(self.local / "source", 10)
        self.eventually(lambda: not failure_of(lambda: other.upload(self.local / "source", "/")),
                        "another client may upload when the first has gone")
        self.assertTrue((self.root / "source").exists())
        self.assertFalse((self.root / "new").exists())

    def test_the_command_line(self):
        environment = clean_environment(self.local, REMOFILE_TOKEN=TOKEN)
        if self.public_key:
            environment["REMOFILE_PUBLIC_KEY"] = self.public_key

        def run(*arguments):
            command = [sys.executable, PROGRAM, "127.0.0.1", str(self.server.port), *arguments]
            return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=3 * DEADLINE_SECONDS)

        content = write(self.local / "source", 5000)
        (self.root / "d").mkdir()
        (self.local / "back").mkdir()
        for arguments in (("upload", self.local / "source", "/d"), ("download", "/d/source", self.local / "back")):
            ended = run(*arguments)
            self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, "", ""), arguments)
        self.assertEqual((self.local / "back" / "source").read_bytes(), content)
        self.assertRegex(run("list", "/d").stdout, r"^F +5000 \d+ 'source'\n$")
        ended = run("list", "/missing")
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertRegex(ended.stderr, "^zeromq_client.py: .*not-found")


class TransfersWithCurve(Transfers):
    def start(self):
        public, private = (key.decode() for key in zmq.curve_keypair())
        self.public_key = public
        (self.local / "private-key").write_text(private)
        (self.local / "private-key").chmod(0o600)
        return self.start_server("--private-key-file", self.local / "private-key")

    def private_files(self):
        return ("private-key",)


class WrongDigest:
    def update(self, _):
        pass

    def digest(self):
        return bytes(32)


def failure_of(attempt):
    """Returns what an attempt failed with; None if it did not."""
    try:
        attempt()
    except Failed as error:
        return str(error)
    return None


class Frames(Protocol2Test):
    """Tests of what the example client does not do."""

    def dealer(self, token=None):
        return self.socket(zmq.DEALER, self.server.port, token)

    def receive(self, socket):
        if not socket.poll(DEADLINE_SECONDS * 1000):
            self.fail(f"no message within {DEADLINE_SECONDS} s")
        header, *payload = socket.recv_multipart()
        self.assertLessEqual(len(payload), 1)
        return cbor2.loads(header), b"".join(payload)

    def say_hello(self, socket, changes=(), without=()):
        hello = {0: 2, 1: 2, 2: "test", 3: "tester", 4: 65536, 5: TOKEN, **dict(changes)}
        socket.send(cbor2.dumps(["remofile", {key: value for key, value in hello.items() if key not in without}]))
        return self.receive(socket)[0]

    def session(self, *arguments, **named):
        socket = self.dealer()
        self.assertEqual(self.say_hello(socket, *arguments, **named)[1][0], ACCEPTED)
        return socket

    def exchange(self, socket, number, *body):
        """The first answer to a message that is no credit."""
        socket.send(cbor2.dumps({0: number, 1: list(body)}))
        return self.receive_no_credit(socket)

    def receive_no_credit(self, socket):
        """The next header that is no credit, which may come at any time."""
        while (header := self.receive(socket)[0])[1][0] == zeromq_client.CREDIT:
            pass
        return header

    def test_the_answer_to_a_hello(self):
        magic, answer = self.say_hello(self.dealer())
        self.assertEqual((magic, answer[0], answer[1]), ("remofile", ACCEPTED, 2))
        server_hello = answer[2]
        self.assertEqual(server_hello[0], 0)
        self.assertIs(type(server_hello[1]), str)
        self.assertTrue(65_536 <= server_hello[2] <= 4_194_304)
        self.assertEqual((server_hello[3], server_hello[4], server_hello[5]), (0, 2**63 - 1, False))

    def test_the_token_as_routing_id(self):
        socket = self.dealer(TOKEN)
        self.assertEqual(self.say_hello(socket, without=[5])[1][0], ACCEPTED)
        self.assertEqual(self.exchange(socket, 1, LIST, {0: "/"})[1][0], DONE)
        for token in ("wrong", None):
            with self.subTest(token=token):
                self.assertEqual(self.say_hello(self.dealer(token), without=[5])[1][0], WRONG_TOKEN)

    def test_versions(self):
        for low, high, expected in ((2, 9, ACCEPTED), (1, 2, ACCEPTED), (3, 9, UNSUPPORTED_VERSION),
                                    (0, 1, UNSUPPORTED_VERSION)):
            with self.subTest(low=low, high=high):
                answer = self.say_hello(self.dealer(), {0: low, 1: high})[1]
                self.assertEqual((answer[0], answer[1]), (expected, 2))

    def test_unknown_keys_are_skipped(self):
        socket = self.session({70: [1, 2], 1 << 40: None})
        socket.send(cbor2.dumps({0: 1, 1: [LIST, {0: "/", 99: b"x"}], 77: "y"}))
        self.assertEqual(self.receive(socket)[0][1][0], DONE)

    def test_malformed_hellos(self):
        for changes in ({4: 1}, {4: 1 << 30}, {5: 1}, {6: 2}, {2: None}, {3: b"x"}, {0: -1}):
            with self.subTest(changes=changes):
                self.assertEqual(self.say_hello(self.dealer(), changes)[1][0], MALFORMED)
        self.assert_client_served()

    def test_a_message_without_a_session(self):
        socket = self.dealer()
        socket.send(cbor2.dumps({0: 1, 1: [LIST, {0: "/"}]}))
        magic, answer = self.receive(socket)[0]
        self.assertEqual((magic, answer[0]), ("remofile", NO_SESSION))
        # The server has closed the connection. A hello that libzmq sends before it has noticed is lost.
        for _ in range(DEADLINE_SECONDS):
            socket.send(cbor2.dumps(["remofile", {0: 2, 1: 2, 2: "test", 3: "tester", 4: 65536, 5: TOKEN}]))
            if socket.poll(1000):
                break
        self.assertEqual(self.receive(socket)[0][1][0], ACCEPTED)

    def test_a_second_hello_opens_a_new_session(self):
        socket = self.session()
        self.assertEqual(self.exchange(socket, 5, LIST, {0: "/"})[1][0], DONE)
        self.assertEqual(self.say_hello(socket)[1][0], ACCEPTED)
        self.assertEqual(self.exchange(socket, 1, LIST, {0: "/"})[1][0], DONE)

    def test_pings_are_answered(self):
        socket = self.session()
        socket.send(cbor2.dumps({0: 0, 1: [PING, {}]}))
        self.assertEqual(self.receive(socket), ({0: 0, 1: [PONG, {}]}, b""))

    def test_messages_after_a_goodbye(self):
        socket = self.session()
        socket.send(cbor2.dumps({0: 0, 1: [GOODBYE, {}]}))
        self.assert_client_served()

    def test_requests_that_are_unknown_fail(self):
        socket = self.session()
        for number, (kind, code) in enumerate(((0, 17), (60, 17), (LIST, 18)), 1):
            with self.subTest(kind=kind):
                header = self.exchange(socket, number, kind, {})
                self.assertEqual((header[0], header[1][0], header[1][1][0][0]), (number, FAILED, code))

    def test_digests(self):
        """XXH3 unless the hello asked for SHA-256; an upload with the other one fails."""
        sha256 = zeromq_client.hashlib.sha256(b"abc").digest()[:16]
        for key, right, wrong in ((None, XXH3_OF_ABC, sha256), (0, XXH3_OF_ABC, sha256), (1, sha256, XXH3_OF_ABC)):
            socket = self.session({} if key is None else {6: key})
            for number, (digest, name) in enumerate(((wrong, "wrong"), (right, f"right-{key}")), 1):
                with self.subTest(key=key, digest=name):
                    items = [[BEGIN, name, 3, None, None], [BYTES, 3], [END, digest]]
                    socket.send(cbor2.dumps({0: number, 1: [UPLOAD, {0: "/"}]}))
                    socket.send_multipart([cbor2.dumps({0: number, 1: [DATA, {0: items}]}), b"abc"])
                    header = self.exchange(socket, number, FINISH, {})
                    if digest == wrong:
                        self.assertEqual((header[1][0], header[1][1][0][0]), (ITEM_FAILED, 13))
                        header = self.receive_no_credit(socket)
                    self.assertEqual(header[1][0], DONE)
        self.assert_tree(self.root, "right-None", "right-0", "right-1")

    def test_hostile_frames(self):
        payload = bytes(70_000)
        for frames in ([b"\xff"], [b"\x9f" * 1000], [b"\x81" * 1024], [b"\x9b" + b"\xff" * 8], [b"x" * 1025],
                       [cbor2.dumps(["remofile", {}]), b"more"], [cbor2.dumps(["remofile", {}])], [b"a", b"b", b"c"],
                       [cbor2.dumps({0: 1 << 63, 1: [LIST, {0: "/"}]})], [cbor2.dumps({0: 0, 1: [LIST, {0: "/"}]})],
                       [cbor2.dumps({0: 9, 1: [DATA, {0: []}]})], [cbor2.dumps({0: 1, 1: [LIST, {0: "/"}]}), payload],
                       [cbor2.dumps({0: 1, 1: [40, {}]})], [cbor2.dumps({0: 1, 1: [ENTRIES, {}]}), payload],
                       [bytes(140_000)], [cbor2.dumps({0: 0, 1: [PING, {}]}), bytes(5 << 20)]):
            for session in (False, True):
                with self.subTest(frames=[frame[:30] for frame in frames], session=session):
                    socket = self.session() if session else self.dealer()
                    socket.send_multipart(frames)
                    self.assert_client_served()
                    socket.close(0)


if __name__ == "__main__":
    unittest.main()
