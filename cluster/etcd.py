"""An etcd on this machine: the coordinator of the trials."""

import os
from pathlib import Path

from processes import Group, Process, find_program, free_ports


class Etcd(Group):
    """One member on free ports of loopback. A trial that stops its time has cut every server off from the coordinator."""

    def __init__(self, directory):
        super().__init__()
        self.directory = Path(directory)
        self.client_port, self.peer_port = free_ports(2)
        clients, peers = f"http://127.0.0.1:{self.client_port}", f"http://127.0.0.1:{self.peer_port}"
        command = [
            find_program("etcd"), "--name", "trial", "--data-dir", self.directory / "data", "--listen-client-urls", clients,
            "--advertise-client-urls", clients, "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
            "--initial-cluster", f"trial={peers}",
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ETCD_")}
        self.process = Process("etcd", command, self.directory / "log", self.client_port, environment)
        self.processes.append(self.process)

    def __enter__(self):
        self.directory.mkdir(parents=True)
        try:
            self.process.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def address(self):
        return f"etcd://127.0.0.1:{self.client_port}"
