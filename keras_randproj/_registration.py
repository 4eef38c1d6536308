"""Keras learns of the layers as soon as both packages are imported.

`keras.saving.load_model` finds a class that registered itself when its module
was imported. `import keras_randproj` imports no layer, as that takes Keras and
a framework; so they are imported right after Keras, whichever comes first.
"""

import contextlib
import importlib
import importlib.abc
import sys
import threading
from typing import Any

PACKAGE = __package__
# The parts whose classes files name.
LAYERS = (f"{PACKAGE}.layers", f"{PACKAGE}.adapters")


def install() -> None:
    """Imports the layers now, if Keras is there, or right after it."""
    if sys.modules.get("keras"):
        _import_layers()
    else:
        sys.meta_path.insert(0, _AfterKeras())


def _import_layers() -> None:
    for part in LAYERS:
        importlib.import_module(part)


class _AfterKeras:
    """A finder that finds nothing itself, and sees imports end.

    Layers import Keras themselves, so that Keras may be imported in the
    middle of a part of this package. What counts is the end of the outermost
    import of Keras or of a part, where all that it needs is complete.
    """

    def __init__(self):
        self._importing = threading.local()

    def find_spec(self, name, path=None, target=None):
        if name != "keras" and not name.startswith(f"{PACKAGE}."):
            return None
        for finder in list(sys.meta_path):
            if finder is not self and hasattr(finder, "find_spec"):
                spec: Any = finder.find_spec(name, path, target)
                if spec is not None:
                    if spec.loader is not None:
                        spec.loader = _Loader(spec.loader, self)
                    return spec
        return None

    @contextlib.contextmanager
    def importing(self):
        depth = getattr(self._importing, "depth", 0)
        self._importing.depth = depth + 1
        try:
            yield
        finally:
            self._importing.depth = depth
        if not depth and self in sys.meta_path and sys.modules.get("keras"):
            sys.meta_path.remove(self)
            _import_layers()


class _Loader(importlib.abc.Loader):
    """A module's loader, until the module is executed."""

    def __init__(self, loader, finder):
        self._loader = loader
        self._finder = finder

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self._loader
        with self._finder.importing():
            self._loader.exec_module(module)
