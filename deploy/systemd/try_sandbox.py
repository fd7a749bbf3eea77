#!/usr/bin/env python3
"""Tries the server in a sandbox like that of remofile.service, where there is no systemd.

    sudo deploy/systemd/try_sandbox.py target/debug/remofile

What the unit says is taken from the unit: its system calls, its address families. The file system is read-only but for
the directory that is served and that of the state; the user is nobody, without capabilities and without a way to new
privileges; memory is never both writable and executable. Then clients upload, download, synchronise and remove, a hook is
run, metrics are asked for, the server is told to reload and to end. Not tried, since only systemd does it: ProtectProc=,
RestrictNamespaces=, PrivateUsers=, the device policy.

Prints a line for each trial, and ends with 1 if one fails. Needs root, util-linux, systemd-analyze, the headers of the
kernel, and x86-64.
"""

import ctypes
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

UNIT = Path(__file__).with_name("remofile.service")
HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
TOKEN = "22222222222222222222Ci"
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
AT_MOST = 60  # seconds

PR_SET_SECCOMP, PR_SET_MDWE = 22, 65
LOAD, EQUALS, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EPERM, EAFNOSUPPORT = 1, 97


def settings(name):
    return re.findall(rf"^{name}=(.+)$", UNIT.read_text(), re.MULTILINE)


def calls_of(group):
    """The system calls of a group such as @system-service, or a call by itself."""
    if not group.startswith("@"):
        return {group}
    told = subprocess.run(["systemd-analyze", "syscall-filter", group], check=True, capture_output=True, text=True)
    lines = [line.strip() for line in told.stdout.splitlines()[1:]]
    return set().union(*(calls_of(line) for line in lines if line and not line.startswith("#")))


def admitted_calls():
    admitted = set()
    for setting in settings("SystemCallFilter"):
        calls = set().union(*(calls_of(word) for word in setting.lstrip("~").split()))
        admitted = admitted - calls if setting.startswith("~") else admitted | calls
    return admitted


def program():
    """The filter of the unit, as the kernel takes it."""
    numbers = dict(re.findall(r"#define __NR_(\w+) (\d+)", HEADER.read_text()))
    families = [FAMILIES[name] for name in settings("RestrictAddressFamilies")[0].split()]
    step = lambda code, yes, no, value: struct.pack("=HBBI", code, yes, no, value)
    code = [step(LOAD, 0, 0, 0)]
    # A socket of another family: its first argument is looked at.
    length = 1 + 2 * len(families) + 1
    code += [step(EQUALS, 0, length, int(numbers["socket"])), step(LOAD, 0, 0, 16)]
    for family in families:
        code += [step(EQUALS, 0, 1, family), step(RETURN, 0, 0, ALLOW)]
    code.append(step(RETURN, 0, 0, ERRNO | EAFNOSUPPORT))
    for call in sorted(admitted_calls()):
        if call in numbers and call != "socket":
            code += [step(EQUALS, 0, 1, int(numbers[call])), step(RETURN, 0, 0, ALLOW)]
    code.append(step(RETURN, 0, 0, ERRNO | EPERM))
    return b"".join(code), len(code)


def confine_and_run(command):
    libc = ctypes.CDLL(None, use_errno=True)
    code, length = program()
    buffer = ctypes.create_string_buffer(code, len(code))
    described = struct.pack("=HxxxxxxQ", length, ctypes.addressof(buffer))
    if libc.prctl(PR_SET_MDWE, 1, 0, 0, 0) != 0:
        print("not tried: this kernel cannot keep memory from being writable and executable", flush=True)
    if libc.prctl(PR_SET_SECCOMP, 2, ctypes.create_string_buffer(described, len(described)), 0, 0) != 0:
        sys.exit(f"no filter: {os.strerror(ctypes.get_errno())}")
    os.execv(command[0], command)


