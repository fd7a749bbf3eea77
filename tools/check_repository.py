#!/usr/bin/env python3
"""Checks the rules of this repository that no compiler checks.

- Relative links and their anchors in Markdown files resolve.
- Every test that docs/security.md names exists.
- No source file has more than 500 lines.
- The documentation of an item begins with what the item is.
- The protocol crate depends on no runtime, socket or file-system crate, directly or not, and its
  sources name no sockets, files, threads or clocks.
- In the library, rooms only name those they may (`ROOMS_NAMED_BY`), and only the store touches the file system. The local
  store does so by the calls of `store/system.rs` alone.
- Outside the store, the library names `LocalStore` only where one is opened: everything else takes any store.
- No file imports one that imports it, through whatever others: see tools/imports.py.
- No source has `unsafe` code but in the modules that are named here, and every crate takes the workspace's lints, which
  forbid it.
- What differs between systems stands at the seams: see tools/platforms.py.
- No file of tests is left out: where a crate lists its test programs, each file is one of them, or a module of one.
- No program is started but where `STARTS_PROGRAMS` says so, so that nothing that a peer sends becomes a command.

Prints one line for each violation and exits with 1 if there are any.
"""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import imports
import platforms

MAX_SOURCE_LINES = 500
SOURCE_SUFFIXES = {".rs", ".py", ".c", ".cpp", ".h", ".hpp", ".js", ".ts", ".sh"}

PROTOCOL = "crates/remofile-protocol"
FORBIDDEN_DEPENDENCIES = {"tokio", "mio", "socket2", "rustix", "cap-std"}
FORBIDDEN_IN_PROTOCOL = re.compile(
    r"\bstd::(?:net|fs|thread)\b|\bstd::\{[^}]*\b(?:net|fs|thread)\b|\b(?:Instant|SystemTime)::now\b"
)

LIBRARY = "crates/remofile/src"
# The rooms that each room may name. They stand on each other in this order, the ground floor first.
ROOMS_NAMED_BY = {
    "error": set(),
    "identity": set(),
    "blocking": {"carrier"},
    "budget": set(),
    "packed": set(),
    "plan": {"packed"},
    "store": set(),
    "carrier": set(),
    "monitor": {"error", "plan"},
    "delta": {"error", "store"},
    "transfer": {"blocking", "carrier", "delta", "store"},
    "server": {"blocking", "budget", "carrier", "delta", "error", "identity", "store", "tokens", "transfer"},
    "tokens": {"store"},
    "gateway": {"carrier", "error", "server", "store"},
    "client": {
        "blocking", "carrier", "error", "gateway", "identity", "monitor", "packed", "plan", "store", "transfer",
    },
    "sync": {"client", "delta", "error", "monitor", "plan", "store", "transfer"},
}
# The facade, which hands everything on, and tests of several rooms.
ABOVE_ALL_ROOMS = {"lib", "simulation", "unflushed"}

FILE_SYSTEM = re.compile(
    r"\b(?:std|rustix)::fs\b|\b(?:std|rustix)::\{[^}]*\bfs\b|\bos::unix::fs\b|\btempfile::"
    r"|\.(?:canonicalize|exists|try_exists|is_dir|is_file|is_symlink|metadata|symlink_metadata|read_dir|read_link)\(\)"
)

# The local store where it is neither opened nor imported.
LOCAL_STORE = re.compile(r"^(?!\s*(?:use\b|//))(?!\s{4,}\w+[\w, ]*,$).*\bLocalStore\b(?!::open\b)", re.MULTILINE)

# System calls by their own names. A call of store/system.rs goes on after a signal, and fails when a test says so.
SYSTEM_CALL = re.compile(r"\brustix::(?:fs|io)::(?!major|minor)[a-z_0-9]+\(|\bstd::fs::\w+\(")

# Modules that may have `unsafe` code, each with `#[expect(unsafe_code, reason = "...")]`. The workspace's lint is then to be
# "deny" instead of "forbid".
UNSAFE_MODULES = frozenset(
    f"bindings/c/src/{module}.rs"  # functions that C calls by name, with pointers, and functions of C that are called
    for module in [
        "client", "file", "hashes", "listing", "monitor", "pointers", "requests", "secrets", "server", "status", "sync", "transfer", "types"
    ]
)
UNSAFE = re.compile(r"\bunsafe\s*(?:\{|(?:fn|impl|trait|extern)\b)|\b(?:allow|expect|warn|deny)\s*\([^)]*\bunsafe_code\b")

