"""A proxy between a client and a server that does harm to single connections: at which bytes is up to its caller."""

import socket
import struct
import threading

PIECE_BYTES = 64 * 1024
RESET = struct.pack("ii", 1, 0)
# For so long a piece that is to come second waits for the one that is to come first.
REORDER_SECONDS = 0.3


class Broken(Exception):
    """The end of a connection that a filter wants."""


class Filter:
    """One direction of one connection: passes everything on, as it comes."""

    def __init__(self):
        self.passed = 0
        # Set by the proxy: when it is, nobody is there any more to wait for.
        self.over = threading.Event()

    def feed(self, data):
        """Yields what arrives of the bytes that were sent; raises Broken to end the connection."""
        self.passed += len(data)
        yield data

    def flush(self):
        """Yields what was held back, when nothing more came for a while or at all."""
        return ()

    def is_holding(self):
        """True if something is held back."""
        return False


class At(Filter):
    """A filter that does something before the byte of this number, once."""

    def __init__(self, at):
        super().__init__()
        self.at, self.is_done = at, False

    def feed(self, data):
        before = self.at - self.passed
        if self.is_done or before >= len(data):
            yield from super().feed(data)
            return
        yield from super().feed(data[:before])
        self.is_done = True
        self.passed += len(data) - before
        yield from self.harm(data[before:])

    def harm(self, data):
        """Yields what arrives in place of bytes, of which there is at least one."""
        raise NotImplementedError


class Cut(At):
    """Resets the connection."""

    def harm(self, data):
        raise Broken


class Freeze(At):
    """Passes nothing on for some seconds, or, without a number, until the connection is given up."""

    def __init__(self, at, seconds=None):
        super().__init__(at)
        self.seconds = seconds

    def harm(self, data):
        if self.over.wait(self.seconds) or self.seconds is None:
            raise Broken
        yield data


class Flip(At):
    """Changes a byte: the bits of the mask are flipped."""

    def __init__(self, at, mask=1):
        super().__init__(at)
        self.mask = mask

    def harm(self, data):
        yield bytes([data[0] ^ self.mask]) + data[1:]


class Duplicate(At):
    """Has some bytes come twice."""

    def __init__(self, at, length):
        super().__init__(at)
        self.length = length

    def harm(self, data):
        yield data[: self.length] + data


class Reorder(At):
    """Has some bytes come behind as many that follow them."""

    def __init__(self, at, length):
        super().__init__(at)
        self.length, self.held = length, b""

    def feed(self, data):
        if self.held:
            self.passed += len(data)
            yield from self.harm(data)
        else:
            yield from super().feed(data)

    def harm(self, data):
        self.held += data
        if len(self.held) >= 2 * self.length:
            first, second = self.held[: self.length], self.held[self.length : 2 * self.length]
            rest, self.held = self.held[2 * self.length :], b""
            yield second + first + rest

    def flush(self):
        held, self.held = self.held, b""
        return (held,) if held else ()

    def is_holding(self):
        return bool(self.held)


class Proxy:
    """A proxy on a free port, for a `with` block; `conduct(number)` gives the filters, up and down, of each connection."""

    def __init__(self, target, conduct):
        # The port of the server; None once it is gone, since any other process may get it then.
        self.target, self.conduct = int(target), conduct
        self.connections = 0
        self._lock, self._open, self._threads = threading.Lock(), set(), []

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_):
        # Wakes the thread that accepts, which a mere close does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            still_open = list(self._open)
        for connection in still_open:
            connection.end()
        for thread in self._threads:
            thread.join(60)

    def _start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            server = self._connect()
            if server is None:
                # The server is gone, as the client is to see.
                client.close()
                continue
            filters = self.conduct(self.connections)
            self.connections += 1
            connection = Connection(client, server, filters)
            with self._lock:
                self._open.add(connection)
            self._start(self._run, connection)

    def _connect(self):
        target = self.target
        try:
            return None if target is None else socket.create_connection(("127.0.0.1", target))
        except OSError:
            return None

    def _run(self, connection):
        connection.run()
        with self._lock:
            self._open.discard(connection)


class Connection:
    """Both directions of one connection."""

    def __init__(self, client, server, filters):
        self.sockets = (client, server)
        for end in self.sockets:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.directions = [(client, server, filters[0]), (server, client, filters[1])]
        self._lock, self._is_over = threading.Lock(), False

    def run(self):
        pumps = [threading.Thread(target=self._pump, args=direction, daemon=True) for direction in self.directions]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        for end in self.sockets:
            end.close()

    def end(self, is_reset=False):
        """Ends the connection, on both sides and in both directions."""
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
        for _, _, passing in self.directions:
            passing.over.set()
        for end in self.sockets:
            try:
                if is_reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _pump(self, source, sink, passing):
        try:
            while data := self._receive(source, sink, passing):
                for piece in passing.feed(data):
                    sink.sendall(piece)
            for piece in passing.flush():
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except Broken:
            self.end(is_reset=True)
        except OSError:
            self.end()
        # A frozen direction is not waited for by a side that has gone: it would never hear of it.
        passing.over.set()
        for _, _, other in self.directions:
            if isinstance(other, Freeze):
                other.over.set()

    @staticmethod
    def _receive(source, sink, passing):
        source.settimeout(REORDER_SECONDS if passing.is_holding() else None)
        try:
            return source.recv(PIECE_BYTES)
        except TimeoutError:
            for piece in passing.flush():
                sink.sendall(piece)
            source.settimeout(None)
            return source.recv(PIECE_BYTES)
