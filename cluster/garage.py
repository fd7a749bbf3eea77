"""A cluster of Garage nodes on this machine, with one bucket: the object store of the trials.

`python3 garage.py DIRECTORY [--nodes N] [--replication N]` starts one and keeps it until it is interrupted, for trials by hand. It
prints the variables that Remofile, rclone and the AWS command line take.
"""

import argparse
import os
import secrets
import signal
import sys
import time
from pathlib import Path

from processes import Failed, Group, Process, find_program, free_ports, run

BUCKET = "remofile"
REGION = "garage"
READY_SECONDS = 60
CONFIGURATION = """\
metadata_dir = "{place}/meta"
data_dir = "{place}/data"
db_engine = "{engine}"
metadata_fsync = false
replication_factor = {replication}
compression_level = "none"
rpc_bind_addr = "127.0.0.1:{rpc}"
rpc_public_addr = "127.0.0.1:{rpc}"
rpc_secret = "{secret}"

[s3_api]
s3_region = "{region}"
api_bind_addr = "127.0.0.1:{api}"
root_domain = ".s3.garage.localhost"
"""


def garage_binary():
    """The program: `GARAGE` may say where it is."""
    home = Path.home()
    return find_program("garage", os.environ.get("GARAGE"), "/tmp/garage/bin/garage", home / ".cargo/bin/garage")


class Garage(Group):
    """Nodes on free ports of loopback, laid out as one cluster, and a bucket with a key for it."""

    scheme = "s3"

    def __init__(self, directory, nodes=3, replication=3, engine="lmdb"):
        super().__init__()
        self.binary, self.directory = garage_binary(), Path(directory)
        self.replication, self.engine = min(replication, nodes), engine
        self.access_key, self.secret_key = "GK" + secrets.token_hex(12), secrets.token_hex(32)
        self.rpc_secret = secrets.token_hex(32)
        ports = free_ports(2 * nodes)
        self.api_ports, self.rpc_ports = ports[:nodes], ports[nodes:]

    def __enter__(self):
        try:
            for number in range(len(self.api_ports)):
                self._start(number)
            self._join()
            self._make_bucket()
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def endpoints(self):
        return [f"http://127.0.0.1:{port}" for port in self.api_ports]

    def environment(self, node=0):
        """The variables of clients of a node."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key, "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": self.endpoints[node],
        }

    def rclone_settings(self, node=0):
        """The settings of rclone for a node."""
        return {
            "TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": self.endpoints[node], "REGION": REGION, "FORCE_PATH_STYLE": "true",
            "ACCESS_KEY_ID": self.access_key, "SECRET_ACCESS_KEY": self.secret_key,
        }

    def command(self, node, *arguments):
        """Runs a command of Garage's own at a node; what it says."""
        return run([self.binary, "-c", self._place(node) / "garage.toml", *arguments])

    def wait_until_healthy(self):
        """Waits until every node sees all others."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                seen = self.command(0, "status").split("FAILED NODES")[0].count("127.0.0.1:")
            except Failed as error:
                seen = str(error)
            if seen == len(self.processes):
                return
            if time.monotonic() > deadline:
                raise Failed(f"the nodes of Garage do not see each other: {seen} of {len(self.processes)}")
            time.sleep(0.2)

    def _place(self, number):
        return self.directory / f"node{number}"

    def _start(self, number):
        place = self._place(number)
        place.mkdir(parents=True)
        configuration = place / "garage.toml"
        configuration.write_text(CONFIGURATION.format(
            place=place, engine=self.engine, replication=self.replication, rpc=self.rpc_ports[number],
            api=self.api_ports[number], secret=self.rpc_secret, region=REGION,
        ))
        configuration.chmod(0o600)
        environment = {**os.environ, "RUST_LOG": "garage=info"}
        process = Process(
            f"Garage node {number}", [self.binary, "-c", configuration, "server"], place / "log", self.api_ports[number],
            environment,
        )
        self.processes.append(process)
        process.start()

    def _join(self):
        nodes = [self.command(number, "node", "id", "-q").strip() for number in range(len(self.processes))]
        for node in nodes[1:]:
            self.command(0, "node", "connect", node)
        self.wait_until_healthy()
        for number, node in enumerate(nodes):
            identifier = node.split("@")[0]
            self.command(0, "layout", "assign", "-z", f"zone{number}", "-c", "100G", identifier)
        self.command(0, "layout", "apply", "--version", "1")

    def _make_bucket(self):
        self.command(0, "key", "import", "--yes", "-n", "trial", self.access_key, self.secret_key)
        self.command(0, "bucket", "create", BUCKET)
        self.command(0, "bucket", "allow", "--read", "--write", "--owner", BUCKET, "--key", "trial")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--replication", type=int, default=3)
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        with Garage(arguments.directory, arguments.nodes, arguments.replication) as garage:
            for name, value in garage.environment().items():
                print(f"export {name}={value}")
            print(f"# the bucket is {BUCKET}; all nodes: {' '.join(garage.endpoints)}", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
