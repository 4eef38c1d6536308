"""The implementation in plain `keras.ops`: it defines what is correct."""

import math

from keras_randproj.kernels import hadamard
from keras_randproj.kernels import packed
from keras_randproj.kernels import regenerate
from keras_randproj.kernels import stored
from keras_randproj.kernels.operands import PackedMatrix
from keras_randproj.kernels.operands import SeededTiles
from keras_randproj.kernels.operands import SignedHadamard


def modulate(operand, x, alpha=None, scale=None, bias=None):
    """`scale * (P^T (alpha * x)) / sqrt(input_dim) + bias`.

    Args:
        operand: The matrix P, one of `kernels.operands`.
        x: Tensor `(..., input_dim)`.
        alpha: Tensor `(input_dim,)`, or `None` for ones.
        scale: Tensor `(output_dim,)`, or `None` for ones.
        bias: Tensor `(output_dim,)`, or `None` for zeros.

    Returns:
        Tensor `(..., output_dim)` of x's dtype.
    """
    before, after = split_gain(operand.input_dim)
    alpha = before if alpha is None else alpha * before
    scale = after if scale is None else scale * after
    if isinstance(operand, SignedHadamard):
        y = hadamard.multiply(operand, x, alpha)
    elif isinstance(operand, SeededTiles):
        y = regenerate.multiply(operand, x * alpha)
    elif isinstance(operand, PackedMatrix):
        y = packed.multiply(operand, x * alpha)
    else:
        y = stored.multiply(operand, x * alpha)
    y = y * scale
    return y if bias is None else y + bias


def split_gain(input_dim):
    """`1/sqrt(input_dim)` as a power of two and a rest in `(1/2, 1]`.

    The power of two goes on the input and the rest on the output: entries of
    P stay at unit variance, and half precision neither overflows in the sum
    nor loses a bit.
    """
    before = 2.0 ** -(math.floor(math.log2(input_dim)) // 2)
    return before, 1.0 / (math.sqrt(input_dim) * before)