# What starts a program, and the only files that may: each says why there.
PROGRAM = re.compile(r"\bprocess::Command\b|\bCommand::new\(|\bsubprocess\b|\bchild_process\b|\bos\.(?:system|popen|exec|spawn)")
STARTS_PROGRAMS = frozenset({
    "crates/remofile-cli/src/commands/edit.rs",  # the editor of the user, with the path as an argument of its own
    "crates/remofile-cli/src/completion/remote.rs",  # this program once more, which nobody waits for, by the same arguments
    "crates/remofile-cli/src/daemon/background.rs",  # this program, as a server in the background
    "crates/remofile-cli/src/settings/keyring.rs",  # the program of the system's keyring, with the name of a profile
    "crates/remofile-cli/src/daemon/hooks/hook.rs",  # this program, which runs the hooks of a server
    "crates/remofile-cli/src/daemon/hooks/command.rs",  # --on-upload as the user wrote it; names come in variables
    "crates/remofile-cli/src/settings/token_command.rs",  # the program that keeps the user's token, as the user wrote it
    "crates/remofile-cli/src/secret.rs",  # this program, without the token in its arguments
    "crates/remofile-cli/src/rmf.rs",  # the program beside it, which this is a shorter name of
})
SHIPPED = re.compile(r"^(?:crates/[^/]+/src/|bindings/c/src/|bindings/python/(?:src|python)/|bindings/node/lib/)(?!.*\btests?\b)")

LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
FENCED_CODE = re.compile(r"^(`{3,}|~{3,}).*?^\1[`~]*\s*$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")

# Where promises name the tests that show them, and what the name of a test looks like there.
SECURITY = "docs/security.md"
NAMED_TEST = re.compile(r"`((?:[a-z0-9]+_){3,}[a-z0-9]+)`")
# The first line of the documentation of an item that begins with a question's word, or with a word that points at nothing. Help
# texts of the command line are words to a user: the documentation of its arguments is left out.
DOC = re.compile(r"\s*//[/!]")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
UNCLEAR_DOC = re.compile(r"(?:What|Who|Whether|How|When|Where|It|That)\b")
HELP_TEXTS = "crates/remofile-cli/src/args/"

MODULE = re.compile(r"^(?:pub(?:\(crate\))? )?mod (\w+);", re.MULTILINE)
DEFINED_TEST = re.compile(r"\b(?:fn|def) (\w+)")


def check(root, files, protocol_dependencies):
    """Yields the violations among `files`, paths relative to `root`, as lines of text."""
    for file in files:
        path = root / file
        if path.suffix == ".md":
            yield from check_links(root, file)
        if path.suffix in SOURCE_SUFFIXES:
            text = path.read_text(encoding="utf-8")
            yield from check_length(file, text)
            yield from check_docs(file, text)
            yield from check_protocol_source(file, text)
            yield from check_rooms(file, text)
            yield from check_local_store(file, text)
            yield from check_unsafe(file, text)
            yield from check_programs(file, text)
            yield from check_script(path, file, text)
        if path.name == "Cargo.toml":
            text = path.read_text(encoding="utf-8")
            yield from check_lints(file, text)
            yield from check_tests_are_run(root, file, text, files)
    yield from check_named_tests(root, files)
    yield from check_imports(root, files)
    yield from platforms.check(root, files)
    for name in sorted(FORBIDDEN_DEPENDENCIES & protocol_dependencies):
        yield f"{PROTOCOL}/Cargo.toml: depends on {name}, directly or through another crate"


