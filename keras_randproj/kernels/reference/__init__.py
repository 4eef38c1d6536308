"""The implementation in plain `keras.ops`: it defines what is correct."""

from collections.abc import Callable

import keras
from keras import ops

from keras_randproj.kernels.devices import eager_torch
from keras_randproj.kernels.gain import split_gain
from keras_randproj.kernels.operands import ChosenTiles
from keras_randproj.kernels.operands import PackedMatrix
from keras_randproj.kernels.operands import SeededTiles
from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.kernels.operands import StoredMatrix
from keras_randproj.kernels.reference import chosen
from keras_randproj.kernels.reference import hadamard
from keras_randproj.kernels.reference import packed
from keras_randproj.kernels.reference import seeded
from keras_randproj.kernels.reference import stored

# Each takes the operand, x `(..., input_dim)` and alpha, `(input_dim,)` or a
# number, and gives `(..., output_dim)`.
PRODUCTS: dict[type, Callable] = {
    StoredMatrix: stored.multiply,
    SignedHadamard: hadamard.multiply,
    SeededTiles: seeded.multiply,
    ChosenTiles: chosen.multiply,
    PackedMatrix: packed.multiply,
}

CASTS = False


def refusals(operands, x):
    """None: it takes every call."""
    return []


def modulate(operands, x, alphas, scale=None, bias=None):
    """See `kernels.modulate`."""
    after = None
    for operand, alpha in zip(operands, alphas, strict=True):
        x = x if after is None else x * after
        before, after = operand.gain, None
        if keras.backend.standardize_dtype(x.dtype) == "float16":
            before, after = split_gain(operand)
        alpha = before if alpha is None else alpha * before
        x = PRODUCTS[type(operand)](operand, x, alpha)
    if after is not None:
        scale = after if scale is None else scale * after
    return _finish(x, scale, bias)


def _finish(y, scale, bias):
    """`y * scale + bias`."""
    if scale is not None and bias is not None and eager_torch():
        # One operator, and one pass over y.
        scale, bias = (ops.convert_to_tensor(v) for v in (scale, bias))
        return bias.addcmul(y, scale)
    y = y if scale is None else y * scale
    return y if bias is None else y + bias
