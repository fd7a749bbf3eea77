"""A client of Remofile's protocol 2 over ZeroMQ, written from docs/protocol.md alone. The token is in REMOFILE_TOKEN;
with REMOFILE_PUBLIC_KEY, the server's, everything is encrypted. Usage: zeromq_client.py HOST PORT COMMAND, which is
list [DIRECTORY], upload FILE [DIRECTORY] or download PATH [LOCAL-DIRECTORY]."""
import contextlib, hashlib, io, os, sys, tempfile
import cbor2, zmq

LIST, UPLOAD, DOWNLOAD = 1, 5, 6  # requests
DATA, CREDIT, CANCEL, PING, PONG, FINISH, GOODBYE = range(16, 23)  # signals of either side, or of the client
DONE, FAILED, ENTRIES, ITEM_FAILED = range(32, 36)  # signals of the server
BEGIN, BYTES, END = range(1, 4)  # items of a data message
ERRORS = {1: "not-found", 2: "already-exists", 4: "not-a-directory", 6: "invalid-name", 13: "integrity-failure", 14: "busy"}
REFUSALS = {1: "wrong-token", 2: "unsupported-version", 7: "too-many-sessions", 8: "shutting-down", 10: "no-session"}
PAYLOAD = 262_144  # Bytes in a message. Small, as one that is still on its way is not heard.
RESERVE, FIRST_CREDIT, WINDOW, SILENCE_SECONDS = 65_536, 1_048_576, 16_777_216, 10

