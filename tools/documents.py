#!/usr/bin/env python3
"""Runs what pages of the documentation tell people to type, and compares what they say it prints.

    tools/documents.py docs/tutorial.md ...          # with target/debug/remofile

In a page every fenced block is run, in the order of the page, in one place that it has for itself:

sh        commands, each of which must succeed
console   lines `$ COMMAND`, and what each prints, where the page shows anything; `...` stands for anything, within a line
          or for whole lines
python    a program of its own
toml      is read

A block that is indented is `sh`, or `console` if it begins with `$`. Lines that all say `[OPTIONS]` or the like are the form of commands,
and are not run.

Blocks of other languages are text. A comment in front of a block (`<!-- ... -->`, which no reader sees) says more:

server          the block is a server, which runs until the end of the page, until the next one starts, or until `<!-- no server -->`
fails 23        its last command ends with this status
input TEXT      what it reads from standard input
not run: WHY    it cannot be run here

A table behind `<!-- commands -->` has commands in its last column: each text in backquotes there that begins with `remofile` or `rmf`
is run. `<!-- before` with commands until `-->` makes what the page takes for granted. In all of it the port 6768 and the host
files.example.org are those of this machine, `~` is the place of the page, and directories of a machine such as /srv are in it.
"""

import argparse
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIECE = re.compile(
    r"^<!-- before\n(?P<before>.*?)^-->$"
    r"|^<!-- (?P<none>no server) -->$"
    r"|^<!-- commands -->\n(?P<table>(?:^\|[^\n]*\n)+)"
    r"|(?:^<!-- (?P<how>server|fails \d+|input [^\n]*|not run: [^\n]+?) -->\n\n?)?"
    r"(?:(?<=\n\n)(?P<block>(?: {4}[^\n]*\n)+(?:\n+(?: {4}[^\n]*\n)+)*)"
    r"|^(?P<indent> *)(?P<fence>```+)(?P<language>[\w-]*)[^\n]*\n(?P<code>.*?)^ *(?P=fence)$)",
    re.MULTILINE | re.DOTALL,
)
PROGRAMS = {"sh", "console", "python", "toml"}
# The form of a command, with what may be left out in brackets.
FORM = re.compile(r"(?:(?:remofile|rmf) [^\n]*\[-?-?\w[^\n]*\n)+")
SECONDS = 60
HOST = "files.example.org"
PORT = "6768"
# Directories of a machine that pages name, which are in the place of the page when they are run.
OF_THE_MACHINE = re.compile(r"(?<![\w.~/])(?=/(?:srv|var/log|run|home/me|etc/remofile)\b)")


class Wrong(Exception):
    """A page that tells what is not so."""


@dataclass
class Piece:
    """A block of a page, or what comes before all blocks."""

    line: int
    language: str
    code: str
    how: str

    @property
    def status(self):
        return int(self.how.removeprefix("fails ")) if self.how.startswith("fails ") else 0

    @property
    def input(self):
        return self.how.removeprefix("input ") + "\n" if self.how.startswith("input ") else ""


def pieces(text):
    """Returns what of a page is to be run, in its order."""
    for match in PIECE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["before"] is not None:
            yield Piece(line, "sh", match["before"], "")
        elif match["none"]:
            yield Piece(line, "", "", match["none"])
        elif match["table"]:
            for offset, row in enumerate(match["table"].splitlines(), 1):
                cell = re.split(r"(?<!\\)\|", row)[-2].replace("\\|", "|")
                for command in re.findall(r"`((?:remofile|rmf) [^`]+)`", cell):
                    yield Piece(line + offset, "sh", f"{command}\n", "")
        elif (match["how"] or "").startswith("not run: "):
            continue
        elif match["block"]:
            code = re.sub(r"^ {4}", "", match["block"], flags=re.MULTILINE)
            if FORM.fullmatch(code):
                continue
            yield Piece(line, "console" if code.startswith("$ ") else "sh", code, match["how"] or "")
        elif match["language"] in PROGRAMS:
            code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
            yield Piece(line, match["language"], code, match["how"] or "")


