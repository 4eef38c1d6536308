"""The examples of public docstrings give what they say."""

import doctest
import importlib
import pkgutil
import re

import keras
import numpy as np
import pytest

import keras_randproj

BACKEND = keras.backend.backend()
# Modules that need one framework, a compiler, or eight devices.
ELSEWHERE = {"triton", "torch_cpu", "torch_export"}
ELSEWHERE |= {"torch_module", "layout_map"}
SHAPE = re.compile(r"(?:torch\.Size|TensorShape)\(\[(.*?)\]\)")


def modules():
    found = pkgutil.walk_packages(keras_randproj.__path__, "keras_randproj.")
    for module in sorted(info.name for info in found):
        if not ELSEWHERE & set(module.split(".")):
            yield importlib.import_module(module)


def examples():
    finder = doctest.DocTestFinder()
    names = {**vars(keras_randproj.adapters), **vars(keras_randproj.transfer)}
    names.update({n: getattr(keras_randproj, n) for n in dir(keras_randproj)})
    for module in modules():
        globs = {"keras": keras, "np": np, **names, **vars(module)}
        for test in finder.find(module, module.__name__, globs=globs):
            if test.examples:
                yield pytest.param(test, id=test.name)


class Checker(doctest.OutputChecker):
    """A backend's own class of shapes is a tuple."""

    def check_output(self, want, got, optionflags):
        got = SHAPE.sub(lambda m: f"({_tuple(m[1])})", got)
        return super().check_output(want, got, optionflags)


def _tuple(sizes):
    return sizes if "," in sizes else f"{sizes},"


@pytest.fixture(autouse=True)
def _no_distribution():
    """One example sets a distribution for the process."""
    yield
    keras.distribution.set_distribution(None)


@pytest.mark.parametrize("example", examples())
def test_an_example_gives_what_it_says(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(
        Checker(), optionflags=doctest.NORMALIZE_WHITESPACE
    )
    said: list[str] = []
    runner.run(example, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
