"""Azurite on this machine, which stands for Azure's storage of blobs, with one container: a second object store of the trials."""

import os
from pathlib import Path

from garage import BUCKET
from processes import Group, Process, find_program, free_ports
from rclone import Rclone

REPOSITORY = Path(__file__).resolve().parent.parent
# Where `make cluster-setup` installs it.
PLACE = REPOSITORY / "target" / "azurite"
VERSION = "3.35.0"
ACCOUNT = "devstoreaccount1"
# The one that every Azurite has, and its documentation tells.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def azurite_program():
    """The program: `AZURITE` may say where it is."""
    return find_program("azurite-blob", os.environ.get("AZURITE"), PLACE / "node_modules" / ".bin" / "azurite-blob")


class Azurite(Group):
    """One on a free port of loopback, which has everything in memory."""

    scheme = "az"

    def __init__(self, directory):
        super().__init__()
        self.directory, (port,) = Path(directory), free_ports(1)
        self.endpoints = [f"http://127.0.0.1:{port}/{ACCOUNT}"]
        command = [
            azurite_program(), "--blobPort", port, "--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry",
        ]
        # It leaves a file in the directory that it is started in.
        command = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", self.directory, *command]
        self.process = Process("Azurite", command, self.directory / "log", port, says="successfully listens")
        self.processes.append(self.process)

    def __enter__(self):
        self.directory.mkdir(parents=True)
        try:
            self.process.start()
            Rclone(self).run("mkdir", f"store:{BUCKET}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def environment(self, _node=0):
        """The variables of servers."""
        return {"AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY}

    def rclone_settings(self, _node=0):
        return {"TYPE": "azureblob", "USE_EMULATOR": "true", "ENDPOINT": self.endpoints[0], "ACCOUNT": ACCOUNT, "KEY": KEY}
