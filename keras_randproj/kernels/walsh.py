"""The Walsh-Hadamard matrix, and how the contract numbers its outputs."""

import functools

import numpy as np
from keras import ops

from keras_randproj.kernels.devices import in_dynamo


def factors(order):
    """`(n1, n2)` with `n1 * n2 = order` and `n1 <= n2`, powers of two."""
    power = order.bit_length() - 1
    first = 1 << (power // 2)
    return first, order // first


def row_of_h(position, order):
    """The row of H that an output position stands for."""
    first, second = factors(order)
    return position % first * second + position // first


def walsh(order, dtype):
    """H as a tensor."""
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


def pad_last(x, size):
    """Zeros behind the last axis."""
    missing = size - x.shape[-1]
    return ops.pad(x, [[0, 0], [0, missing]]) if missing else x
