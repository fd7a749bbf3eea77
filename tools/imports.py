"""The import graph of a repository's own Rust and Python files, and the circles in it.

An arrow runs from a file to the file that *defines* what it names: re-exports (`pub use`, names in `__init__.py`) are
looked through, as long as the file that hands them on does not use them itself. Tests, and what is compiled for tests
alone, are left out. The text is read, not compiled: what macros make is not seen, nor are calls of methods.
"""

import ast
import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

RUST_ROOTS = re.compile(r"^(.*/)?src/(?:lib|main)\.rs$")
PYTHON_PACKAGES = ("bindings/python/python",)

# Comments, and literals whose contents must not be taken for code.
NO_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|b?r(#*)".*?"\1|b?"(?:[^"\\]|\\.)*"|b?'(?:[^'\\\n]|\\(?:u\{[^}]*\}|x..|.))'""", re.DOTALL
)
FOR_TESTS = re.compile(r"#\[cfg\((?:test|all\(test\b[^\]]*)\)\]\s*(?:#\[[^\]]*\]\s*)*")
MODULE = re.compile(r"^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?mod[ \t]+(\w+)[ \t]*;", re.MULTILINE)
INLINE_MODULE = re.compile(r"\bmod[ \t]+\w+[ \t]*\{")
USE = re.compile(r"(?<![\w#])((?:pub(?:\([^)]*\))?\s+)?)use\s+([^;]+);")
DEFINITION = re.compile(r"\b(?:fn|struct|enum|trait|type|const|static|union)\s+(?:r#)?(\w+)|\bmacro_rules!\s*(\w+)")
PATH = re.compile(r"(?<![\w:.])(?:r#)?[A-Za-z_]\w*(?:::(?:r#)?[A-Za-z_]\w*)+")
WORD = re.compile(r"[A-Za-z_]\w*")


def read(root, files):
    """The texts of the source files among `files`, which are paths relative to `root`."""
    return {file: (root / file).read_text(encoding="utf-8") for file in files if file.endswith((".rs", ".py"))}


def arrows(sources):
    """The names that each file takes from another: `{(from, to): {name, ...}}`."""
    found = defaultdict(set)
    for start, end, name in (arrow for crate in crates(sources) for arrow in crate.arrows()):
        found[start, end].add(name)
    for package in PYTHON_PACKAGES:
        for start, end, name in python_arrows(sources, package):
            found[start, end].add(name)
    return dict(found)


def crates(sources):
    for file in sources:
        if match := RUST_ROOTS.match(file):
            yield Crate(sources, file, (match.group(1) or "") + "src")


def rust_code(sources, directory):
    """The code of the modules in a directory, without comments, literals, and what is compiled for tests alone."""
    modules = [module for crate in crates(sources) for module in crate.modules.values()]
    return {module.file: module.code for module in modules if module.file.startswith(f"{directory}/")}


def circles(found):
    """The circles among arrows, each a sorted list of files that reach each other."""
    after = defaultdict(set)
    for start, end in found:
        after[start].add(end)
    reached = {file: reachable(after, file) for file in list(after)}
    circled = {file for file in reached if file in reached[file]}
    groups = {tuple(sorted({other for other in reached[file] if file in reached.get(other, ())})) for file in circled}
    return sorted(list(group) for group in groups)


def reachable(after, start):
    seen, ahead = set(), list(after[start])
    while ahead:
        file = ahead.pop()
        if file not in seen:
            seen.add(file)
            ahead.extend(after.get(file, ()))
    return seen


class Module:
    """One module of a crate: its file, what it defines and what it imports."""

    def __init__(self, file, path, text):
        self.file, self.path = file, path
        code = NO_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
        self.test_modules = set()
        self.code = self.without_tests(code)
        code = inlined(self.code)
        self.children = [name for name in MODULE.findall(code) if name not in self.test_modules]
        self.uses = [(bool(use.group(1)), *leaf) for use in USE.finditer(code) for leaf in leaves(use.group(2))]
        self.body = USE.sub("", code)
        top = at_top_level(self.body)
        self.defined = {name for match in DEFINITION.finditer(top) for name in match.groups() if name}
        self.words = set(WORD.findall(self.body))

    def without_tests(self, code):
        while match := FOR_TESTS.search(code):
            end = item_end(code, match.end())
            self.test_modules.update(MODULE.findall(code[match.end() : end]))
            code = code[: match.start()] + re.sub(r"[^\n]", " ", code[match.start() : end]) + code[end:]
        return code


