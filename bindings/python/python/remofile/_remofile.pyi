"""The native half: kept by hand, checked by stubtest."""

import os
from collections.abc import Callable, Sequence
from typing import Optional, final

from remofile._settings import Interest, Settings

__version__: str

# Path, kind, size in bytes, time, permission bits, whether it is a link.
_Row = tuple[str, str, int, float, Optional[int], bool]
_Message = tuple[bytes, list[bytes]]
# Methods of that name are in the way.
_List = list
_Path = str | os.PathLike[str]

@final
class Interrupt:
    def __new__(cls) -> Interrupt: ...
    def trigger(self) -> None: ...
    @property
    def is_triggered(self) -> bool: ...

@final
class Report:
    """What a transfer did."""

    @property
    def files(self) -> int: ...
    @property
    def directories(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def present(self) -> int: ...
    @property
    def resumed_bytes(self) -> int: ...
    @property
    def sent_bytes(self) -> int: ...
    @property
    def received_bytes(self) -> int: ...
    @property
    def deleted(self) -> int: ...
    @property
    def skipped(self) -> list[str]: ...

@final
class NativeClient:
    def __new__(
        cls,
        hostname: str,
        port: int,
        token: str,
        public_key: Optional[str],
        protocol: int,
        plain: bool,
        wait: Optional[float],
    ) -> NativeClient: ...
    def after_fork(self) -> NativeClient: ...
    def disconnect(self) -> None: ...
    def list(
        self, path: str, recursive: bool, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> tuple[_List[_Row], _List[str]]: ...
    def stat(self, path: str, timeout: Optional[int], interrupt: Optional[Interrupt]) -> _Row: ...
    def create_file(
        self, path: str, update: bool, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> None: ...
    def make_directory(
        self, path: str, update: bool, parents: bool, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> None: ...
    def remove(
        self, path: str, recursive: bool, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> tuple[int, int]: ...
    def rename(
        self, source: str, destination: str, replace: bool, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> None: ...
    def status(
        self, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> tuple[str, int, _List[str], int, str, float]: ...
    def upload(
        self,
        sources: Sequence[tuple[_Path, _Path, Optional[str]]],
        destination: str,
        settings: Settings,
        interest: Interest,
        timeout: Optional[int],
        interrupt: Optional[Interrupt],
    ) -> Report: ...
    def download(
        self,
        base: str,
        sources: Sequence[tuple[str, Optional[str]]],
        destination: _Path,
        settings: Settings,
        interest: Interest,
        timeout: Optional[int],
        interrupt: Optional[Interrupt],
    ) -> Report: ...
    def synchronize(
        self,
        is_upload: bool,
        local: _Path,
        path: str,
        settings: Settings,
        interest: Interest,
        timeout: Optional[int],
        interrupt: Optional[Interrupt],
    ) -> Report: ...
    def read(self, path: str, timeout: Optional[int], interrupt: Optional[Interrupt]) -> bytes: ...
    def write(
        self, path: str, content: bytes, replace: bool, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> None: ...
    def clear_partials(self, path: str, timeout: Optional[int], interrupt: Optional[Interrupt]) -> int: ...

@final
class NativeServer:
    def __new__(
        cls,
        root: _Path,
        token: str,
        private_key: Optional[str],
        file_size_limit: int,
        chunk_size_range: tuple[int, int],
        read_only: bool,
        require_encryption: bool,
    ) -> NativeServer: ...
    def run(
        self,
        port: int,
        address: Optional[str],
        listening: Callable[[list[int]], object],
        logged: Callable[[], object],
    ) -> None: ...
    def start(self, port: int, address: Optional[str]) -> list[int]: ...
    def stop(self) -> None: ...
    def terminate(self) -> None: ...
    def handler(self) -> NativeHandler: ...

@final
class NativeHandler:
    def handle(self, identity: bytes, frames: Sequence[bytes]) -> list[_Message]: ...
    def replies(self) -> list[_Message]: ...
    def timeout(self) -> Optional[int]: ...
    def fileno(self) -> int: ...
    def is_stopped(self) -> bool: ...

def generate_token() -> str: ...
def generate_keys() -> tuple[bytes, bytes]: ...
def check_token(text: str) -> None: ...
def check_file_name(name: str) -> Optional[str]: ...
def clear_local_partials(directory: _Path, path: str) -> int: ...
def take_logs() -> list[tuple[int, str]]: ...