class Page:
    """The place in which the blocks of one page are run: a home, a shell whose variables and directory stay, a server."""

    def __init__(self, name, home, commands, python):
        self.name, self.home, self.python = name, home, python
        self.port, self.server = free_port(), None
        self.state = home / ".shell"
        self.state.write_text(f"cd {shlex.quote(str(home))}\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("REMOFILE_", "XDG_"))}
        self.environment = {
            **kept, "HOME": str(home), "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC",
        }

    def run(self, piece):
        code = re.sub(rf"(remofile://{HOST})(?!:)", rf"\1:{PORT}", piece.code)
        code = OF_THE_MACHINE.sub(str(self.home), code.replace(HOST, "localhost").replace(PORT, self.port))
        match piece.language:
            case _ if piece.how == "no server":
                self.end_server()
            case _ if piece.how == "server":
                self.serve(piece, code)
            case "sh":
                self.expect(piece, self.shell(code, piece.input), None)
            case "console":
                for command, shown in exchanges(code):
                    self.expect(piece, self.shell(command, piece.input), shown)
            case "python":
                # In the directory and with the variables of the shell.
                self.expect(piece, self.shell(f"{shlex.quote(str(self.python))} - <<'end of the program'\n{code}end of the program\n", ""), None)
            case "toml":
                tomllib.loads(code)

    def shell(self, code, given):
        """Runs commands where the ones before have left off; gives the status and everything that was printed."""
        script = f". {shlex.quote(str(self.state))}; set -eo pipefail; trap 'export -p >{self.state}; echo cd \"${{PWD@Q}}\" >>{self.state}' EXIT\n{code}"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.home, env=self.environment, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=SECONDS,
        )
        return done.returncode, done.stdout

    def expect(self, piece, done, shown):
        status, printed = done
        if status != piece.status:
            raise Wrong(f"{self.name}:{piece.line}: status {status} and not {piece.status}:\n{piece.code}{printed}")
        if shown and not matches(shown.replace("localhost", HOST), printed.replace("localhost", HOST)):
            raise Wrong(f"{self.name}:{piece.line}: the page shows\n{shown}\nand it prints\n{printed}")

    def serve(self, piece, code):
        self.end_server()
        # The port that is not named is the one of a page; a file of options names its own.
        port = "" if self.port in code or "server-config" in code else f" {self.port}"
        script = f". {shlex.quote(str(self.state))}; exec {code.strip()}{port}"
        self.server = subprocess.Popen(
            ["bash", "-c", script], cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )
        watchdog = threading.Timer(SECONDS, self.server.kill)
        watchdog.start()
        said = []
        try:
            for line in self.server.stdout:
                said.append(line)
                if f":{self.port}" in line:
                    break
            else:
                raise Wrong(f"{self.name}:{piece.line}: the server does not serve:\n{''.join(said)}")
        finally:
            watchdog.cancel()
        threading.Thread(target=self.server.stdout.read, daemon=True).start()

    def end_server(self):
        if self.server and self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(SECONDS)
        self.server = None

    def end(self):
        """Ends the servers of the page, those in the background, too, if it has not done so itself."""
        self.end_server()
        for pidfile in self.home.rglob("*.pid"):
            self.shell(f"remofile stop --pidfile {shlex.quote(str(pidfile))} || true", "")


def exchanges(code):
    """Each command of a `console` block with what the page shows that it prints."""
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, shown = re.match(r"((?:[^\n]*\\\n)*[^\n]*)\n(.*)", part, re.DOTALL).groups()
        yield command, shown.strip("\n")


def matches(shown, printed):
    """True if a text is what a page shows, in which `...` stands for anything."""
    pattern = "".join(".*" if part == "..." else re.escape(part) for part in re.split(r"(\.\.\.)", shown.strip()))
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.strip().splitlines()), re.DOTALL) is not None


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def run_page(path, commands, python=sys.executable):
    """Runs a page; gives how many blocks it has."""
    text = path.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="remofile-page-") as home:
        page = Page(path.name, Path(home), commands, python)
        try:
            found = list(pieces(text))
            for piece in found:
                page.run(piece)
        finally:
            page.end()
    return len(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    parser.add_argument("--commands", type=Path, default=ROOT / "target/debug", help="the directory of remofile and rmf")
    parser.add_argument("--python", default=sys.executable, help="a Python that has the package")
    arguments = parser.parse_args()
    for page in arguments.pages:
        try:
            print(f"{page}: {run_page(page, arguments.commands.resolve(), arguments.python)} blocks")
        except Wrong as wrong:
            sys.exit(str(wrong))


if __name__ == "__main__":
    main()