class Failed(Exception): """A problem that the user must be told."""
class Client:  # A session; one operation at a time.
    def __init__(self, host, port, token, public_key=None, name="example"):
        self.number = 0  # of the operation
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger, self.socket.maxmsgsize = 0, 2 * PAYLOAD
        self.socket.sndtimeo = self.socket.rcvtimeo = SILENCE_SECONDS * 1000
        if public_key:
            self.socket.curve_publickey, self.socket.curve_secretkey = zmq.curve_keypair()  # Nobody knows this one.
            self.socket.curve_serverkey = public_key.encode()
        self.socket.connect(f"tcp://{host}:{port}")
        hello = {0: 2, 1: 2, 2: "zeromq_client.py/1", 3: name, 4: PAYLOAD, 5: token, 6: 1}  # 6: digests are SHA-256
        self.socket.send(cbor2.dumps(["remofile", hello]))
        (_, answer), _ = self.next_message()
        self.payload = min(PAYLOAD, answer[2][2])  # what both sides take in one message

    def close(self):
        self.send(GOODBYE, {}, number=0)
        self.socket.close(linger=1000)  # The goodbye may take a second to leave.
    def list(self, directory="/"):
        with self.operation(LIST, {0: directory}):
            self.send(CREDIT, {0: WINDOW - FIRST_CREDIT})
            while (message := self.receive())[0] == ENTRIES:
                payload = io.BytesIO(message[2])
                while payload.tell() < len(message[2]):
                    tag, entry, *_ = cbor2.load(payload)
                    if tag == 1:
                        raise Failed(describe(entry))
                    yield entry

    def upload(self, source, directory="/"):
        with open(source, "rb") as file, self.operation(UPLOAD, {0: directory}):
            status, digest = os.fstat(file.fileno()), hashlib.sha256()
            self.send_item([BEGIN, os.path.basename(source), status.st_size, divmod(status.st_mtime_ns, 10**9), None])
            while block := file.read(self.payload):
                self.send_item([BYTES, len(block)], block)
                digest.update(block)
            self.send_item([END, digest.digest()[:16]])
            self.send(FINISH, {})
            self.receive()

    def download(self, source, directory="."):
        name, digest, complete = source.rpartition("/")[2], hashlib.sha256(), False
        with tempfile.TemporaryDirectory(prefix=".", dir=directory) as staging:
            temporary = os.path.join(staging, name)
            with open(temporary, "xb") as file, self.operation(DOWNLOAD, {0: [source], 3: WINDOW}):
                while (message := self.receive())[0] == DATA:
                    payload = io.BytesIO(message[2])
                    for tag, *fields in message[1][0]:
                        if tag == BYTES:
                            digest.update(block := payload.read(fields[0]))
                            file.write(block)
                        elif tag == END and fields[0] == digest.digest()[:16]:
                            complete = True
                        elif tag != BEGIN:  # It was aborted, not sent at all, or not as it should be.
                            raise Failed("did not arrive as it was sent" if tag == END else describe(fields[0]))
            if not complete:
                raise Failed(f"{source}: was not sent to its end")
            os.link(temporary, os.path.join(directory, name))  # It takes nobody's place, as a rename might.

    @contextlib.contextmanager
    def operation(self, kind, body):
        """Starts an operation, and cancels it if the block fails (which the server ignores if it was over)."""
        self.number, self.credit, self.used = self.number + 1, FIRST_CREDIT, 0
        self.send(kind, body)
        try:
            yield
        except BaseException:
            self.send(CANCEL, {})
            raise

    def send(self, kind, body, payload=b"", number=None):
        header = cbor2.dumps({0: self.number if number is None else number, 1: [kind, body]})
        self.socket.send_multipart([header, payload] if payload else [header])

    def send_item(self, item, payload=b""):
        """Sends one item when there is credit for it, and learns first whether something failed."""
        while self.credit < cost([item], payload) + RESERVE or self.socket.poll(0):
            self.step()
        self.credit -= cost([item], payload)
        self.send(DATA, {0: [item]}, payload)

    def next_message(self):
        try:
            header, payload, *_ = *self.socket.recv_multipart(), b""
        except zmq.Again:
            raise Failed(f"the server has been silent for {SILENCE_SECONDS} s (is the public key right?)") from None
        header = cbor2.loads(header)
        if isinstance(header, list) and header[1][0] != 0:  # An answer to a hello, or to what belongs to no session.
            raise Failed(f"the server refuses: {REFUSALS.get(header[1][0], header[1][0])}")
        return header, payload

    def receive(self):
        """The next kind, body and payload that are not the protocol's own affair."""
        return next(message for message in iter(self.step, None) if message[0] in (DONE, DATA, ENTRIES))

    def step(self):
        """Waits for one message, does what every client must do with it, and returns its kind, body and payload."""
        header, payload = self.next_message()
        number, (kind, body, *_) = header[0], header[1]
        if kind == PING:  # The server sends one every 3 s: a client that answers need not send its own.
            self.send(PONG, {}, number=0)
        elif kind == GOODBYE:
            raise Failed("the server has ended the session")
        elif number != self.number:
            return None, None, b""  # It was still on its way for an operation that was cancelled.
        elif kind == CREDIT:
            self.credit += body[0]
        elif kind in (FAILED, ITEM_FAILED):
            raise Failed(describe(body[0]))
        elif kind in (DATA, ENTRIES):
            self.used += cost(body.get(0, []), payload)
            if self.used >= WINDOW // 4:
                self.used = self.send(CREDIT, {0: self.used}) or 0
        return kind, body, payload

def cost(items, payload):  # what a message takes of the credit of its sender
    return len(payload) + sum(32 + (len(item[1].encode()) if item[0] == BEGIN else 0) for item in items)
def describe(failure):
    reason, holders = ERRORS.get(failure[0], f"error {failure[0]}"), (holder[0] for holder in failure.get(3, []))
    return ": ".join(filter(None, [failure.get(1), reason, failure.get(2), *holders]))

if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[3] not in ("list", "upload", "download"):
        sys.exit(__doc__)
    try:
        host, port, command, *paths = sys.argv[1:] if sys.argv[4:] else [*sys.argv[1:], "/"]
        token, public_key = os.environ.get("REMOFILE_TOKEN", ""), os.environ.get("REMOFILE_PUBLIC_KEY")
        with contextlib.closing(Client(host, port, token, public_key)) as client:
            done = getattr(client, command)(*paths)
            for path, kind, size, (modified, _), *_ in map(dict.values, done or []):
                print("FDLS"[min(kind, 3)], f"{size:>12}", modified, ascii(path.rpartition("/")[2]))
    except (Failed, OSError, zmq.ZMQError) as error:
        sys.exit(f"zeromq_client.py: {error}")
