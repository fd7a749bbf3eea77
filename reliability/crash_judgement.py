"""The judgement of what is found on a disk after its power failed."""

import hashlib
import subprocess

from common import Failed
from crash_operations import left_behind, look
from crash_recording import Sides

# Faults of an image, in the order of the table:
# - torn: a file is neither what it was before nor what it was to be;
# - lost: what was acknowledged is not there;
# - vanished: what was only to get another place has none;
# - refused: the same commands, run again, failed;
# - untrue: they succeeded, and something is not as it was to be;
# - left: they succeeded, and left files behind;
# - extra: they succeeded, and all is right, but the backup directory has a copy more, of what was sent again because it was
#   in doubt. It is counted, and no failure.
FAULTS = ("torn", "lost", "vanished", "refused", "untrue", "left", "extra")
# What the program may do to files under `none`, where nothing is promised before the disk has it.
UNPROMISED = {"torn", "lost", "vanished", "refused", "untrue"}
PATHS_TOLD = 3


def is_failure(option, fault):
    return fault != "extra" and (option != "none" or fault not in UNPROMISED)


def check_image(recording, point, found):
    """Yields a fault and its description for what is wrong with what the image has before anything is run again."""
    done = max(index for index, length in enumerate(recording.acknowledged) if length <= point.position)
    earlier, later = recording.states[done], recording.states[min(done + 1, len(recording.states) - 1)]
    paths = set().union(found, *recording.states)
    odd = {"torn": [], "lost": []}
    for path in sorted(paths):
        fault = fault_of(path, found.get(path), earlier.get(path), later.get(path), recording.states[:done])
        if fault:
            odd[fault].append(describe(path, found.get(path), later.get(path)))
    yield from ((fault, shorten(texts)) for fault, texts in odd.items() if texts)
    there, wanted = ({entry.digest for entry in entries.values()} for entries in (found, later))
    moving = {path: entry for path, entry in earlier.items() if entry.size and entry.digest in wanted and entry != later.get(path)}
    vanished = sorted(path for path, entry in moving.items() if entry.digest not in there)
    if vanished:
        yield "vanished", shorten(vanished)


def fault_of(path, entry, earlier, later, past):
    """Returns what is wrong with an entry that may be that of two states; `past` are those before them."""
    if entry in (earlier, later):
        return None
    version, versions = version_of(entry), (version_of(earlier), version_of(later))
    if version in versions:
        # Only the time is another one. In a file that was being written that is no matter.
        return "lost" if versions[0] == versions[1] and past else None
    was_once = any(version == version_of(state.get(path)) for state in past)
    return "lost" if entry is None or was_once else "torn"


def version_of(entry):
    return entry and entry.version


def describe(path, entry, wanted):
    if entry is None:
        return f"{path} is missing"
    if entry.kind != "file":
        return f"{path} is {entry.kind} {entry.digest}".rstrip()
    if version_of(entry) == version_of(wanted):
        return f"{path} has another time"
    if entry.size == 0:
        return f"{path} is empty"
    is_zero = entry.digest == hashlib.sha256(bytes(entry.size)).hexdigest()
    return f"{path} has {entry.size} {'zeros' if is_zero else 'bytes of something else, or is old'}"


def shorten(texts):
    more = len(texts) - PATHS_TOLD
    return ", ".join(texts[:PATHS_TOLD]) + (f" and {more} more" if more > 0 else "")


def check_again(operation, recording, boot, root, other, option):
    """Runs the commands again after the power failure, and yields what is wrong then."""
    try:
        with Sides(operation, boot, root, other, option) as sides:
            answers = [(command, *sides.run(command)) for command in sides.commands()]
            found, left = look(root), left_behind(root)
    except (Failed, subprocess.TimeoutExpired) as failed:
        yield "refused", str(failed)
        return
    refused = [f"'{command[0]}' ended with {status}: {said.splitlines()[:1]}" for command, status, said in answers if status != 0]
    if refused and not operation.may_refuse_again:
        yield "refused", shorten(refused)
        return
    yield from differences(recording.states[-1], found, has_times=operation.expected() is not None)
    if left:
        yield "left", shorten(left)


def differences(wanted, found, has_times):
    """Yields what is wrong with a tree that is to be like another one."""
    more = {path: entry for path, entry in found.items() if path not in wanted}
    versions = {version_of(entry) for entry in wanted.values()}
    is_copied = all(version_of(entry) in versions for entry in more.values())
    paths = [path for path in sorted(wanted) if not is_same(found.get(path), wanted[path], has_times)]
    odd = paths if is_copied else sorted([*paths, *more])
    if odd:
        yield "untrue", shorten([describe(path, found.get(path), wanted.get(path)) for path in odd])
    elif more:
        yield "extra", shorten(sorted(more))


def is_same(one, other, has_times):
    return one == other if has_times else version_of(one) == version_of(other)
