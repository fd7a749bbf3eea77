"""Programs that do the same work as Remofile: each a server of its own on a free port of this machine, and its client.

A peer that is not installed, or that cannot be started by this user, is left out with a word. `Peer.commands` has what its client
is called with for each piece of work; what it cannot do it has no command for.
"""

import os
import re
import secrets
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from harness import Failed, Server
from machine import find

START_SECONDS = 15
STOP_SECONDS = 15
START_ATTEMPTS = 5
QUIET_SSH = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes")


@dataclass(frozen=True)
class Places:
    """A directory that every server serves. `sources` has what is moved; `arrived` is where it goes, in both directions."""

    root: Path

    @property
    def sources(self):
        return self.root / "sources"

    @property
    def arrived(self):
        return self.root / "arrived"


@dataclass(frozen=True)
class Command:
    """The arguments that a client is called with."""

    words: list
    environment: dict = field(default_factory=dict)
    standard_input: str = ""


class Peer:
    """A program with its server. `needs` are the programs without which it is left out."""

    name = ""
    protection = "plain"
    needs = ()

    def __init__(self, places):
        self.places = places
        self.process = None

    def missing(self):
        """The first program that is not installed, else None."""
        return next((program for program in self.needs if find(program) is None), None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @property
    def commands(self):
        """The command for each piece of work that this program can do."""
        raise NotImplementedError


class Copy(Peer):
    """`cp`, which has no server and no line: what the file system itself costs."""

    name, protection, needs = "cp", "local", ("cp",)

    @property
    def commands(self):
        one, many, arrived = self.places.sources / "one" / "large", self.places.sources / "small", self.places.arrived
        return {
            **dict.fromkeys(("large up", "large down"), Command(["cp", one, arrived])),
            **dict.fromkeys(("small up", "small down"), Command(["cp", "-r", many, arrived])),
        }


class FlushedCopy(Copy):
    """`cp`, and then everything onto the disk, as Remofile does it by default."""

    name, needs = "cp, then sync -f", ("cp", "sync")

    @property
    def commands(self):
        return {work: Command(["sh", "-c", f"{shlex.join(map(str, command.words))} && sync -f {shlex.quote(str(self.places.arrived))}"])
                for work, command in super().commands.items()}


class Remofile(Peer):
    """The program that is measured, with its default settings."""

    name, protection = "Remofile", "encrypted"

    def __init__(self, places, binary):
        super().__init__(places)
        self.binary = binary
        self._server = Server(binary, places.root)

    def __enter__(self):
        self._server.__enter__()
        self.process = self._server.process
        return self

    def __exit__(self, *error):
        self._server.__exit__(*error)

    @property
    def port_and_token(self):
        return self._server.port, self._server.environment["REMOFILE_TOKEN"]

    @property
    def commands(self):
        sources, arrived = self.places.sources, self.places.arrived
        # A path below the working directory is relative, so that it is certain which of both is the remote one.
        here = os.path.relpath(arrived / "one")
        words = {
            "large up": ["upload", sources / "one" / "large", "/arrived"],
            "large down": ["download", "/sources/one/large", arrived],
            "small up": ["upload", "-r", sources / "small", "/arrived"],
            "small down": ["download", "-r", "/sources/small", arrived],
            "unchanged up": ["sync", "local", sources / "small", "/arrived/small"],
            "edited up": ["sync", "local", sources / "one", "/arrived/one"],
            "edited down": ["sync", "remote", "/sources/one", here],
            "shifted up": ["sync", "local", sources / "one", "/arrived/one"],
        }
        return {work: Command([self.binary, *command], self._server.environment) for work, command in words.items()}


class Daemon(Peer):
    """A peer whose server is a program in the foreground."""

    def __enter__(self):
        self._scratch = tempfile.TemporaryDirectory(prefix="remofile-peer-")
        try:
            for _ in range(START_ATTEMPTS):
                # Another process may take the port before the server does.
                self.port = free_port()
                self._errors = Path(self._scratch.name, "errors")
                with self._errors.open("w") as errors:
                    self.process = subprocess.Popen(
                        list(map(str, self.server(Path(self._scratch.name)))), stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True,
                    )
                if self._listens():
                    return self
            raise Failed(f"the server of {self.name} does not start: {self._errors.read_text().strip()}")
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._scratch.cleanup()

    def server(self, scratch):
        """Writes the settings of the server into a directory of its own; returns what it is called with."""
        raise NotImplementedError

    def _listens(self):
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            except OSError:
                if time.monotonic() > deadline:
                    raise Failed(f"the server of {self.name} does not listen after {START_SECONDS} s") from None
                time.sleep(0.01)
        return False


class Rsync(Daemon):
    """rsync and its daemon, whose password is a new one each time."""

    name, needs = "rsync daemon", ("rsync",)
    options = ()

    def server(self, scratch):
        self._password = secrets.token_hex(16)
        users = scratch / "users"
        users.touch(mode=0o600)
        users.write_text(f"bench:{self._password}\n", encoding="utf-8")
        lines = ["use chroot = no", "reverse lookup = no", f"log file = {scratch / 'log'}"]
        lines += ["uid = 0", "gid = 0"] if os.geteuid() == 0 else []
        lines += ["[bench]", f"path = {self.places.root}", "read only = no", "auth users = bench", f"secrets file = {users}"]
        settings = scratch / "rsyncd.conf"
        settings.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [find("rsync"), "--daemon", "--no-detach", "--address=127.0.0.1", f"--port={self.port}", f"--config={settings}"]

    def remote(self, path):
        return f"rsync://bench@127.0.0.1:{self.port}/bench/{path}"

    @property
    def commands(self):
        return rsync_commands(self.places, self.remote, self.options, {"RSYNC_PASSWORD": self._password})


def rsync_commands(places, remote, options, environment=None):
    sources, arrived = places.sources, places.arrived
    words = {
        "large up": [sources / "one" / "large", remote("arrived/")],
        "large down": [remote("sources/one/large"), f"{arrived}/"],
        "small up": [sources / "small", remote("arrived/")],
        "small down": [remote("sources/small"), f"{arrived}/"],
        "unchanged up": [sources / "small", remote("arrived/")],
        "edited up": ["--no-whole-file", f"{sources / 'one'}/", remote("arrived/one/")],
        "edited down": ["--no-whole-file", remote("sources/one/"), f"{arrived / 'one'}/"],
        "shifted up": ["--no-whole-file", f"{sources / 'one'}/", remote("arrived/one/")],
    }
    return {work: Command(["rsync", "-a", *options, *command], environment or {}) for work, command in words.items()}


class FlushingRsync(Rsync):
    """rsync that has each file on the disk before it goes on, as it can only."""

    name, options = "rsync daemon, --fsync", ("--fsync",)


class Ssh(Daemon):
    """OpenSSH's server with keys of its own, for the programs that work over it."""

    protection = "encrypted"

    def server(self, scratch):
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", scratch / name], check=True)
        if os.geteuid() == 0:
            # It does not start without, and only root can make it.
            os.makedirs("/run/sshd", exist_ok=True)
        settings = scratch / "sshd_config"
        settings.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {scratch / 'host'}\nAuthorizedKeysFile {scratch / 'user.pub'}\n"
            "PermitRootLogin yes\nStrictModes no\nUsePAM no\nPidFile none\nSubsystem sftp internal-sftp\n"
        )
        self.key = scratch / "user"
        # It wants to be called by its whole path.
        return [find("sshd"), "-D", "-f", settings]

    @property
    def options(self):
        return [word for option in (*QUIET_SSH, f"IdentityFile={self.key}") for word in ("-o", option)]


