"""Tests of what `help` and `pydoc` show."""

import inspect

import pytest

import remofile

PUBLIC = [name for name in remofile.__all__ if not name.startswith("__")]
#: Whose every parameter is told at the method itself, and not at a relative that is referred to.
WHOLE = (remofile.RemofilePath, remofile.Token, remofile.Tokens)


def methods(public):
    for name, method in inspect.getmembers(public):
        if not name.startswith("_") and (inspect.isroutine(method) or isinstance(method, property)):
            # What is inherited from Python's own classes has its documentation there.
            if any(name in vars(base) for base in public.__mro__ if base.__module__.startswith("remofile")):
                yield name, method


@pytest.mark.parametrize("name", PUBLIC)
def test_all_that_is_public_is_documented(name):
    public = getattr(remofile, name)
    assert inspect.getdoc(public), name
    if inspect.isclass(public):
        for method, found in methods(public):
            assert inspect.getdoc(found), f"{name}.{method}"


@pytest.mark.parametrize("public", WHOLE)
def test_every_parameter_is_documented(public):
    for name, method in methods(public):
        if inspect.isroutine(method) and not inspect.isbuiltin(method):
            parameters = set(inspect.signature(method).parameters) - {"self", "cls"}
            text = inspect.getdoc(method)
            assert {parameter for parameter in parameters if parameter not in text} == set(), name
