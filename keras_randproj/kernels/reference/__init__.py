"""The implementation in plain `keras.ops`: it defines what is correct."""

from collections.abc import Callable

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

PRODUCTS: dict[type, Callable] = {
    StoredMatrix: stored.multiply,
    SignedHadamard: hadamard.multiply,
    SeededTiles: seeded.multiply,
    ChosenTiles: chosen.multiply,
    PackedMatrix: packed.multiply,
}


def refusals(operands, x):
    """None: it takes every call."""
    return []


def modulate(operands, x, alphas, scale=None, bias=None):
    """See `kernels.modulate`."""
    after = None
    for operand, alpha in zip(operands, alphas, strict=True):
        x = x if after is None else x * after
        before, after = split_gain(operand.input_dim)
        alpha = before if alpha is None else alpha * before
        x = PRODUCTS[type(operand)](operand, x, alpha)
    y = x * (after if scale is None else scale * after)
    return y if bias is None else y + bias