class RsyncOverSsh(Ssh):
    name, needs = "rsync over ssh", ("rsync", "ssh", "ssh-keygen", "sshd")

    @property
    def commands(self):
        shell = shlex.join(["ssh", "-p", str(self.port), *self.options])
        return rsync_commands(self.places, lambda path: f"127.0.0.1:{self.places.root}/{path}", ("-e", shell))


class Scp(Ssh):
    name, needs = "scp", ("scp", "ssh", "ssh-keygen", "sshd")

    @property
    def commands(self):
        start = ["scp", "-q", "-r", "-P", str(self.port), *self.options]
        sources, arrived = self.places.sources, self.places.arrived
        large, small = sources / "one" / "large", sources / "small"
        return {
            "large up": Command([*start, large, f"127.0.0.1:{arrived}/"]),
            "large down": Command([*start, f"127.0.0.1:{large}", arrived]),
            "small up": Command([*start, small, f"127.0.0.1:{arrived}/"]),
            "small down": Command([*start, f"127.0.0.1:{small}", arrived]),
        }


class Sftp(Ssh):
    name, needs = "sftp", ("sftp", "ssh", "ssh-keygen", "sshd")

    @property
    def commands(self):
        start = ["sftp", "-q", "-b", "-", "-P", str(self.port), *self.options, "127.0.0.1"]
        sources, arrived = self.places.sources, self.places.arrived
        large, small = sources / "one" / "large", sources / "small"
        lines = {
            "large up": f"put {large} {arrived}/large",
            "large down": f"get {large} {arrived}/large",
            "small up": f"put -R {small} {arrived}/",
            "small down": f"get -R {small} {arrived}/",
        }
        return {work: Command(start, standard_input=f"{line}\n") for work, line in lines.items()}


