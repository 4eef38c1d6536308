"""The implementation in plain `keras.ops`: it defines what is correct."""

from collections.abc import Callable

from keras_randproj.kernels.gain import split_gain
from keras_randproj.kernels.operands import PackedMatrix
from keras_randproj.kernels.operands import SeededTiles
from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.kernels.operands import StoredMatrix
from keras_randproj.kernels.reference import hadamard
from keras_randproj.kernels.reference import packed
from keras_randproj.kernels.reference import seeded
from keras_randproj.kernels.reference import stored

PRODUCTS: dict[type, Callable] = {
    StoredMatrix: stored.multiply,
    SignedHadamard: hadamard.multiply,
    SeededTiles: seeded.multiply,
    PackedMatrix: packed.multiply,
}


def refusals(operands, x):
    """None: it takes every call."""
    return []


def modulate(operands, x, alphas, scale=None, bias=None):
    """See `kernels.modulate`."""
    after = 1.0
    for operand, alpha in zip(operands, alphas, strict=True):
        before, rest = split_gain(operand.input_dim)
        gain = before * after
        x = PRODUCTS[type(operand)](
            operand, x, gain if alpha is None else alpha * gain
        )
        after = rest
    y = x * (after if scale is None else scale * after)
    return y if bias is None else y + bias
