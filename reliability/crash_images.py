#!/usr/bin/env python3
"""Campaign 2: the power fails. Operations on ext4 and XFS disks whose every write and flush is logged; images of what the
disks may have had, at flushes and with random parts of what was written after them; each is mounted, looked at, and
the same commands are run again.

Under 'end' and 'each' it fails if a file is neither old nor new, if what was acknowledged is not there, if the commands
cannot be run again with success, if anything differs from its source then, or if anything is left in '.remofile'. Under
'none' it counts what was lost, and fails only for what is left behind.

A case is FILE SYSTEM/OPERATION/OPTION/NUMBER; `--only /end/` runs all that have this in it. The trees and the choice of
moments are those of the seed. The order of writes is that of the machine, so `--keep` stores the recordings of failures,
and `--replay` makes the same images of one again.
"""

import gzip
import pickle
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import block_log
from common import Failed, Skipped, run
from crash_judgement import FAULTS, check_again, check_image, is_failure
from crash_operations import OPERATIONS, look, write_files
from crash_recording import FILE_SYSTEMS, Boots, Case, Recording, empty_writes, image, mounted, points, prepare, record

OPTIONS = ("none", "end", "each")
# Recordings of each operation, file system and option.
RECORDINGS = 5
# Recordings in all of the tenth.
FEW = 12
IMAGES, FEW_IMAGES = 9, 4


def add_arguments(parser):
    parser.add_argument("--images", type=int, metavar="N", help="images of each recording")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="store the recordings of failures there")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="make the images of this recording")


def body(campaign):
    reason = block_log.why_not()
    if reason:
        raise Skipped(reason)
    block_log.keep_mounts_to_ourselves()
    block_log.check_log()
    with CrashImages(campaign) as images:
        images.run()
        images.print_table()