def sandboxed(place, command):
    """The command in the file system of the unit, as nobody."""
    read_only = "mount --bind {0} {0} && mount -o remount,bind,ro / && mount -o remount,bind,rw {0}".format(place)
    drop = "setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all"
    inner = [sys.executable, str(Path(__file__).resolve()), "--confined", *command]
    script = f'{read_only} && exec {drop} "$@"'
    return ["unshare", "--mount", "--ipc", "--uts", "--propagation", "private", "sh", "-c", script, "sh", *inner]


def main(remofile):
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        for name in ("root", "state"):
            (place / name).mkdir()
        (place / "token").write_text(TOKEN)
        (place / "server.toml").write_text(
            'directory = "root"\nport = 0\naddress = "127.0.0.1"\ntoken-file = "token"\nmetrics = 0\nverbose = 1\n'
            'on-upload = "cat \\"$REMOFILE_FILE\\" > ../state/hooked"\naudit-log = "state/audit"\n'
        )
        subprocess.run(["chown", "-R", "65534:65534", directory], check=True)
        notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notified.bind(str(place / "notify"))
        os.chmod(place / "notify", 0o666)
        notified.settimeout(AT_MOST)
        environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": str(place / "notify"), "XDG_STATE_HOME": "/dev/null/none"}
        with (place / "log").open("w") as log:
            server = subprocess.Popen(
                sandboxed(place, [remofile, "server-config", str(place / "server.toml")]),
                stdout=subprocess.PIPE, stderr=log, text=True, env=environment,
            )
        try:
            return try_server(remofile, place, server, notified)
        finally:
            server.kill()
            print((place / "log").read_text(), file=sys.stderr)


def try_server(remofile, place, server, notified):
    failed = 0

    def tried(what, is_fine):
        nonlocal failed
        failed += not is_fine
        print(f"{'ok' if is_fine else 'FAILED'}: {what}", flush=True)

    def hears(word):
        while not (heard := notified.recv(4096).decode()).startswith(word):
            pass
        return heard

    port = server.stdout.readline().rsplit(":", 1)[-1].strip()
    address = next(line.split("http://")[1].split("/")[0] for line in server.stdout if "/metrics" in line)
    tried("it is ready", "Serving on" in hears("READY=1"))
    here = {**os.environ, "REMOFILE_HOSTNAME": "127.0.0.1", "REMOFILE_PORT": port, "REMOFILE_TOKEN": TOKEN,
            "XDG_STATE_HOME": "/dev/null/none"}
    client = lambda *words: subprocess.run([remofile, *words], env=here, timeout=AT_MOST, check=False).returncode == 0
    local = place / "local"
    (local / "tree" / "sub").mkdir(parents=True)
    (local / "tree" / "sub" / "large").write_bytes(os.urandom(1 << 24))
    (local / "tree" / "small").write_text("small")
    tried("upload", client("upload", "--archive", str(local / "tree"), "/"))
    tried("download", client("download", "-r", "/tree", str(local / "back")))
    tried("sync", client("sync", "local", "--delete", str(local / "tree"), "/tree"))
    tried("copy", client("copy", "-r", ":/tree", ":/other"))
    tried("remove", client("remove", "-r", "/other"))
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=AT_MOST) as answer:
        tried("metrics", b"remofile_files_stored_total 2" in answer.read())
    server.send_signal(1)
    tried("reload", hears("RELOADING=1") != "" and hears("READY=1") != "")
    server.terminate()
    tried("it ends", hears("STOPPING=1") != "" and server.wait(AT_MOST) == 0)
    tried("the hook was run", (place / "state" / "hooked").exists())
    tried("the audit log was written", "close" in (place / "state" / "audit").read_text())
    log = (place / "log").read_text()
    tried("Landlock is in force besides", "Landlock confines the server" in log)
    tried("nothing is complained of", "WARN" not in log and "ERROR" not in log and "panicked" not in log)
    return failed



if __name__ == "__main__":
    if sys.argv[1:2] == ["--confined"]:
        confine_and_run(sys.argv[2:])
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(1 if main(str(Path(sys.argv[1]).resolve())) else 0)