class Crate:
    """The modules of a crate, and what their names stand for."""

    def __init__(self, sources, root, directory):
        self.modules = {}
        self.add(sources, root, (), directory)

    def add(self, sources, file, path, directory):
        """Adds the module in `file`, and those it declares, whose files are in `directory`."""
        module = self.modules[path] = Module(file, path, sources[file])
        for name in module.children:
            for child in (f"{directory}/{name}.rs", f"{directory}/{name}/mod.rs"):
                if child in sources:
                    self.add(sources, child, (*path, name), f"{directory}/{name}")

    def arrows(self):
        for module in self.modules.values():
            for name, target in self.names(module):
                end = self.definer(target, frozenset())
                if end is not None and end is not module:
                    yield module.file, end.file, name

    def names(self, module):
        """The names that a module uses: the last part, and the whole path from the crate's top."""
        imported = {}
        for handed_on, alias, path in module.uses:
            target = self.absolute(module, path)
            if target is None:
                continue
            imported[alias] = target
            if not handed_on or alias in module.words:
                yield path[-1], target
        for match in PATH.finditer(module.body):
            path = match.group().replace("r#", "").split("::")
            target = self.absolute(module, path)
            if target is None and path[0] in imported:
                target = (*imported[path[0]], *path[1:])
            if target is not None:
                yield path[-1], target

    def absolute(self, module, path):
        """A path from the crate's top; nothing if it is not of this crate."""
        here, rest = module.path, list(path)
        if rest[0] == "crate":
            return tuple(rest[1:])
        if rest[0] not in {"self", "super"}:
            return (*here, *rest) if rest[0] in module.children else None
        while rest and rest[0] in {"self", "super"}:
            here = here[:-1] if rest.pop(0) == "super" else here
        return (*here, *rest)

    def definer(self, path, seen):
        """The module that defines what a path from the crate's top names; nothing if that is a module itself."""
        module = self.modules[()]
        for index, name in enumerate(path):
            if name in module.children and (*module.path, name) in self.modules:
                module = self.modules[(*module.path, name)]
                continue
            return self.lookup(module, name, path[index + 1 :], seen)
        return None

    def lookup(self, module, name, rest, seen):
        if name in module.defined or (module.path, name) in seen:
            return module
        seen |= {(module.path, name)}
        for _, alias, path in module.uses:
            if alias == name:
                target = self.absolute(module, path)
                return None if target is None else self.definer((*target, *rest), seen)
        for _, alias, path in module.uses:
            if alias == "*" and (target := self.absolute(module, path[:-1])) is not None:
                found = self.definer((*target, name, *rest), seen)
                if found is not None and name in found.defined:
                    return found
        return module


def leaves(tree):
    """The names that a `use` brings, each with its path: `a::{b, c as d}` are b, which is a::b, and d, which is a::c."""
    tree = tree.strip()
    brace = tree.find("{")
    if brace >= 0:
        prefix = [part for part in tree[:brace].split("::") if part.strip()]
        for part in split_at_commas(tree[brace + 1 : tree.rindex("}")]):
            for alias, path in leaves(part):
                if path == ["self"]:
                    yield prefix[-1].strip(), [name.strip() for name in prefix]
                else:
                    yield alias, [name.strip() for name in prefix] + path
    elif tree:
        path, _, alias = tree.partition(" as ")
        path = [name.strip().removeprefix("r#") for name in path.split("::") if name.strip()]
        yield alias.strip() or path[-1], path


def split_at_commas(text):
    depth, start = 0, 0
    for index, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            yield text[start:index]
            start = index + 1
    yield text[start:]


def inlined(code):
    """The code of a file as if what its inline modules name of it were named by itself."""
    for match in INLINE_MODULE.finditer(code):
        end = item_end(code, match.start())
        inner = re.sub(r"\bsuper::(?!super)", "self::", code[match.end() : end])
        code = code[: match.end()] + inner.ljust(end - match.end()) + code[end:]
    return code


def item_end(code, start):
    """Returns the end of the item that begins at `start`: behind its semicolon, or behind its braces."""
    depth = 0
    for index in range(start, len(code)):
        letter = code[index]
        if letter in "{}":
            depth += 1 if letter == "{" else -1
            if letter == "}" and depth == 0:
                return index + 1
        if letter == ";" and depth == 0:
            return index + 1
    return len(code)


def at_top_level(code):
    """The code outside all braces."""
    kept, depth = [], 0
    for part in re.split(r"([{}])", code):
        if part in {"{", "}"}:
            depth += 1 if part == "{" else -1
        elif depth == 0:
            kept.append(part)
    return " ".join(kept)


def python_arrows(sources, directory):
    """The arrows among the Python files below a directory, from which they are imported."""
    modules = {}
    for file in sources:
        if file.startswith(f"{directory}/") and file.endswith(".py") and "/test" not in file:
            parts = PurePosixPath(file).relative_to(directory).with_suffix("").parts
            modules[parts[:-1] if parts[-1] == "__init__" else parts] = file
    imports = {name: list(python_imports(ast.parse(sources[file]), name, file)) for name, file in modules.items()}
    for name, file in modules.items():
        hands_on = Path(file).name == "__init__.py"
        for source, taken, alias in imports[name]:
            end = python_definer(modules, imports, source, taken)
            is_used = not hands_on or uses(sources[file], alias)
            if end is not None and end != file and is_used:
                yield file, end, taken


def python_imports(tree, name, file):
    """The imports of a module: the module it is from, its name there, and its name here."""
    package = name if Path(file).name == "__init__.py" else name[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            source = (*base, *(node.module.split(".") if node.module else ()))
            for taken in node.names:
                yield source, taken.name, taken.asname or taken.name
        elif isinstance(node, ast.Import):
            for taken in node.names:
                parts = tuple(taken.name.split("."))
                yield parts[:-1], parts[-1], taken.asname or parts[0]


def python_definer(modules, imports, source, name, seen=frozenset()):
    """The file that defines a name that is imported from a module; nothing if it is none of ours."""
    if (*source, name) in modules:
        return modules[(*source, name)]
    file = modules.get(source)
    if file is None or Path(file).name != "__init__.py" or (source, name) in seen:
        return file
    for other, taken, alias in imports[source]:
        if alias == name:
            return python_definer(modules, imports, other, taken, seen | {(source, name)})
    return file


def uses(text, name):
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(ast.parse(text)))
