"""Everything public says what it takes and gives."""

import inspect

import pytest

import keras_randproj

pytestmark = pytest.mark.one_backend

PARTS = [getattr(keras_randproj, name) for name in keras_randproj._PARTS]


def public_names(module):
    return [name for name in vars(module) if not name.startswith("_")]


def functions():
    """Public functions, and methods of public classes and of their bases."""
    found = {}
    for part in PARTS:
        for name in public_names(part):
            value = getattr(part, name)
            if inspect.isclass(value):
                found |= methods(value)
            elif inspect.isfunction(value):
                found[f"{value.__module__}.{name}"] = value
    return found


def methods(cls):
    found = {}
    for base in cls.__mro__:
        if not base.__module__.startswith("keras_randproj"):
            continue
        for name, value in vars(base).items():
            if isinstance(value, (classmethod, staticmethod)):
                value = value.__func__
            if isinstance(value, property):
                value = value.fget
            public = not name.startswith("_") or name == "__init__"
            if public and inspect.isfunction(value):
                found[f"{base.__module__}.{base.__name__}.{name}"] = value
    return found


def missing(function):
    signature = inspect.signature(function)
    names = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is parameter.empty
        and parameter.name not in ("self", "cls")
    ]
    if signature.return_annotation is signature.empty:
        names.append("return")
    return names


FUNCTIONS = functions()


def test_there_are_many():
    assert len(FUNCTIONS) > 150
    assert "keras_randproj.transfer.convert.convert" in FUNCTIONS
    assert "keras_randproj.layers.prp_dense.PRPDense.call" in FUNCTIONS


@pytest.mark.parametrize(
    "module", sorted({f.__module__ for f in FUNCTIONS.values()})
)
def test_every_parameter_and_result_is_annotated(module):
    lacking = {
        name: missing(function)
        for name, function in FUNCTIONS.items()
        if function.__module__ == module and missing(function)
    }
    assert lacking == {}
