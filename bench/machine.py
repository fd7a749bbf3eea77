"""The machine that measurements are made on, in words: numbers without it mean nothing."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

GIB = 1 << 30
# How each peer tells its version, and where in its answer that is.
VERSIONS = {
    "rsync": (["rsync", "--version"], r"version (\S+)"),
    "OpenSSH": (["ssh", "-V"], r"OpenSSH_([^\s,]+)"),
    "vsftpd": (["vsftpd", "-v"], r"version (\S+)"),
    "curl": (["curl", "--version"], r"curl (\S+)"),
    "lftp": (["lftp", "--version"], r"Version (\S+)"),
    "rclone": (["rclone", "version"], r"rclone v?(\S+)"),
}


def describe():
    """Processors, memory and kernel, as a dictionary of words."""
    return {
        "processors": f"{len(os.sched_getaffinity(0))} of {processor()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / GIB:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
    }


def processor():
    """The name of the processor, and whether it belongs to a virtual machine."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.machine()
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    name = match.group(1).strip() if match else platform.machine()
    return f"{name}, virtual" if re.search(r"^flags\s*:.*\bhypervisor\b", text, re.MULTILINE) else name


def file_system(directory, mounts="/proc/self/mounts"):
    """The type of the file system that a directory is on, `unknown` where the system does not tell it."""
    directory = Path(directory).resolve()
    best, found = Path(), "unknown"
    try:
        lines = Path(mounts).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        _, place, kind, *_ = line.split(" ")
        place = Path(place.replace("\\040", " "))
        # The last of several mounts at one place is the one that is seen.
        if (place == directory or place in directory.parents) and len(place.parts) >= len(best.parts):
            best, found = place, kind
    return found


def versions():
    """The version of each peer that is installed."""
    found = {}
    for name, (command, pattern) in VERSIONS.items():
        program = find(command[0])
        if program is None:
            continue
        told = subprocess.run([program, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        match = re.search(pattern, told.stdout + told.stderr)
        found[name] = match.group(1) if match else "of unknown version"
    return found


def find(program):
    """The path of a program, also where only the administrator's PATH leads; None if it is not installed."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")
