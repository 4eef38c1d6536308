"""Keras layers whose big matrix is a function of a seed.

Names are imported when they are first used, so that `keras_randproj.matrices`
and `keras-randproj verify` need neither Keras nor a framework. The layers are
known to `keras.saving.load_model` all the same: see `_registration`.
"""

import importlib
from typing import TYPE_CHECKING
from typing import Any

from keras_randproj import _backends
from keras_randproj import _registration

if TYPE_CHECKING:
    from keras_randproj import adapters as adapters
    from keras_randproj import config as config
    from keras_randproj import distribution as distribution
    from keras_randproj import exports as exports
    from keras_randproj import files as files
    from keras_randproj import layers as layers
    from keras_randproj import matrices as matrices
    from keras_randproj import projections as projections
    from keras_randproj import report as report
    from keras_randproj import training as training
    from keras_randproj import transfer as transfer
    from keras_randproj.exports.export import export as export
    from keras_randproj.layers import EUGenDense as EUGenDense
    from keras_randproj.layers import PRPDense as PRPDense
    from keras_randproj.layers import (
        PRPMultiHeadAttention as PRPMultiHeadAttention,
    )
    from keras_randproj.layers import PRPTransformerBlock as PRPTransformerBlock
    from keras_randproj.transfer.convert import convert as convert
    from keras_randproj.transfer.distill import distill as distill
    from keras_randproj.transfer.distill_layer import (
        distill_layer as distill_layer,
    )
    from keras_randproj.transfer.merge import merge as merge

__version__ = "0.1.0"

# The public names: parts of the package, and what is taken from one of them.
__all__ = [
    "EUGenDense",
    "PRPDense",
    "PRPMultiHeadAttention",
    "PRPTransformerBlock",
    "adapters",
    "config",
    "convert",
    "distill",
    "distill_layer",
    "distribution",
    "export",
    "exports",
    "files",
    "layers",
    "matrices",
    "merge",
    "projections",
    "report",
    "training",
    "transfer",
]
_NAMES = {
    "export": "exports",
    "EUGenDense": "layers",
    "PRPDense": "layers",
    "PRPMultiHeadAttention": "layers",
    "PRPTransformerBlock": "layers",
    "convert": "transfer",
    "distill": "transfer",
    "distill_layer": "transfer",
    "merge": "transfer",
}
_PARTS = sorted(set(__all__) - set(_NAMES))


def __getattr__(name: str) -> Any:
    part = _NAMES.get(name, name)
    if part not in _PARTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _backends.explaining():
        module = importlib.import_module(f"{__name__}.{part}")
    return getattr(module, name) if name in _NAMES else module


def __dir__() -> list[str]:
    return sorted({*globals(), *_PARTS, *_NAMES})


_registration.install()
