"""A disk whose every write and flush is logged, for file systems of the kernel: a loop device over a file that this
process serves by FUSE, spoken over /dev/fuse without a library.

Nothing between the file system and the log reorders or keeps anything: the loop device works with direct I/O on a file
that is opened with direct I/O, so each request of the block layer arrives here once, and a flush (barriers, FUA) arrives
as an fsync. `check_log` proves it on the machine at hand.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import stat
import struct
import tempfile
import threading
from pathlib import Path

from common import Failed

MIB = 1 << 20
SECTOR = 512

# What stands in the log between writes: everything before it is on the disk.
FLUSH = None

ROOT_NODE, DISK_NODE = 1, 2
NAME = b"disk"
MOST_BYTES = MIB
MOST_PAGES = MOST_BYTES // 4096

# Requests, as linux/fuse.h numbers them.
LOOKUP, FORGET, GETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC = 1, 2, 3, 14, 15, 16, 17, 18, 20
FLUSH_FILE, INIT, INTERRUPT, DESTROY, BATCH_FORGET = 25, 26, 36, 38, 42
WITHOUT_ANSWER = {FORGET, BATCH_FORGET, INTERRUPT}

BIG_WRITES, MAX_PAGES = 1 << 5, 1 << 22
DIRECT_IO = 1 << 0

IN_HEADER = struct.Struct("<IIQQIIIHH")
OUT_HEADER = struct.Struct("<IiQ")
ATTRIBUTES = struct.Struct("<6Q10I")
IO_REQUEST = struct.Struct("<QQIIQII")

LOOP_CLR_FD, LOOP_GET_STATUS64, LOOP_CONFIGURE, LOOP_CTL_GET_FREE = 0x4C01, 0x4C05, 0x4C0A, 0x4C82
LO_FLAGS_DIRECT_IO = 16
LOOP_INFO = struct.Struct("<5Q4I64s64s32s2Q")
LOOP_FLAGS_FIELD = 8
LOOP_CONFIG_HEADER = struct.Struct("<II")
LOOP_CONFIG_RESERVED = bytes(64)
ATTEMPTS = 16

MS_NOSUID, MS_NODEV, MS_NOATIME, MS_REC, MS_PRIVATE = 2, 4, 1024, 16384, 1 << 18
CLONE_NEWNS = 0x20000
MNT_DETACH = 2

libc = ctypes.CDLL(None, use_errno=True)


def why_not():
    """Returns the reason why there can be no such disk on this machine, else None."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root may mount"
    for device in ("/dev/fuse", "/dev/loop-control"):
        if not os.access(device, os.R_OK | os.W_OK):
            return f"there is no {device}"
    return None


def keep_mounts_to_ourselves():
    """Gives this process mounts of its own, which go with it, however it ends. Call it before there are threads.

    A mount that others see stays when they leave it: the next file system on the same device would be the former one.
    """
    if libc.unshare(CLONE_NEWNS) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mounts of its own: {os.strerror(number)}")
    mount("none", "/", "none", flags=MS_REC | MS_PRIVATE)


