"""The native half: kept by hand, checked by stubtest."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Optional, Union, final

from remofile._settings import Interest

__version__: str

# Path, kind, size in bytes, time, permission bits, whether it is a link.
_Row = tuple[str, str, int, float, Optional[int], bool]
# Path, kind of the entry itself, size in bytes, seconds and nanoseconds of its time, permission bits, target of a link.
_EntryRow = tuple[str, str, int, int, int, Optional[int], Optional[str]]
# Name, rights, directory, end, quota, file size limit, rate, sessions, last use, bytes used.
_Token = tuple[
    str,
    str,
    str,
    Optional[float],
    Optional[int],
    Optional[int],
    Optional[int],
    Optional[int],
    Optional[float],
    Optional[int],
]
_Message = tuple[bytes, list[bytes]]
# Methods of that name are in the way.
_List = list
_Path = str | os.PathLike[str]

@final
class Interrupt:
    def __new__(
        cls, mailbox: Optional[Mailbox] = None, ticket: int = 0, outer: Optional[Interrupt] = None
    ) -> Interrupt: ...
    def trigger(self) -> None: ...
    @property
    def is_triggered(self) -> bool: ...

@final
class Mailbox:
    def __new__(cls) -> Mailbox: ...
    def fileno(self) -> int: ...
    def take(self) -> list[tuple[int, Any, Optional[Exception]]]: ...

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
    @property
    def skipped_left_out(self) -> int: ...

@final
class NativeFile:
    def read(self, size: int, interrupt: Optional[Interrupt], offset: Optional[int] = None) -> bytes: ...
    def read_some(
        self, wanted: int, most: int, interrupt: Optional[Interrupt], offset: Optional[int] = None
    ) -> bytes: ...
    def read_ranges(self, ranges: Sequence[tuple[int, int]], interrupt: Optional[Interrupt]) -> _List[bytes]: ...
    def write(self, data: bytes, interrupt: Optional[Interrupt], offset: Optional[int] = None) -> int: ...
    def seek(self, offset: int, whence: int) -> int: ...
    def size(self, interrupt: Optional[Interrupt] = None) -> int: ...
    def tell(self) -> int: ...
    def truncate(self, size: int, interrupt: Optional[Interrupt]) -> None: ...
    def flush(self, interrupt: Optional[Interrupt]) -> None: ...
    def close(self, interrupt: Optional[Interrupt]) -> None: ...
    def abort(self) -> None: ...

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
        identity: Optional[_Path],
    ) -> NativeClient: ...
    def after_fork(self) -> NativeClient: ...
    def disconnect(self) -> None: ...
    def list(
        self, path: str, recursive: bool, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> tuple[_List[_Row], _List[str]]: ...
    def stat(self, path: str, timeout: Optional[int], interrupt: Optional[Interrupt]) -> _Row: ...
    def open(
        self,
        path: str,
        mode: str,
        strict: bool,
        follow: bool,
        timeout: Optional[int],
        interrupt: Optional[Interrupt],
    ) -> NativeFile: ...
    def read_ranges(
        self,
        ranges: Sequence[tuple[str, int, Optional[int]]],
        timeout: Optional[int],
        interrupt: Optional[Interrupt],
    ) -> _List[Union[bytes, BaseException]]: ...
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
    def scan(
        self, path: str, recursive: bool, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> tuple[_List[_EntryRow], _List[tuple[Optional[str], str]]]: ...
    def entry(
        self, path: str, follow: bool, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> _EntryRow: ...
    def copy(
        self,
        source: str,
        destination: str,
        recursive: bool,
        on_conflict: str,
        parents: bool,
        timeout: Optional[int],
        interrupt: Optional[Interrupt],
    ) -> Report: ...
    def make_link(
        self, path: str, target: str, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> None: ...
    def set_attributes(
        self,
        path: str,
        mode: Optional[int],
        modified: Optional[tuple[int, int]],
        timeout: Optional[int],
        interrupt: Optional[Interrupt],
    ) -> None: ...
    def status(self, timeout: Optional[int], interrupt: Optional[Interrupt]) -> dict[str, Any]: ...
    def usage(
        self, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> tuple[Optional[int], Optional[int], Optional[int]]: ...
    def disk_usage(
        self, path: str, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> tuple[int, int, int]: ...
    def hash(
        self, path: str, algorithm: str, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> str: ...
    def hashes(
        self, path: str, algorithm: str, timeout: Optional[int], interrupt: Optional[Interrupt]
    ) -> tuple[_List[tuple[str, str]], _List[str]]: ...
    def upload(
        self,
        sources: Sequence[tuple[_Path, _Path, Optional[str]]],
        destination: str,
        settings: dict[str, Any],
        interest: Interest,
        timeout: Optional[int],
        interrupt: Optional[Interrupt],
    ) -> Report: ...
    def download(
        self,
        base: str,
        sources: Sequence[tuple[str, Optional[str]]],
        destination: _Path,
        settings: dict[str, Any],
        interest: Interest,
        timeout: Optional[int],
        interrupt: Optional[Interrupt],
    ) -> Report: ...
    def synchronize(
        self,
        is_upload: bool,
        local: _Path,
        path: str,
        settings: dict[str, Any],
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
        token: Optional[str],
        tokens: Optional[NativeTokens],
        private_key: Optional[str],
        file_size_limit: int,
        chunk_size_range: tuple[int, int],
        read_only: bool,
        require_encryption: bool,
        idle_timeout: float,
        max_hold: float,
        max_sessions: int,
        session_memory: Optional[int],
        server_memory: Optional[int],
        audit_log: Optional[_Path],
        exclusive: bool,
        fsync: str,
        more: dict[str, Any],
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
    def reload(self) -> None: ...
    def end(self) -> None: ...
    def handler(self) -> NativeHandler: ...

@final
class NativeHandler:
    def handle(self, identity: bytes, frames: Sequence[bytes], address: Optional[str] = None) -> list[_Message]: ...
    def replies(self) -> list[_Message]: ...
    def timeout(self) -> Optional[int]: ...
    def fileno(self) -> int: ...
    def is_stopped(self) -> bool: ...

@final
class NativeTokens:
    def __new__(cls, path: Optional[_Path]) -> NativeTokens: ...
    def add(self, name: str, token: Optional[str], replace: bool, settings: dict[str, Any]) -> str: ...
    def change(self, name: str, settings: dict[str, Any]) -> None: ...
    def remove(self, name: str) -> None: ...
    def rotate(self, name: str, token: Optional[str], grace: float) -> str: ...
    def list(self) -> _List[_Token]: ...

def generate_token() -> str: ...
def generate_keys() -> tuple[bytes, bytes]: ...
def check_token(text: str) -> None: ...
def check_file_name(name: str, every: bool) -> Optional[str]: ...
def copy_between(
    client: NativeClient,
    other: NativeClient,
    source: str,
    destination: str,
    parents: bool,
    settings: dict[str, Any],
    interest: Interest,
    timeout: Optional[int],
    interrupt: Optional[Interrupt],
) -> Report: ...
def clear_local_partials(directory: _Path, path: str) -> int: ...
def harmless(text: str) -> str: ...
def wait_for_logs(timeout: int) -> None: ...
def wake_for_logs() -> None: ...
def timed_out(timeout: int) -> Exception: ...
def take_logs() -> list[tuple[int, str]]: ...
