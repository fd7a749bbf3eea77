"""The package with every version of Python that it supports.

Tests with the mark `one_version` are of the library beneath, which is one binary for all versions. `make test` runs them with one version
of Python, and the others with the lowest one as well; `make soak` runs all with both.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import pytest
from test_docstrings import PUBLIC, methods

import remofile

MODULES = sorted(module.name for module in pkgutil.iter_modules(remofile.__path__))
TESTS = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
FILE_OF_ONE_VERSION = re.compile(r"^pytestmark = pytest\.mark\.one_version$", re.MULTILINE)
#: A test with the mark, as far as the next line that is not part of it.
OF_ONE_VERSION = re.compile(r"^@pytest\.mark\.one_version\n(?:@.*\n)*def .*\n(?:[ \n].*\n?)*", re.MULTILINE)


def module_of(name):
    """Returns the module, or nothing if it belongs to a package that is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert not error.name.startswith("remofile"), error
        return None


class Runtime(ast.NodeTransformer):
    """Leaves out what is for type checkers alone."""

    def visit_If(self, node):
        return None if ast.unparse(node.test).endswith("TYPE_CHECKING") else self.generic_visit(node)


def used(source):
    """Yields what a module takes from others when it runs: the other's name, and the name that it has to have."""
    tree, modules = Runtime().visit(ast.parse(source)), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update((alias.asname or alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield modules[node.value.id], node.attr


@pytest.mark.parametrize("name", MODULES)
def test_every_name_of_other_modules_is_there(name):
    module = module_of(f"remofile.{name}")
    if module is None:
        pytest.skip("is for a package that is not installed")
    if not (module.__file__ or "").endswith(".py"):
        return
    for other, needed in used(Path(module.__file__).read_text(encoding="utf-8")):
        found = module_of(other)
        if found is not None and not hasattr(found, needed):
            assert module_of(f"{other}.{needed}"), f"Python {sys.version.split()[0]} has no {other}.{needed}"


def test_all_that_is_public_is_used_by_tests_that_run_with_every_version():
    classes = filter(inspect.isclass, (getattr(remofile, name) for name in PUBLIC))
    names = {*PUBLIC, *(name for public in classes for name, _ in methods(public))}
    anywhere = "\n".join(TESTS)
    everywhere = "\n".join(re.sub(OF_ONE_VERSION, "", text) for text in TESTS if not re.search(FILE_OF_ONE_VERSION, text))
    assert {name for name in names if is_in(name, anywhere) and not is_in(name, everywhere)} == set()


def is_in(name, text):
    return re.search(rf"\b{name}\b", text) is not None
