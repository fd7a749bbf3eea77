"""CURVE: our keys are ZeroMQ's, and nothing is served in clear where it must not be."""

import pickle
import re
import subprocess
import unittest

import cbor2
import zmq
from remofile import generate_keys
from remofile.protocol import Reason, Request
from support import ACCEPTED, BINARY, DEADLINE_SECONDS, ERROR, TOKEN, InteropTest, unconnected, write
from zmq.utils.monitor import recv_monitor_message
import zeromq_client  # Found by way of support.

LIST = (Request.LIST_FILES, "/")
HELLO = cbor2.dumps(["remofile", {0: 2, 1: 2, 2: "test", 3: "test", 4: 65536, 5: TOKEN}])


def curve_options(public_key):
    public, secret = zmq.curve_keypair()
    return {"curve_publickey": public, "curve_secretkey": secret, "curve_serverkey": public_key.encode()}


class CurveTest(InteropTest):
    def setUp(self):
        super().setUp()
        (self.root / "file").write_bytes(b"content")

    def start_with_key(self, private_key, *options):
        path = self.local / "private-key"
        path.write_text(f"{private_key}\n")
        path.chmod(0o600)
        return self.start_server("--private-key-file", path, *options)

    def assert_served_with_key(self, server, public_key):
        """Both protocols, encrypted."""
        req = self.socket(zmq.REQ, server.port, **curve_options(public_key))
        response = self.ask(req, *LIST)
        self.assertEqual(response[:2], (ACCEPTED, Reason.FILES_LISTED))
        self.assertIn("file", response[2])
        client = zeromq_client.Client("127.0.0.1", server.port, TOKEN, public_key)
        try:
            self.assertIn("/file", [entry[0] for entry in client.list("/")])
        finally:
            client.close()

    def assert_never_served(self, server, kind, frame, **options):
        """The handshake fails, for good or again and again; no answer comes."""
        socket = self.adopt(unconnected(kind, **options))
        monitor = socket.get_monitor_socket()
        self.addCleanup(monitor.close, 0)
        self.addCleanup(socket.disable_monitor)
        socket.connect(f"tcp://127.0.0.1:{server.port}")
        socket.send(frame, zmq.DONTWAIT)
        connections = 0
        while connections < 3:
            if not monitor.poll(DEADLINE_SECONDS * 1000):
                self.fail(f"within {DEADLINE_SECONDS} s the server neither served nor refused connection {connections}")
            event = recv_monitor_message(monitor)["event"]
            self.assertNotEqual(event, zmq.EVENT_HANDSHAKE_SUCCEEDED, "the handshake succeeded")
            if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                break  # The library has seen that it is of no use, and does not try again.
            connections += event == zmq.EVENT_CONNECTED
        self.assertFalse(socket.poll(0), "the server answered")

    def assert_never_served_by_either_protocol(self, server, **options):
        with self.subTest("protocol 1"):
            self.assert_never_served(server, zmq.REQ, pickle.dumps(LIST, 4), **options)
        with self.subTest("protocol 2"):
            self.assert_never_served(server, zmq.DEALER, HELLO, **options)


class Keys(CurveTest):
    def test_generated_keys(self):
        """Tests that what `generate-keys` prints is a pair of ZeroMQ's own."""
        run = subprocess.run([BINARY, "generate-keys"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             check=True, timeout=DEADLINE_SECONDS)
        public, private = (re.search(rf"^{kind} key: (\S{{40}})$", run.stdout, re.MULTILINE).group(1)
                           for kind in ("public", "private"))
        self.assertEqual(zmq.curve_public(private.encode()).decode(), public)
        self.assert_served_with_key(self.start_with_key(private), public)

    def test_keys_of_zeromq(self):
        public, private = (key.decode() for key in zmq.curve_keypair())
        self.assert_served_with_key(self.start_with_key(private), public)

    def test_keys_of_the_prototype(self):
        public, private = (key.decode() for key in generate_keys())
        self.assert_served_with_key(self.start_with_key(private, "--require-encryption"), public)

    def test_a_key_in_the_environment(self):
        public, private = (key.decode() for key in zmq.curve_keypair())
        self.assert_served_with_key(self.start_server(REMOFILE_PRIVATE_KEY=private), public)


class Encrypted(CurveTest):
    def setUp(self):
        super().setUp()
        public, private = zmq.curve_keypair()
        self.public_key = public.decode()
        self.server = self.start_with_key(private.decode())

    def req(self, token=TOKEN):
        return self.socket(zmq.REQ, self.server.port, token, **curve_options(self.public_key))

    def test_the_prototypes_client_with_a_key(self):
        """The library knows no keys itself; its socket can be given one."""
        client = self.prototype(self.server.port)
        address = client.socket_address
        client.socket.disconnect(address)
        for name, value in curve_options(self.public_key).items():
            setattr(client.socket, name, value)
        client.socket.connect(address)
        content = write(self.local / "source", 100_000)
        client.upload_file(self.local / "source", "/", chunk_size=8192)
        client.download_file("/source", self.local, name="back", chunk_size=8192)
        self.assertEqual((self.local / "back").read_bytes(), content)

    def test_transfers_of_protocol_2(self):
        content = write(self.local / "source", 3 << 20)
        client = zeromq_client.Client("127.0.0.1", self.server.port, TOKEN, self.public_key)
        self.addCleanup(client.close)
        client.upload(self.local / "source", "/")
        self.assertTrue((self.root / "source").read_bytes() == content, "uploaded content differs")
        (self.local / "source").unlink()
        client.download("/source", self.local)
        self.assertTrue((self.local / "source").read_bytes() == content, "downloaded content differs")

    def test_a_wrong_token(self):
        kind, reason, message = self.ask(self.req("wrong"), *LIST)
        self.assertEqual((kind, reason), (ERROR, Reason.UNKNOWN_ERROR))
        with self.assertRaisesRegex(zeromq_client.Failed, "wrong-token"):
            zeromq_client.Client("127.0.0.1", self.server.port, "wrong", self.public_key)
        self.assert_served_with_key(self.server, self.public_key)

    def test_clients_in_clear_are_never_served(self):
        self.assert_never_served_by_either_protocol(self.server)
        self.assert_served_with_key(self.server, self.public_key)

    def test_clients_with_another_key_are_never_served(self):
        other, _ = zmq.curve_keypair()
        self.assert_never_served_by_either_protocol(self.server, **curve_options(other.decode()))
        self.assert_served_with_key(self.server, self.public_key)

    def test_other_mechanisms_are_never_served(self):
        self.assert_never_served_by_either_protocol(self.server, plain_username=b"user", plain_password=TOKEN.encode())
        self.assert_served_with_key(self.server, self.public_key)


class RequiredEncryption(CurveTest):
    def test_clients_in_clear_are_never_served(self):
        self.assert_never_served_by_either_protocol(self.start_server("--require-encryption"))

    def test_clients_with_a_key_are_never_served_without_one(self):
        public, _ = zmq.curve_keypair()
        for options in ((), ("--require-encryption",)):
            with self.subTest(options=options):
                server = self.start_server(*options)
                self.assert_never_served_by_either_protocol(server, **curve_options(public.decode()))


if __name__ == "__main__":
    unittest.main()
