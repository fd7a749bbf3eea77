"""An example client of Remofile's protocol 2 over ZeroMQ, written from docs/protocol.md alone.

REMOFILE_TOKEN is the token; with REMOFILE_PUBLIC_KEY, the server's, everything is encrypted (CURVE).

    zeromq_client.py HOST PORT list [DIRECTORY] | upload FILE [DIRECTORY] | download PATH [LOCAL-DIRECTORY]
"""
import contextlib, hashlib, io, os, sys, time
import cbor2, zmq

LIST, UPLOAD, DOWNLOAD = 1, 5, 6  # requests
DATA, CREDIT, CANCEL, PING, PONG, FINISH, GOODBYE = range(16, 23)  # signals of either side, or of the client
DONE, FAILED, ENTRIES, ITEM_FAILED = range(32, 36)  # signals of the server
BEGIN, BYTES, END, ABORT, NOT_SENT = range(1, 6)  # items of a data message
ERRORS = dict(enumerate("""other not-found already-exists not-a-file not-a-directory not-empty invalid-name outside-root
    permission-denied read-only no-space file-too-large source-changed integrity-failure busy cancelled shutting-down
    unsupported bad-request too-many disk-failure link-loop into-itself out-of-resources cross-device skipped occupied
    no-match bad-pattern partial-changed""".split()))
REFUSALS = dict(enumerate("""accepted wrong-token unsupported-version encryption-required key-required wrong-key no-key
    too-many-sessions shutting-down malformed-handshake no-session""".split()))
REFUSALS[None] = "no answer: there is no server, or it wants a public key, or has another one"
PAYLOAD = 262_144  # Bytes in a message. Small, for one that is still on its way is not heard.
RESERVE, FIRST_CREDIT, WINDOW, PING_SECONDS, SILENCE_SECONDS = 65_536, 1_048_576, 16_777_216, 3, 10

class Failed(Exception):
    """What the user must be told."""