def check_links(root, file):
    text = without_code((root / file).read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        destination = (root / file).parent / name if name else root / file
        if not destination.exists():
            yield f"{file}: the link {target} leads nowhere"
        elif anchor and destination.suffix == ".md" and anchor not in anchors(destination):
            yield f"{file}: the link {target} names a heading that is not there"


def check_named_tests(root, files):
    if SECURITY not in files:
        return
    sources = [root / file for file in files if Path(file).suffix in {".rs", ".py"}]
    defined = {name for source in sources for name in DEFINED_TEST.findall(source.read_text(encoding="utf-8"))}
    for name in NAMED_TEST.findall((root / SECURITY).read_text(encoding="utf-8")):
        if name not in defined:
            yield f"{SECURITY}: there is no test {name}"


def check_tests_are_run(root, manifest, text, files):
    """Cargo finds the files in tests/ by itself, unless a manifest lists programs that have several of them as modules."""
    read = tomllib.loads(text)
    if read.get("package", {}).get("autotests", True):
        return
    tests = Path(manifest).parent / "tests"
    programs = [Path(manifest).parent / test["path"] for test in read.get("test", [])]
    modules = {tests / place for program in programs if program.parent == tests
               for name in MODULE.findall((root / program).read_text(encoding="utf-8"))
               for place in (f"{name}.rs", f"{name}/mod.rs")}
    for file in map(Path, files):
        in_tests = file.suffix == ".rs" and (file.parent == tests or file.parent.parent == tests and file.stem in ("main", "mod"))
        if in_tests and file not in modules and file not in programs:
            yield f"{file}: no program of {manifest} has it as a module, so its tests are never run"


def anchors(path):
    """The anchors that a Markdown renderer gives the headings of a file."""
    headings = HEADING.findall(FENCED_CODE.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(text):
    return INLINE_CODE.sub("", FENCED_CODE.sub("", text))


def check_length(file, text):
    lines = text.count("\n")
    if lines > MAX_SOURCE_LINES:
        yield f"{file}: {lines} lines, more than {MAX_SOURCE_LINES}"


def check_docs(file, text):
    if file.endswith(".rs") and not file.startswith(HELP_TEXTS):
        lines = text.splitlines()
        firsts = [number for number, line in enumerate(lines) if DOC.match(line) and not DOC.match(([""] + lines)[number])]
        docs = [(number + 1, lines[number].strip()[4:]) for number in firsts]
    elif file.endswith(".py"):
        items = [item for item in ast.walk(ast.parse(text)) if isinstance(item, DOCUMENTED)]
        docs = [(item.body[0].lineno, ast.get_docstring(item)) for item in items if ast.get_docstring(item)]
    else:
        return
    for number, doc in docs:
        if UNCLEAR_DOC.match(doc):
            yield f"{file}:{number}: the documentation does not begin with what the item is: {doc.splitlines()[0]}"


def check_protocol_source(file, text):
    if not file.startswith(f"{PROTOCOL}/src/"):
        return
    for match in FORBIDDEN_IN_PROTOCOL.finditer(text):
        yield f"{at(file, text, match)}: the protocol crate names {match.group()}"


def check_rooms(file, text):
    if not file.startswith(f"{LIBRARY}/"):
        return
    room = file.removeprefix(f"{LIBRARY}/").split("/")[0].removesuffix(".rs")
    if room in ABOVE_ALL_ROOMS:
        return
    if room not in ROOMS_NAMED_BY:
        yield f"{file}: no row of ROOMS_NAMED_BY says what the room {room} may name"
    for other in sorted(ROOMS_NAMED_BY.keys() - ROOMS_NAMED_BY.get(room, set()) - {room}):
        for match in re.finditer(rf"\bcrate::(?:{other}\b|\{{[^}}]*\b{other}::)", text):
            yield f"{at(file, text, match)}: {room} names {other}"


def check_imports(root, files):
    """No circles of imports, and in the library no file system outside the store; what only tests use is left out."""
    sources = imports.read(root, files)
    for circle in imports.circles(imports.arrows(sources)):
        yield f"{circle[0]}: imports itself through {', '.join(circle[1:])}"
    for file, code in imports.rust_code(sources, LIBRARY).items():
        if not file.startswith(f"{LIBRARY}/store/"):
            for match in FILE_SYSTEM.finditer(code):
                yield f"{at(file, code, match)}: touches the file system outside the store: {match.group()}"
        if file.startswith(f"{LIBRARY}/store/local"):
            for match in SYSTEM_CALL.finditer(code):
                yield f"{at(file, code, match)}: a system call that no test can make fail: use store/system.rs"


def check_local_store(file, text):
    if not file.startswith(f"{LIBRARY}/") or file.startswith(f"{LIBRARY}/store/"):
        return
    for match in LOCAL_STORE.finditer(text):
        yield f"{at(file, text, match)}: LocalStore outside the store where none is opened: take any store"


def check_unsafe(file, text, admitted=UNSAFE_MODULES):
    if not file.endswith(".rs") or file in admitted:
        return
    for match in UNSAFE.finditer(text):
        yield f"{at(file, text, match)}: unsafe code outside the modules named in tools/check_repository.py"


def check_programs(file, text):
    if not SHIPPED.match(file) or file in STARTS_PROGRAMS:
        return
    # Tests stand at the end of a file.
    for match in PROGRAM.finditer(text.partition("#[cfg(test)]")[0]):
        yield f"{at(file, text, match)}: starts a program: only the files in STARTS_PROGRAMS may"


def check_script(path, file, text):
    """Checks that what the documents and the script itself call by its path runs that way."""
    if text.startswith("#!/") and not os.access(path, os.X_OK):
        yield f"{file}: it begins with #! and cannot be executed: chmod +x"


def check_lints(file, text):
    manifest = tomllib.loads(text)
    workspace = manifest.get("workspace", {})
    if "members" in workspace:
        level = workspace.get("lints", {}).get("rust", {}).get("unsafe_code")
        if level != ("deny" if UNSAFE_MODULES else "forbid"):
            yield f"{file}: the workspace's lints do not forbid unsafe_code"
    elif not workspace and file.startswith(("crates/", "bindings/")) and not manifest.get("lints", {}).get("workspace"):
        yield f"{file}: the crate does not take the workspace's lints"


def at(file, text, match):
    return f"{file}:{text.count(chr(10), 0, match.start()) + 1}"


def tracked_files(root):
    """Every file that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return sorted(file for file in listed.split("\0") if file and (root / file).is_file())


def dependencies(root, package):
    """The names of all crates that `package` is built from, itself included."""
    command = ["cargo", "tree", "--locked", "--package", package, "--edges", "normal,build"]
    command += ["--prefix", "none", "--format", "{p}"]
    tree = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {line.split()[0] for line in tree.splitlines() if line.strip()}


def main():
    root = Path(__file__).resolve().parent.parent
    violations = list(check(root, tracked_files(root), dependencies(root, "remofile-protocol")))
    for violation in violations:
        print(violation, file=sys.stderr)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