class CrashImages:
    """The disks, the programs and what was found so far."""

    def __init__(self, campaign):
        self.campaign, self.seed = campaign, campaign.seed
        self.rows = {}
        self.disks, self.empty = {}, {}

    def __enter__(self):
        self.directory = self.campaign.place()
        self.boots = Boots(self.directory.name, self.campaign.binary)
        self.has_client_option = "--fsync" in said_by(self.campaign.binary, "download", "--help")
        self.file_systems = [name for name, kind in FILE_SYSTEMS.items() if shutil.which(kind.command[0])]
        missing = [kind.command[0] for name, kind in FILE_SYSTEMS.items() if name not in self.file_systems]
        if missing:
            self.campaign.skipped = f"there is no {' and no '.join(missing)}"
        return self

    def __exit__(self, *exception):
        for disk in self.disks.values():
            disk.__exit__(*exception)
        self.directory.cleanup()

    def run(self):
        if self.campaign.arguments.replay:
            with gzip.open(self.campaign.arguments.replay) as file:
                case, recording, self.seed, boot = pickle.load(file)
            self.check(Case(*case), Recording(*recording), boot)
            return
        for case in self.cases():
            try:
                self.fail_twice(case)
            except (Failed, OSError, subprocess.TimeoutExpired) as failed:
                self.campaign.fail(str(case), str(failed))

    def fail_twice(self, case):
        """Has the power fail during the operation of a case, and once more while one of the images is mended."""
        recording = self.record(case, prepare(case, self.seed, self.disk(case), self.empty_of(case)), 0)
        chosen = self.check(case, recording, 0)
        if self.has_second_crash(case):
            number = len(chosen) - 1
            base = list(self.image(case, recording, chosen[number], number))
            self.check(case, self.record(case, base, 1), 1)

    def record(self, case, base, boot):
        with tempfile.TemporaryDirectory(dir=self.directory.name) as other:
            program = self.boots.programs[boot]
            return record(case, self.seed, self.disk(case), base, program, Path(other), self.option(case))

    def image(self, case, recording, point, number):
        return image(recording, point, case.rng(self.seed, f"image {number}"))

    def cases(self):
        cases = [
            Case(file_system, operation, option, number) for number in range(RECORDINGS) for option in OPTIONS
            for file_system in self.file_systems for operation in OPERATIONS if self.can(operation, option)
        ]
        if self.campaign.only:
            return [case for case in cases if any(only in str(case) for only in self.campaign.only)]
        return cases if self.campaign.full else random.Random(self.seed).sample(cases, FEW)

    def can(self, operation, option):
        return option == "none" or self.has_client_option or OPERATIONS[operation].side == "server"

    def option(self, case):
        return ["--fsync", case.fsync] if OPERATIONS[case.operation].side == "server" or self.has_client_option else []

    def disk(self, case):
        if case.file_system not in self.disks:
            disk = block_log.LoggedDisk(FILE_SYSTEMS[case.file_system].mebibytes * block_log.MIB)
            self.disks[case.file_system] = disk.__enter__()
        return self.disks[case.file_system]

    def empty_of(self, case):
        if case.file_system not in self.empty:
            self.empty[case.file_system] = empty_writes(FILE_SYSTEMS[case.file_system])
        return self.empty[case.file_system]

    def check(self, case, recording, boot):
        """Makes images of a recording and judges each. Returns their moments."""
        chosen = points(recording, self.count(case, boot), case.rng(self.seed, f"points {boot}"))
        found = Counter()
        has_failed = False
        for number, point in enumerate(chosen):
            for fault, text in self.judge(case, recording, point, number, boot):
                found[fault] += 1
                moment = f"image {number}, {point.kind}, after {point.position} of {len(recording.log)} entries"
                what = f"{'second crash, ' * boot}{fault}: {text} ({moment})"
                if is_failure(case.fsync, fault):
                    has_failed = True
                    self.campaign.fail(str(case), what)
                elif self.campaign.only:
                    self.campaign.say(f"  {what}")
        self.campaign.cases += len(chosen)
        self.rows.setdefault((case.fsync, case.file_system, case.operation), Counter()).update(found, images=len(chosen))
        told = ", ".join(f"{count} {fault}" for fault, count in found.items()) or "nothing wrong"
        again = " of a second crash" if boot else ""
        self.campaign.say(f"{case}: {len(chosen)} images{again} of {len(recording.log)} writes and flushes: {told}")
        if has_failed and self.campaign.arguments.keep and not self.campaign.arguments.replay:
            self.keep(case, recording, boot)
        return chosen

    def count(self, case, boot):
        """Returns how many images are made of a recording: of the second crash a third, where there is one."""
        count = self.campaign.arguments.images or self.campaign.scaled(IMAGES, FEW_IMAGES)
        second = max(1, count // 3) if self.has_second_crash(case) else 0
        return second if boot else count - second

    @staticmethod
    def has_second_crash(case):
        """Reports whether the commands succeed once more after the first crash, whatever it left."""
        return case.fsync != "none" and not OPERATIONS[case.operation].may_refuse_again

    def judge(self, case, recording, point, number, boot):
        disk, file_system = self.disk(case), FILE_SYSTEMS[case.file_system]
        operation = case.make_operation(self.seed)
        disk.load(self.image(case, recording, point, number))
        with tempfile.TemporaryDirectory(dir=self.directory.name) as other, mounted(disk, file_system) as root:
            yield from check_image(recording, point, look(root))
            write_files(other, operation.other)
            yield from check_again(operation, recording, self.boots.programs[boot + 1], root, Path(other), self.option(case))

    def keep(self, case, recording, boot):
        directory = self.campaign.arguments.keep
        directory.mkdir(parents=True, exist_ok=True)
        target = directory / (str(case).replace("/", "-") + f"-seed-{self.seed}-crash-{boot + 1}.gz")
        with gzip.open(target, "wb", compresslevel=1) as file:
            pickle.dump((tuple(case), tuple(recording), self.seed, boot), file)
        self.campaign.say(f"  kept: --replay {target}")

    def print_table(self):
        """Prints how many images had which fault, and sums it up for the table of all campaigns."""
        rows = [("fsync", "disk", "operation", "images", *FAULTS)]
        sums = {}
        for (option, file_system, operation), row in sorted(self.rows.items()):
            rows.append((option, file_system, operation, row["images"], *(row[fault] for fault in FAULTS)))
            sums.setdefault(option, Counter()).update(row)
        for row in rows:
            self.campaign.say("| " + " | ".join(f"{cell:{width}}" for cell, width in zip(row, WIDTHS)) + " |")
        self.campaign.measured = "; ".join(
            f"{option}: " + ", ".join(f"{count} {what}" for what, count in sums[option].items() if count)
            for option in OPTIONS if option in sums
        )


WIDTHS = (5, 4, 17, 6, *map(len, FAULTS))


def said_by(binary, *arguments):
    return subprocess.run([binary, *arguments], stdout=subprocess.PIPE, text=True, check=False).stdout


if __name__ == "__main__":
    sys.exit(run("crash_images", __doc__, body, add_arguments))
