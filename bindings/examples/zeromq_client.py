"""An example client of Remofile's protocol 2 over ZeroMQ, written from docs/protocol.md alone.

It needs pyzmq and cbor2. REMOFILE_TOKEN is the token; with REMOFILE_PUBLIC_KEY everything is encrypted (CURVE).

    zeromq_client.py HOST PORT list [DIRECTORY] | upload FILE [DIRECTORY] | download PATH [LOCAL-DIRECTORY]
"""
import contextlib, hashlib, io, os, stat, sys, time  # noqa: E401
import cbor2
import zmq

LIST, UPLOAD, DOWNLOAD = 1, 5, 6  # requests
DATA, CREDIT, CANCEL, PING, PONG, FINISH, GOODBYE = range(16, 23)  # signals of either side, or of the client
DONE, FAILED, ENTRIES, ITEM_FAILED = range(32, 36)  # signals of the server
BEGIN, BYTES, END, ABORT, NOT_SENT = range(1, 6)  # items of a data message
SOURCE_CHANGED = 12
ERRORS = """other not-found already-exists not-a-file not-a-directory not-empty invalid-name outside-root
    permission-denied read-only no-space file-too-large source-changed integrity-failure busy cancelled shutting-down
    unsupported bad-request too-many disk-failure link-loop into-itself out-of-resources cross-device skipped occupied
    no-match bad-pattern partial-changed""".split()
REFUSALS = ["accepted", *"""wrong-token unsupported-version encryption-required key-required wrong-key no-key
    too-many-sessions shutting-down malformed-handshake no-session""".split()]
PAYLOAD = 262_144  # Bytes in a message. Small, for a message that is still on its way is not heard.
RESERVE = 65_536  # Credit that is left unused.
FIRST_CREDIT, WINDOW = 1_048_576, 16_777_216
PING_SECONDS, SILENCE_SECONDS = 3, 10


class Failed(Exception):
    """What the user must be told."""