class Rclone(Ssh):
    name, needs = "rclone over sftp", ("rclone", "ssh", "ssh-keygen", "sshd")

    @property
    def commands(self):
        environment = {
            "RCLONE_SFTP_HOST": "127.0.0.1", "RCLONE_SFTP_PORT": str(self.port), "RCLONE_SFTP_USER": user(),
            "RCLONE_SFTP_KEY_FILE": str(self.key), "RCLONE_SFTP_DISABLE_HASHCHECK": "true", "RCLONE_CONFIG": os.devnull,
        }
        sources, arrived = self.places.sources, self.places.arrived
        large, small = sources / "one" / "large", sources / "small"
        words = {
            "large up": [large, f":sftp:{arrived}"],
            "large down": [f":sftp:{large}", arrived],
            "small up": [small, f":sftp:{arrived}/small"],
            "small down": [f":sftp:{small}", arrived / "small"],
            "unchanged up": [small, f":sftp:{arrived}/small"],
        }
        return {work: Command(["rclone", "copy", *command], environment) for work, command in words.items()}


class Ftp(Daemon):
    """vsftpd, with curl for one file and lftp for many."""

    name, needs = "vsftpd", ("vsftpd", "curl")

    def missing(self):
        # An anonymous user needs the directory that is served, which only its own user can give away.
        return super().missing() or (None if os.geteuid() == 0 else "the administrator's rights for vsftpd")

    def server(self, scratch):
        settings = scratch / "vsftpd.conf"
        settings.write_text(
            f"listen=YES\nlisten_address=127.0.0.1\nlisten_port={self.port}\nanonymous_enable=YES\nlocal_enable=NO\nwrite_enable=YES\n"
            "anon_upload_enable=YES\nanon_mkdir_write_enable=YES\nanon_other_write_enable=YES\nanon_umask=022\nno_anon_password=YES\n"
            f"anon_root={self.places.root}\nallow_writeable_chroot=YES\nftp_username={user()}\nseccomp_sandbox=NO\n"
            "run_as_launching_user=YES\nconnect_from_port_20=NO\nbackground=NO\n"
        )
        settings.chmod(0o600)
        return [find("vsftpd"), settings]

    @property
    def commands(self):
        root = self.places.root
        sources, arrived = self.places.sources, self.places.arrived
        # It does not confine itself to its root as it runs with the rights of its own user.
        url = f"ftp://127.0.0.1:{self.port}/{root}"
        found = {
            "large up": Command(["curl", "-sS", "-T", sources / "one" / "large", f"{url}/arrived/large"]),
            "large down": Command(["curl", "-sS", "-o", arrived / "large", f"{url}/sources/one/large"]),
        }
        if find("lftp"):
            start = f"set ftp:use-allo no; open -u ftp,x ftp://127.0.0.1:{self.port}"
            mirrors = {
                "small up": f"mirror -R -P 4 {sources / 'small'} {arrived / 'small'}",
                "small down": f"mirror -P 4 {sources / 'small'} {arrived / 'small'}",
                "unchanged up": f"mirror -R -P 4 {sources / 'small'} {arrived / 'small'}",
            }
            found |= {work: Command(["lftp", "-c", f"{start}; {mirror}"]) for work, mirror in mirrors.items()}
        return found


EVERY_PEER = (Copy, Rsync, RsyncOverSsh, Scp, Sftp, Ftp, Rclone)
ON_DISKS = (FlushedCopy, FlushingRsync)


def user():
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def short(name):
    """A name as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
