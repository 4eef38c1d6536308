"""The Walsh-Hadamard transform as two small matrix products.

With n = n1 * n2, H_n is the Kronecker product of H_n1 and H_n2: reshape to
n1 x n2, multiply by H_n2, swap the axes, multiply by H_n1. That costs
n (n1 + n2) products instead of n^2, and no array larger than the data.
The contract numbers the outputs so that no last transpose is needed.
"""

import functools
import math

import keras
import numpy as np
from keras import ops

from keras_randproj.kernels import few_outputs
from keras_randproj.kernels.devices import in_dynamo
from keras_randproj.kernels.devices import one_cpu
from keras_randproj.kernels.operands import SignedHadamard


def multiply(operand: SignedHadamard, x, alpha):
    """`(alpha * x) @ P` for `P = (R H D)^T`, or its transpose.

    Args:
        operand: The projection.
        x: Tensor `(..., input_dim)`.
        alpha: Tensor `(input_dim,)` or number.

    Returns:
        Tensor `(..., output_dim)`.
    """
    lead = ops.shape(x)[:-1]
    x = ops.reshape(x, (-1, operand.input_dim))
    y = (
        _backward(operand, x, alpha)
        if operand.transposed
        else _forward(operand, x, alpha)
    )
    return y if len(lead) == 1 else ops.reshape(y, (*lead, operand.output_dim))


def _forward(operand, x, alpha):
    groups, order = operand.signs.shape
    if _wants_few(operand, x.shape[0]):
        return _few_outputs(operand, x, alpha)
    first, second = factors(order)
    if groups == 1 and order == operand.rows:
        x = x * (alpha * operand.signs[0])
    else:
        x = _pad_last(x * alpha, order)
        x = ops.expand_dims(x, 1) * operand.signs
    y = _two_products(x, first, second)
    y = ops.reshape(y, (-1, groups * order))
    if operand.positions is None:
        return y
    return ops.take(y, operand.positions, axis=-1)


def _wants_few(operand, rows):
    # torch has a kernel of its own, and unrolls loops where it compiles.
    if not operand.fullest or keras.backend.backend() == "torch":
        return False
    groups, order = operand.signs.shape
    sizes = rows, order, groups, operand.cols
    return few_outputs.pays(*sizes, few_outputs.SHARES) and one_cpu()


def _few_outputs(operand, x, alpha):
    order, cols = operand.signs.shape[1], operand.cols
    count = few_outputs.parts(cols)
    rows_of_h = row_of_h(operand.positions, order)
    taken, place = few_outputs.columns(rows_of_h, order, operand.fullest)
    walsh = ops.take(_walsh(order // count, x.dtype), taken, axis=0)
    walsh = ops.swapaxes(walsh, 1, 2)
    size = few_outputs.rows_per_block(x.shape[0], order)

    def block(x):
        x = _pad_last(x * alpha, order) * operand.signs[0]
        y = ops.reshape(x, (size, count, order // count))
        y = ops.einsum("pq,rqw->prw", _walsh(count, y.dtype), y)
        y = ops.swapaxes(ops.matmul(y, walsh), 0, 1)
        return ops.take(ops.reshape(y, (size, -1)), place, axis=-1)

    y = ops.map(block, ops.reshape(x, (-1, size, operand.rows)))
    # Weights that were overwritten do not fit what the seed said of them.
    return ops.where(place < 0, math.nan, ops.reshape(y, (-1, cols)))


def _backward(operand, g, alpha):
    groups, order = operand.signs.shape
    first, second = factors(order)
    g = g * alpha
    if operand.positions is not None:
        g = ops.take(_pad_last(g, operand.cols + 1), _slots(operand), axis=-1)
    y = _two_products(g, second, first)
    y = ops.reshape(y, (-1, groups, order)) * operand.signs
    y = y[:, 0] if groups == 1 else ops.sum(y, axis=1)
    return y if order == operand.rows else y[:, : operand.rows]


def _two_products(x, first, second):
    """(..., first * second) to (rows, second, first): H x, axes swapped.

    The swapped array is a product's operand and never copied.
    """
    dtype = x.dtype
    y = ops.matmul(ops.reshape(x, (-1, second)), _walsh(second, dtype))
    y = ops.swapaxes(ops.reshape(y, (-1, first, second)), 1, 2)
    return ops.matmul(y, _walsh(first, dtype))


def factors(order):
    """`(n1, n2)` with `n1 * n2 = order` and `n1 <= n2`, powers of two."""
    power = order.bit_length() - 1
    first = 1 << (power // 2)
    return first, order // first


def row_of_h(position, order):
    """The row of H that an output position stands for."""
    first, second = factors(order)
    return position % first * second + position // first


def _slots(operand):
    """Where each of all outputs stands among the chosen; `cols` if nowhere."""
    groups, order = operand.signs.shape
    chosen = ops.arange(1, operand.cols + 1, dtype="int32")
    found = ops.scatter(
        ops.expand_dims(operand.positions, -1), chosen, (groups * order,)
    )
    return ops.where(found == 0, operand.cols, found - 1)


def _pad_last(x, size):
    missing = size - x.shape[-1]
    return ops.pad(x, [[0, 0], [0, missing]]) if missing else x


def _walsh(order, dtype):
    if in_dynamo():
        return _traced_walsh(order, dtype)
    return ops.convert_to_tensor(walsh_matrix(order), dtype=dtype)


def _traced_walsh(order, dtype):
    """The matrix from its formula: graphs of torch take no NumPy arrays."""
    index = ops.arange(order, dtype="int32")
    bits = ops.bitwise_and(ops.expand_dims(index, 1), index)
    for shift in (16, 8, 4, 2, 1):
        bits = ops.bitwise_xor(bits, ops.right_shift(bits, shift))
    return ops.cast(1 - 2 * ops.bitwise_and(bits, 1), dtype)


@functools.cache
def walsh_matrix(order):
    """H in the natural order: entry (i, j) is (-1)^popcount(i AND j)."""
    matrix = np.ones((1, 1), "float32")
    while len(matrix) < order:
        matrix = np.kron([[1, 1], [1, -1]], matrix).astype("float32")
    return matrix