class Client:
    """A session; one operation at a time."""

    def __init__(self, host, port, token, public_key=None, name="example"):
        self.number = self.credit = self.used = 0  # operation; what may be sent; what was received since a grant
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger, self.socket.sndtimeo, self.socket.maxmsgsize = 0, SILENCE_SECONDS * 1000, 2 * PAYLOAD
        if public_key:
            self.socket.curve_publickey, self.socket.curve_secretkey = zmq.curve_keypair()  # Nobody knows this one.
            self.socket.curve_serverkey = public_key.encode()
        self.socket.connect(f"tcp://{host}:{port}")
        hello = {0: 2, 1: 2, 2: "zeromq_client.py/1", 3: name, 4: PAYLOAD, 5: token, 6: 1}  # 6: digests are SHA-256
        self.socket.send(cbor2.dumps(["remofile", hello]))
        if not self.socket.poll(SILENCE_SECONDS * 1000):
            raise Failed(f"no answer from {host}:{port}: no server, or not the server of this public key")
        magic, answer = cbor2.loads(self.socket.recv_multipart()[0])
        if magic != "remofile" or answer[0] != 0:
            raise Failed(f"refused: {named(REFUSALS, answer[0])}")
        self.payload = min(PAYLOAD, answer[2][2])  # What both sides take in one message.

    def close(self):
        with contextlib.suppress(zmq.ZMQError):
            self.send(GOODBYE, {}, number=0)
            self.socket.close(linger=1000)  # The goodbye may take a second to leave.

    def list(self, directory):
        """Yields name, kind (0 file, 1 directory, 2 link), size and seconds since 1970."""
        with self.operation(LIST, {0: directory}):
            self.send(CREDIT, {0: WINDOW - FIRST_CREDIT})
            while (message := self.receive())[0] == ENTRIES:
                payload, listed = io.BytesIO(message[2]), []
                while payload.tell() < len(message[2]):
                    listed.append(cbor2.load(payload))
                for tag, entry, *_ in listed:
                    if tag == 1:
                        raise Failed(describe(entry))
                    yield entry[0].rpartition("/")[2], entry[1], entry[2], entry[3][0] + entry[3][1] / 1e9
                self.consumed(len(message[2]))

    def upload(self, source, directory):
        name, digest, sent = os.path.basename(source), hashlib.sha256(), 0
        with open(source, "rb") as file, self.operation(UPLOAD, {0: directory}):
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Failed(f"{source}: not a regular file")
            self.send_data([BEGIN, name, status.st_size, list(divmod(status.st_mtime_ns, 10**9)), None])
            while block := file.read(self.payload):
                self.send_data([BYTES, len(block)], block)
                digest.update(block)
                sent += len(block)
            unchanged = sent == status.st_size and os.fstat(file.fileno()).st_mtime_ns == status.st_mtime_ns
            self.send_data([END, digest.digest()[:16]] if unchanged else [ABORT, {0: SOURCE_CHANGED}])
            self.send(FINISH, {})
            self.receive()
            if not unchanged:
                raise Failed(f"{source}: changed while it was sent")

    def download(self, source, directory):
        name = source.rstrip("/").rpartition("/")[2]
        target = os.path.join(directory, name)
        temporary, digest = os.path.join(directory, f".{name}.{os.getpid()}.part"), hashlib.sha256()
        if not name or os.path.lexists(target):
            raise Failed(f"{target}: is there already")
        complete, time_ns = False, None
        with open(temporary, "xb") as file, removed(temporary), self.operation(DOWNLOAD, {0: [source], 3: WINDOW}):
            while (message := self.receive())[0] == DATA:
                position, cost = 0, len(message[2])
                for tag, *fields in message[1][0]:
                    cost += 32
                    if tag == BEGIN and fields[0] == name:  # No other path: it is not for the server to choose.
                        cost += len(name.encode())
                        time_ns = fields[2] and fields[2][0] * 10**9 + fields[2][1]
                    elif tag == BYTES:
                        block = message[2][position:position + fields[0]]
                        position += fields[0]
                        file.write(block)
                        digest.update(block)
                    elif tag == END and fields[0] == digest.digest()[:16]:
                        complete = True
                    elif tag in (ABORT, NOT_SENT):
                        raise Failed(describe(fields[0]))
                    else:
                        raise Failed(f"{source}: did not arrive as it was sent (item {tag})")
                self.consumed(cost)
            if not complete:
                raise Failed(f"{source}: the server did not send it")
            file.close()
            if time_ns is not None:
                os.utime(temporary, ns=(time_ns, time_ns))
            os.rename(temporary, target)

    @contextlib.contextmanager
    def operation(self, kind, body):
        """Starts an operation, and cancels it if the block fails; one that is over ignores that."""
        self.number, self.credit, self.used = self.number + 1, FIRST_CREDIT, 0
        self.heard = time.monotonic()
        self.next_ping = self.heard + PING_SECONDS
        self.send(kind, body)
        try:
            yield
        except BaseException:
            self.send(CANCEL, {})
            raise

    def send(self, kind, body, payload=b"", number=None):
        header = cbor2.dumps({0: self.number if number is None else number, 1: [kind, body]})
        self.socket.send_multipart([header, payload] if payload else [header])

    def send_data(self, item, payload=b""):
        """Sends one item when there is credit for it, and learns first whether something failed."""
        cost = len(payload) + 32 + (len(item[1].encode()) if item[0] == BEGIN else 0)
        while self.credit < cost + RESERVE or self.socket.poll(0):
            self.step()
        self.credit -= cost
        self.send(DATA, {0: [item]}, payload)

    def consumed(self, cost):
        """Grants the server new credit when a quarter of the window is used."""
        self.used += cost
        if self.used >= WINDOW // 4:
            self.send(CREDIT, {0: self.used})
            self.used = 0

    def receive(self):
        """The next kind, body and payload that the operation is about."""
        while (message := self.step())[0] not in (DONE, DATA, ENTRIES):
            pass
        return message

    def step(self):
        """Waits for one message, does what it asks of every client, and returns its kind, body and payload."""
        while not self.socket.poll(max(0, self.next_ping - time.monotonic()) * 1000):
            if time.monotonic() > self.heard + SILENCE_SECONDS:
                raise Failed(f"the server has been silent for {SILENCE_SECONDS} s")
            self.send(PING, {}, number=0)
            self.next_ping = time.monotonic() + PING_SECONDS
        frames, self.heard = self.socket.recv_multipart(), time.monotonic()
        header, payload = cbor2.loads(frames[0]), frames[1] if len(frames) > 1 else b""
        if isinstance(header, list):  # No message, but another answer to a hello.
            raise Failed(f"the session is lost: {named(REFUSALS, header[1][0])}")
        number, (kind, body, *_) = header[0], header[1]
        if kind == PING:
            self.send(PONG, {}, number=0)
        elif kind == GOODBYE:
            raise Failed("the server has ended the session")
        elif number != self.number:
            return None, None, b""  # The end of an operation that was cancelled, or a pong.
        elif kind == CREDIT:
            self.credit += body[0]
        elif kind in (FAILED, ITEM_FAILED):
            raise Failed(describe(body[0]))
        return kind, body, payload


@contextlib.contextmanager
def removed(path):
    """Leaves no such file behind."""
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)


def named(names, number):
    return names[number] if number < len(names) else f"number {number}"


def describe(failure):
    holders = ", ".join(f"{holder[0]} ({holder[2]})" for holder in failure.get(3, []))
    return ": ".join(filter(None, [failure.get(1), named(ERRORS, failure[0]), failure.get(2), holders]))


def main(host, port, command, *arguments):
    client = None
    try:
        client = Client(host, port, os.environ["REMOFILE_TOKEN"], os.environ.get("REMOFILE_PUBLIC_KEY"))
        if command == "list":
            for name, kind, size, seconds in client.list(*arguments or ["/"]):
                print(f"{'FDL'[kind] if kind < 3 else 'S'} {size:>12} {seconds:.0f} {name!r}")
        elif command in ("upload", "download"):
            path, destination = [*arguments, "/" if command == "upload" else "."][:2]
            getattr(client, command)(path, destination)
        else:
            raise Failed(__doc__)
    except (Failed, OSError, zmq.ZMQError) as error:
        sys.exit(str(error))
    finally:
        if client:
            client.close()


if __name__ == "__main__":
    if len(sys.argv) < 4 or "REMOFILE_TOKEN" not in os.environ:
        sys.exit(__doc__)
    main(*sys.argv[1:])
