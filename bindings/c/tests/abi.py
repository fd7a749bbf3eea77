"""The frozen ABI: the functions, and the size and places of what structs hold."""

import re
import subprocess
from pathlib import Path

INCLUDE = Path(__file__).resolve().parent.parent / "include"
STRUCT = re.compile(r"typedef struct (remofile_\w+) \{(.*?)\n\} \1;", re.DOTALL)
FIELD = re.compile(r"(\w+)(?:\[\w+\])?;$", re.MULTILINE)
CONSTANT = re.compile(r"^#define (REMOFILE_\w+) .", re.MULTILINE)
CODE = re.compile(r"^  (REMOFILE_\w+) = ", re.MULTILINE)


def program():
    """A program that prints the ABI as the headers have it."""
    types = "".join((INCLUDE / "remofile" / name).read_text() for name in ("types.h", "flags.h"))
    comments = re.compile(r"/\*.*?\*/", re.DOTALL)
    lines = []
    for name, fields in STRUCT.findall(comments.sub("", types)):
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        for field in FIELD.findall(fields):
            lines.append(f'printf("{name}.{field} %zu\\n", offsetof({name}, {field}));')
    constants = [each for each in CONSTANT.findall(types) if each not in {"REMOFILE_INIT", "REMOFILE_NOEXCEPT"}]
    constants += CODE.findall((INCLUDE / "remofile/codes.h").read_text())
    lines += [f'printf("{name} %llu\\n", (unsigned long long){name});' for name in constants]
    return "#include <remofile.h>\n#include <stdio.h>\nint main(void) {\n" + "\n".join(lines) + "\nreturn 0;\n}\n"


def symbols(library):
    """The functions that a library has for others."""
    listed = subprocess.run(["nm", "--dynamic", "--defined-only", library], check=True, capture_output=True, text=True)
    return sorted(line.split()[-1] for line in listed.stdout.splitlines())