def mount(source, target, kind, options="", flags=MS_NOSUID | MS_NODEV | MS_NOATIME):
    arguments = [os.fsencode(text) for text in (str(source), str(target), kind)]
    if libc.mount(*arguments, ctypes.c_ulong(flags), os.fsencode(options)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mounting {kind}: {os.strerror(number)}")


def unmount(target, flags=0):
    if libc.umount2(os.fsencode(str(target)), flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"unmounting {target}: {os.strerror(number)}")


class LoggedDisk:
    """A block device, `device`, whose content is in memory and whose writes and flushes are in `log`.

    An entry of the log is `FLUSH` or a pair of an offset and the bytes written there.
    """

    def __init__(self, size):
        self.size = size
        self.log = []
        self.is_logging = False
        self.content = self._loop = None
        self.load(())

    def __enter__(self):
        self._place = tempfile.TemporaryDirectory(prefix="remofile-crash-")
        self._directory = Path(self._place.name, "fuse")
        self._directory.mkdir()
        self._fuse = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        try:
            mount("remofile-crash", self._directory, "fuse", f"fd={self._fuse},rootmode=40000,user_id=0,group_id=0")
            self._server = threading.Thread(target=self._serve, daemon=True)
            self._server.start()
            self._attach_loop()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._loop is not None:
            fcntl.ioctl(self._loop, LOOP_CLR_FD, 0)
            os.close(self._loop)
        try:
            unmount(self._directory, MNT_DETACH)
        except OSError:
            pass
        # The detached file system goes with the last reference to its file; the thread then reads the end.
        if hasattr(self, "_server"):
            self._server.join(timeout=10)
        os.close(self._fuse)
        self._place.cleanup()

    def load(self, writes):
        """Makes the disk one that has these writes and nothing else.

        Fails if a file system is still mounted from it.
        """
        if self._loop is not None:
            # Refused as long as anybody has it mounted, wherever.
            os.close(os.open(self.device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
        content = mmap.mmap(-1, self.size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for offset, data in writes:
            content[offset:offset + len(data)] = data
        self.content, former = content, self.content
        if former is not None:
            former.close()

    def start_log(self):
        self.log = []
        self.is_logging = True

    def stop_log(self):
        """Ends the log and returns it."""
        self.is_logging = False
        log, self.log = self.log, []
        return log

    def _serve(self):
        buffer = bytearray(MOST_BYTES + 65536)
        view = memoryview(buffer)
        while True:
            try:
                length = os.readv(self._fuse, [buffer])
            except OSError as error:
                if error.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                    continue
                return
            _, opcode, unique, node, *_ = IN_HEADER.unpack_from(buffer)
            if opcode in WITHOUT_ANSWER:
                continue
            failure, answer = self._answer(opcode, node, view[IN_HEADER.size:length])
            try:
                os.writev(self._fuse, [OUT_HEADER.pack(OUT_HEADER.size + len(answer), -failure, unique), answer])
            except OSError as error:
                # Whoever asked was interrupted.
                if error.errno != errno.ENOENT:
                    return

    def _answer(self, opcode, node, request):
        """Returns an error number and an answer."""
        if opcode == WRITE:
            _, offset, size, *_ = IO_REQUEST.unpack_from(request)
            data = bytes(request[IO_REQUEST.size:IO_REQUEST.size + size])
            self.content[offset:offset + size] = data
            if self.is_logging:
                self.log.append((offset, data))
            return 0, struct.pack("<II", size, 0)
        if opcode == READ:
            _, offset, size, *_ = IO_REQUEST.unpack_from(request)
            return 0, self.content[offset:offset + size]
        if opcode == FSYNC:
            if self.is_logging:
                self.log.append(FLUSH)
            return 0, b""
        if opcode == INIT:
            flags = BIG_WRITES | MAX_PAGES
            return 0, struct.pack("<4I2H2I2HI7I", 7, 31, MIB, flags, 12, 9, MOST_BYTES, 1, MOST_PAGES, 0, 0, *[0] * 7)
        if opcode == LOOKUP:
            if bytes(request).rstrip(b"\0") != NAME:
                return errno.ENOENT, b""
            return 0, struct.pack("<4Q2I", DISK_NODE, 0, 3600, 3600, 0, 0) + self._attributes(DISK_NODE)
        if opcode == GETATTR:
            return 0, struct.pack("<QII", 3600, 0, 0) + self._attributes(node)
        if opcode == OPEN:
            return 0, struct.pack("<QII", 1, DIRECT_IO, 0)
        if opcode == STATFS:
            return 0, struct.pack("<5Q4I6I", self.size // 4096, 0, 0, 2, 0, 4096, 255, 4096, 0, *[0] * 6)
        if opcode in (RELEASE, FLUSH_FILE, DESTROY):
            return 0, b""
        return errno.ENOSYS, b""

    def _attributes(self, node):
        mode, size = (stat.S_IFREG | 0o600, self.size) if node == DISK_NODE else (stat.S_IFDIR | 0o700, 0)
        return ATTRIBUTES.pack(node, size, size // SECTOR, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def _attach_loop(self):
        file = os.open(self._directory / os.fsdecode(NAME), os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC)
        try:
            for _ in range(ATTEMPTS):
                if self._try_loop(file):
                    return
        finally:
            os.close(file)
        raise Failed("there is no free loop device")

    def _try_loop(self, file):
        control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
        try:
            self.device = f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE)}"
        finally:
            os.close(control)
        loop = os.open(self.device, os.O_RDWR | os.O_CLOEXEC)
        information = LOOP_INFO.pack(*[0] * 5, 0, 0, 0, LO_FLAGS_DIRECT_IO, b"", b"", b"", 0, 0)
        try:
            fcntl.ioctl(loop, LOOP_CONFIGURE, LOOP_CONFIG_HEADER.pack(file, 0) + information + LOOP_CONFIG_RESERVED)
        except OSError as error:
            os.close(loop)
            # Somebody else took it meanwhile.
            if error.errno == errno.EBUSY:
                return False
            raise
        self._loop = loop
        return True

    def has_direct_io(self):
        """Reports whether the loop device passes each request on as it comes."""
        information = fcntl.ioctl(self._loop, LOOP_GET_STATUS64, bytes(LOOP_INFO.size))
        return bool(LOOP_INFO.unpack(information)[LOOP_FLAGS_FIELD] & LO_FLAGS_DIRECT_IO)


def check_log():
    """Fails unless writes to such a disk are logged at once, in order, and a flush of the device is logged as one."""
    with LoggedDisk(MIB) as disk:
        if not disk.has_direct_io():
            raise Failed("the loop device has no direct I/O on a FUSE file: it would hide the order of writes")
        block = mmap.mmap(-1, 4096)
        device = os.open(disk.device, os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC)
        try:
            disk.start_log()
            for number in (1, 2):
                block[:] = bytes([number]) * 4096
                os.pwrite(device, block, number * 8192)
                os.fsync(device)
            log = disk.stop_log()
        finally:
            os.close(device)
    expected = [(8192, b"\1" * 4096), FLUSH, (16384, b"\2" * 4096), FLUSH]
    if log != expected:
        raise Failed(f"a write and a flush of the device are logged as {[entry and entry[0] for entry in log]}")
