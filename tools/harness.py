"""The harness of the demonstration and the measurements: a server, its client, and files to move."""

import os
import queue
import re
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

MIB = 1 << 20
REPOSITORY = Path(__file__).resolve().parent.parent
RELEASE_BINARY = REPOSITORY / "target" / "release" / "remofile"
START_SECONDS = 15
STOP_SECONDS = 15
EXPORT = re.compile(r"\bexport\s+(REMOFILE_[A-Z_]+)=(.*)$")
SERVING = re.compile(r"Serving .* on \S*:([0-9]+)$")


class Failed(Exception):
    """Something that the user of a script must be told; no bug in the script."""


def parse_export(line):
    """The name and value in a line `export NAME=VALUE` as a shell reads it, else None."""
    match = EXPORT.search(line)
    if match is None:
        return None
    try:
        words = shlex.split(match.group(2), comments=True)
    except ValueError:
        return None
    return match.group(1), words[0] if words else ""


def parse_serving(line):
    """The port in the line `Serving DIRECTORY on ADDRESS:PORT`, as the variable of that name, else None."""
    match = SERVING.match(line)
    return match and ("REMOFILE_PORT", match.group(1))


class Server:
    """`remofile run DIRECTORY 0` on a free port, ended with the `with` block: with a generated token, unless options say which."""

    start_seconds, stop_seconds = START_SECONDS, STOP_SECONDS

    def __init__(self, binary, directory, *options):
        self.binary, self.directory, self.options = Path(binary), Path(directory), options
        self.environment = {}

    def __enter__(self):
        if not self.binary.is_file():
            raise Failed(f"{self.binary} is missing: build it with 'make build'")
        self._configuration = tempfile.TemporaryDirectory()
        self._errors = tempfile.TemporaryFile(mode="w+")
        command = [self.binary, "run", *self.options, self.directory, "0"]
        # A session of its own: Ctrl-C reaches the script alone, which then ends the server.
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env=self._clean_environment(), start_new_session=True,
        )
        try:
            self._read_exports()
        except BaseException:
            self.process.kill()
            self._close()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            status = self._stop()
            if status != 0 and kind is None:
                raise Failed(f"the server ended with status {status} instead of 0{self._said()}")
        finally:
            self._close()

    def run(self, *arguments):
        """Runs the client and returns its standard output; Failed if its exit status is not 0."""
        return self.run_for_both(*arguments)[0]

    def run_for_both(self, *arguments):
        """As run, but returns what it wrote to standard output and to standard error."""
        process = subprocess.Popen(self._command(arguments), env=self.environment, **PIPES)
        try:
            output, errors = process.communicate()
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.returncode != 0:
            shown = " ".join(map(str, arguments))
            raise Failed(f"'remofile {shown}' ended with status {process.returncode}:\n{errors.strip()}{self._said()}")
        return output, errors

    def timed(self, *arguments):
        """As run, but returns the seconds from process start to exit."""
        start = time.perf_counter()
        self.run(*arguments)
        return time.perf_counter() - start

    def start_client(self, *arguments):
        """Starts the client without waiting for it."""
        return subprocess.Popen(self._command(arguments), env=self.environment, **PIPES)

    def _command(self, arguments):
        return [self.binary, *map(str, arguments)]

    def _clean_environment(self):
        """The caller's environment without settings of Remofile, so that no profile interferes."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REMOFILE_")}
        return {**kept, "XDG_CONFIG_HOME": self._configuration.name}

    def _read_exports(self):
        lines = queue.Queue()
        self._reader = threading.Thread(target=forward_lines, args=(self.process.stdout, lines), daemon=True)
        self._reader.start()
        deadline = time.monotonic() + self.start_seconds
        found = {}
        # A server of many tokens cannot know which one a client has.
        wanted = {"REMOFILE_PORT"} if "--tokens" in self.options else {"REMOFILE_PORT", "REMOFILE_TOKEN"}
        while not wanted <= found.keys():
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise Failed(f"the server did not print its port and token within {self.start_seconds} s{self._said()}") from None
            if line is None:
                raise Failed(f"the server ended at once with status {self.process.wait()}{self._said()}")
            name, value = parse_export(line) or parse_serving(line) or (None, None)
            if name:
                found[name] = value
        self.environment = {**self._clean_environment(), **found, "REMOFILE_HOSTNAME": "127.0.0.1"}

    @property
    def port(self):
        return self.environment["REMOFILE_PORT"]

    def _stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(self.stop_seconds)
        except BaseException as error:
            self.process.kill()
            self.process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise Failed(f"the server did not end within {self.stop_seconds} s of SIGTERM") from None
            raise

    def _said(self):
        self._errors.seek(0)
        text = self._errors.read().strip()
        return f"\nthe server said:\n{text}" if text else ""

    def _close(self):
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        self._errors.close()
        self._configuration.cleanup()


PIPES = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


def forward_lines(stream, lines):
    for line in stream:
        lines.put(line)
    lines.put(None)


def end_on_signals():
    """Lets SIGTERM and SIGHUP unwind the script as Ctrl-C does, so that everything is cleaned up."""

    def interrupt(_number, _frame):
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def write_random_file(path, size):
    """Writes `size` random bytes, holding one MiB in memory."""
    with open(path, "wb") as file:
        for offset in range(0, size, MIB):
            file.write(os.urandom(min(MIB, size - offset)))


def compare(expected, actual):
    """Compares two files or trees byte by byte; returns how many files and bytes are equal."""
    if not expected.is_dir():
        return 1, compare_files(expected, actual)
    wanted, found = set(relative_paths(expected)), set(relative_paths(actual))
    if wanted != found:
        raise Failed(f"{actual} differs from {expected} in {sorted(map(str, wanted ^ found))[:5]}")
    sizes = [compare_files(expected / name, actual / name) for name in wanted if not (expected / name).is_dir()]
    return len(sizes), sum(sizes)


def relative_paths(tree):
    return (path.relative_to(tree) for path in tree.rglob("*"))


def compare_files(expected, actual):
    size = 0
    if not actual.is_file():
        raise Failed(f"{actual} is missing")
    with open(expected, "rb") as one, open(actual, "rb") as other:
        while True:
            block = one.read(MIB)
            if block != other.read(MIB):
                raise Failed(f"{actual} differs from {expected} within the MiB at byte {size}")
            if not block:
                return size
            size += len(block)


def peak_memory_bytes(pid):
    """Peak resident memory of a process so far; None once it has ended.

    Not ru_maxrss, which for a child never falls below the peak of the process that started it.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    match = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(match.group(1)) * 1024 if match else None
