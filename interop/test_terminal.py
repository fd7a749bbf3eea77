"""Tests of what a terminal is sent: no character of a file's or a client's name is obeyed by it."""

import os
import pty
import subprocess
import unicodedata

from support import BINARY, InteropTest, clean_environment

#: One that was generated, so nothing is stretched.
GENERATED_TOKEN = "22222222222222222222Ci"
HOSTILE = "evil\u202etxt\u2066\u200b\u2028.exe"
ALLOWED = {"\n", "\r", "\t"}


class TerminalTest(InteropTest):
    def on_a_terminal(self, port, *arguments):
        """Returns what the command writes to a terminal, standard output and standard error alike."""
        master, terminal = pty.openpty()
        environment = clean_environment(str(self.local), REMOFILE_TOKEN=GENERATED_TOKEN, USER=f"eve\x9b{HOSTILE}")
        environment |= {"REMOFILE_HOSTNAME": "127.0.0.1", "REMOFILE_PORT": str(port), "TERM": "dumb"}
        process = subprocess.Popen(
            [BINARY, *arguments], cwd=self.local, env=environment, stdin=terminal, stdout=terminal, stderr=terminal
        )
        os.close(terminal)
        told = b""
        try:
            while piece := os.read(master, 65536):
                told += piece
        except OSError:  # Nobody has the terminal open any more.
            pass
        finally:
            os.close(master)
            process.wait()
        return told.decode()

    def assert_harmless(self, told):
        harmful = [c for c in told if c not in ALLOWED and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")]
        self.assertEqual(harmful, [], repr(told))

    def test_names_of_files_are_shown_and_not_obeyed(self):
        (self.root / HOSTILE).write_bytes(b"content")
        for name in (HOSTILE, f"{HOSTILE}.new"):
            (self.local / name).write_bytes(b"other content")
        port = self.start_server(REMOFILE_TOKEN=GENERATED_TOKEN).port
        commands = [
            ["list"], ["list", "-l"], ["list", "--json"], ["status"], ["status", "--json"],
            ["upload", "-v", "--on-conflict", "replace", HOSTILE], ["download", "--json", f"/{HOSTILE}", "."],
            ["sync", "local", "-n", "-i", ".", "/"], ["sync", "local", "-v", ".", "/"], ["remove", f"/{HOSTILE}y"],
            ["partials"],
        ]
        for arguments in commands:
            with self.subTest(arguments=arguments):
                told = self.on_a_terminal(port, *arguments)
                self.assert_harmless(told)
                if arguments[0] not in ("status", "partials"):
                    self.assertRegex(told, r"evil\\u(\{202e\}|202e)txt")
