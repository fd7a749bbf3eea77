"""Remofile servers in front of one bucket, and what their clients need."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from garage import BUCKET
from processes import Failed, Group, Process, free_ports, run

CLIENT_SECONDS = 120


class Servers(Group):
    """`remofile run s3://BUCKET/PREFIX PORT` as often as wanted, each with a node of Garage of its own; at Azurite `az://`."""

    def __init__(self, binary, directory, garage, prefix, count=1, coordinator=None, options=()):
        super().__init__()
        self.binary, self.directory, self.garage, self.prefix = Path(binary), Path(directory), garage, prefix
        self.ports, self.coordinator, self.options = free_ports(count), coordinator, options
        self.token, self._home = None, None

    def __enter__(self):
        self.directory.mkdir(parents=True)
        self._home = tempfile.TemporaryDirectory(prefix="remofile-cluster-")
        try:
            self.token = run([self.binary, "generate-token"]).strip()
            for number in range(len(self.ports)):
                self._start(number)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        super().__exit__()
        if self._home:
            self._home.cleanup()

    def root(self):
        return f"{self.garage.scheme}://{BUCKET}/{self.prefix}"

    def _start(self, number):
        garage = self.garage
        node = number % len(garage.endpoints)
        coordinator = ["--coordinator", f"{self.coordinator}/{self.prefix}"] if self.coordinator else []
        command = [
            self.binary, "run", "--endpoint", garage.endpoints[node], *coordinator, *self.options, self.root(), self.ports[number],
        ]
        environment = {**clean_environment(self._home.name), **garage.environment(node), "REMOFILE_TOKEN": self.token}
        # The variable would name a second endpoint.
        environment.pop("AWS_ENDPOINT_URL", None)
        log = self.directory / f"server{number}.log"
        process = Process(f"server {number}", command, log, self.ports[number], environment, "Serving ")
        self.processes.append(process)
        process.start()

    def environment(self, *numbers):
        """The variables of clients of these servers, by default of all."""
        numbers = numbers or range(len(self.ports))
        hosts = ",".join(f"127.0.0.1:{self.ports[number]}" for number in numbers)
        return {**clean_environment(self._home.name), "REMOFILE_HOSTNAME": hosts, "REMOFILE_TOKEN": self.token}

    def client(self, *arguments, servers=(), seconds=CLIENT_SECONDS):
        """Runs the client, which must succeed; what it wrote to standard output."""
        done = self.attempt(*arguments, servers=servers, seconds=seconds)
        if done.returncode != 0:
            shown = " ".join(str(argument) for argument in arguments)
            raise Failed(f"'remofile {shown}' ended with status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def attempt(self, *arguments, servers=(), seconds=CLIENT_SECONDS):
        """Runs the client, which may fail."""
        return subprocess.run(
            [str(word) for word in (self.binary, *arguments)], env=self.environment(*servers), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=seconds, check=False,
        )

    def timed(self, *arguments, servers=(), seconds=600):
        """As client, but returns the seconds from process start to exit."""
        start = time.perf_counter()
        self.client(*arguments, servers=servers, seconds=seconds)
        return time.perf_counter() - start


def clean_environment(home):
    """The caller's environment without settings of Remofile and of object stores, and with a home of its own."""
    foreign = ("REMOFILE_", "AWS_", "AZURE_", "RCLONE_", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_STATE_HOME": f"{home}/state"}
