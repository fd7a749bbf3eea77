"""Shows a server with many users: a drop box and a token that may only read, and what both are refused."""

import subprocess

from harness import Failed, Server

#: Exit status of what a token has no right to.
REFUSED = 3


def demonstrate_people(binary, directory, show, note):
    """Serves a directory to two users. `show` prints a command, `note` anything else."""
    served, letter = directory / "shared", directory / "letter.txt"
    for name in ("inbox", "press"):
        (served / name).mkdir(parents=True)
    letter.write_text("Dear reader\n")
    (served / "press" / "news.txt").write_text("Nothing new\n")
    file = directory / "tokens.toml"
    people = People(binary, file, show, note)

    # Both are made before the server starts, but each is shown where it is used.
    scanner = people.add("scanner", "--rights", "upload", "--below", "/inbox")
    press = people.add("press", "--rights", "read", "--below", "/press")
    with Server(binary, served, "--tokens", file) as server:
        note("A drop box:")
        people.show_added(scanner)
        people.run(server, scanner, "upload", letter)
        people.refused(server, scanner, "read", "list")
        note("A token that may only read:")
        people.show_added(press)
        people.run(server, press, "cat", "/news.txt")
        people.refused(server, press, "create", "upload", letter)
    if [path.name for path in (served / "inbox").iterdir()] != [letter.name]:
        raise Failed("the letter is not in the drop box")


class People:
    """The commands of users who have a token each."""

    def __init__(self, binary, file, show, note):
        self.binary, self.file, self.show, self.note = binary, file, show, note
        self.commands = {}

    def add(self, name, *options):
        """Adds a token and returns it."""
        command = ["token", "add", name, *options]
        added = subprocess.run([self.binary, *command, "--tokens", self.file], capture_output=True, text=True)
        if added.returncode != 0:
            raise Failed(f"'remofile token add' ended with status {added.returncode}:\n{added.stderr.strip()}")
        token = added.stdout.strip()
        self.commands[token] = command
        return token

    def show_added(self, token):
        self.show(self.commands[token])
        self.note(f"    {token}")

    def run(self, server, token, *arguments):
        status, output, errors = self.try_to(server, token, *arguments)
        if status != 0:
            raise Failed(f"'remofile {arguments[0]}' ended with status {status}:\n{errors.strip()}")

    def refused(self, server, token, right, *arguments):
        status, _, errors = self.try_to(server, token, *arguments)
        if status != REFUSED or f"no right to {right}" not in errors:
            raise Failed(f"'remofile {arguments[0]}' was not refused, but ended with status {status}:\n{errors.strip()}")

    def try_to(self, server, token, *arguments):
        """Runs a command with a token; prints what it says."""
        self.show(arguments)
        environment = {**server.environment, "REMOFILE_TOKEN": token}
        command = [self.binary, *map(str, arguments)]
        ended = subprocess.run(command, capture_output=True, text=True, env=environment)
        for line in (ended.stdout + ended.stderr).splitlines():
            self.note(f"    {line}")
        return ended.returncode, ended.stdout, ended.stderr