class Client:
    """A session; one operation at a time."""

    def __init__(self, host, port, token, public_key=None, name="example"):
        self.number = 0  # of the operation
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger, self.socket.sndtimeo, self.socket.maxmsgsize = 0, SILENCE_SECONDS * 1000, 2 * PAYLOAD
        if public_key:
            self.socket.curve_publickey, self.socket.curve_secretkey = zmq.curve_keypair()  # Nobody knows this one.
            self.socket.curve_serverkey = public_key.encode()
        self.socket.connect(f"tcp://{host}:{port}")
        hello = {0: 2, 1: 2, 2: "zeromq_client.py/1", 3: name, 4: PAYLOAD, 5: token, 6: 1}  # 6: digests are SHA-256
        self.socket.send(cbor2.dumps(["remofile", hello]))
        answered = self.socket.poll(SILENCE_SECONDS * 1000)
        answer = cbor2.loads(self.socket.recv())[1] if answered else {0: None}
        if answer[0] != 0:
            self.socket.close()
            raise Failed(f"{host}:{port}: {REFUSALS.get(answer[0], answer[0])}")
        self.payload = min(PAYLOAD, answer[2][2])  # what both sides take in one message

    def close(self):
        self.send(GOODBYE, {}, session=True)
        self.socket.close(linger=1000)  # The goodbye may take a second to leave.

    def list(self, directory):
        """Yields the entries of a directory."""
        with self.operation(LIST, {0: directory}):
            self.send(CREDIT, {0: WINDOW - FIRST_CREDIT})
            while (message := self.receive())[0] == ENTRIES:
                payload = io.BytesIO(message[2])
                while payload.tell() < len(message[2]):
                    tag, entry, *_ = cbor2.load(payload)
                    if tag == 1:
                        raise Failed(describe(entry))
                    yield entry

    def upload(self, source, directory):
        with open(source, "rb") as file, self.operation(UPLOAD, {0: directory}):
            name, status, digest = os.path.basename(source), os.fstat(file.fileno()), hashlib.sha256()
            self.send_data([BEGIN, name, status.st_size, list(divmod(status.st_mtime_ns, 10**9)), None])
            while block := file.read(self.payload):
                self.send_data([BYTES, len(block)], block)
                digest.update(block)
            whole = file.tell() == status.st_size  # else somebody writes to it
            self.send_data([END, digest.digest()[:16]] if whole else [ABORT, {0: 12}])
            self.send(FINISH, {})
            if self.receive()[1][0].get(0) != 1:
                raise Failed(f"{source}: changed while it was sent")

    def download(self, source, directory):
        name, digest, time_ns, complete = source.rpartition("/")[2], hashlib.sha256(), None, False
        target, temporary = os.path.join(directory, name), os.path.join(directory, f".{name}.{os.getpid()}.part")
        if os.path.lexists(target):
            raise Failed(f"{target}: is there already")
        try:
            with open(temporary, "xb") as file, self.operation(DOWNLOAD, {0: [source], 3: WINDOW}):
                while (message := self.receive())[0] == DATA:
                    payload = io.BytesIO(message[2])
                    for tag, *fields in message[1][0]:
                        if tag == BEGIN and fields[0] == name:  # No other path: that is not for the server to choose.
                            time_ns = fields[2] and fields[2][0] * 10**9 + fields[2][1]
                        elif tag == BYTES:
                            block = payload.read(fields[0])
                            digest.update(block)
                            file.write(block)
                        elif tag in (ABORT, NOT_SENT):
                            raise Failed(describe(fields[0]))
                        elif tag != END or fields[0] != digest.digest()[:16]:
                            raise Failed(f"{source}: did not arrive as it was sent (item {tag})")
                        complete = tag == END
            if not complete:
                raise Failed(f"{source}: was not sent to its end")
            if time_ns is not None:
                os.utime(temporary, ns=(time_ns, time_ns))
            os.rename(temporary, target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(temporary)

    @contextlib.contextmanager
    def operation(self, kind, body):
        """Starts an operation, and cancels it if the block fails (which the server ignores if it was over)."""
        self.number, self.credit, self.used = self.number + 1, FIRST_CREDIT, 0
        self.heard = self.pinged = time.monotonic()
        self.send(kind, body)
        try:
            yield
        except BaseException:
            self.send(CANCEL, {})
            raise

    def send(self, kind, body, payload=b"", session=False):
        header = cbor2.dumps({0: 0 if session else self.number, 1: [kind, body]})
        self.socket.send_multipart([header, payload] if payload else [header])

    def send_data(self, item, payload=b""):
        """Sends one item when there is credit for it, and learns first whether something failed."""
        while self.credit < cost([item], payload) + RESERVE or self.socket.poll(0):
            self.step()
        self.credit -= cost([item], payload)
        self.send(DATA, {0: [item]}, payload)

    def receive(self):
        """The next kind, body and payload that are not the protocol's own affair."""
        while (message := self.step())[0] not in (DONE, DATA, ENTRIES):
            pass
        return message

    def step(self):
        """Waits for one message, does what every client must do with it, and returns its kind, body and payload."""
        came = False
        while not came:
            came = self.socket.poll(500)
            if not came and time.monotonic() > self.heard + SILENCE_SECONDS:
                raise Failed(f"the server has been silent for {SILENCE_SECONDS} s")
            if time.monotonic() > self.pinged + PING_SECONDS:
                self.pinged = time.monotonic()
                self.send(PING, {}, session=True)
        (header, *rest), self.heard = self.socket.recv_multipart(), time.monotonic()
        header, payload = cbor2.loads(header), rest[0] if rest else b""
        if isinstance(header, list):  # No message, but another answer to a hello.
            raise Failed(f"the session is lost: {REFUSALS.get(header[1][0], header[1][0])}")
        number, (kind, body, *_) = header[0], header[1]
        if kind == PING:
            self.send(PONG, {}, session=True)
        elif kind == GOODBYE:
            raise Failed("the server has ended the session")
        elif number != self.number:
            return None, None, b""  # a pong, or what was still on its way of a cancelled operation
        elif kind == CREDIT:
            self.credit += body[0]
        elif kind in (FAILED, ITEM_FAILED):
            raise Failed(describe(body[0]))
        elif kind in (DATA, ENTRIES):
            self.used += cost(body.get(0, []), payload)
            if self.used >= WINDOW // 4:
                self.send(CREDIT, {0: self.used})
                self.used = 0
        return kind, body, payload

def cost(items, payload):
    """What a message takes of the credit of its sender."""
    return len(payload) + sum(32 + (len(item[1].encode()) if item[0] == BEGIN else 0) for item in items)

def describe(failure):
    holders = ", ".join(f"{holder[0]} ({holder[2]})" for holder in failure.get(3, []))
    return ": ".join(filter(None, [failure.get(1), ERRORS.get(failure[0], "other"), failure.get(2), holders]))

def main(host, port, command, path="/", destination=None):
    destination = destination or {"upload": "/", "download": "."}.get(command)
    client = Client(host, port, os.environ["REMOFILE_TOKEN"], os.environ.get("REMOFILE_PUBLIC_KEY"))
    try:
        if command == "list":
            for entry in client.list(path):
                print("FDLS"[min(entry[1], 3)], f"{entry[2]:>12}", entry[3][0], ascii(entry[0].rpartition("/")[2]))
        else:
            {"upload": client.upload, "download": client.download}[command](path, destination)
    finally:
        client.close()

if __name__ == "__main__":
    try:
        main(*sys.argv[1:]) if sys.argv[3:4] in (["list"], ["upload"], ["download"]) else sys.exit(__doc__)
    except (Failed, OSError, zmq.ZMQError) as error:
        sys.exit(f"zeromq_client.py: {error}")
