"""The Walsh-Hadamard transform as two small matrix products.

With n = n1 * n2, H_n is the Kronecker product of H_n1 and H_n2: reshape to
n1 x n2, multiply by H_n2, swap the axes, multiply by H_n1. That costs
n (n1 + n2) products instead of n^2, and no array larger than the data.
The contract numbers the outputs so that no last transpose is needed.
"""

import keras
from keras import ops

from keras_randproj.kernels.devices import one_cpu
from keras_randproj.kernels.matmul import matmul
from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.kernels.reference import few_outputs
from keras_randproj.kernels.reference.walsh import pad_last
from keras_randproj.kernels.reference.walsh import walsh
from keras_randproj.matrices.hadamard import factors

# From this order on, JAX's second factor is a product and sums of so many: on
# a CPU, where it was measured.
SUMS_FROM = 4096
SUMS = 4


def multiply(operand: SignedHadamard, x, alpha):
    """`(alpha * x) @ P` for `P = (R H D)^T`, or its transpose."""
    lead = ops.shape(x)[:-1]
    x = ops.reshape(x, (-1, operand.input_dim))
    y = (
        _backward(operand, x, alpha)
        if operand.transposed
        else _forward(operand, x, alpha)
    )
    return y if len(lead) == 1 else ops.reshape(y, (*lead, operand.output_dim))


def _forward(operand, x, alpha):
    if few_outputs.wanted(operand, x.shape[0]):
        return few_outputs.multiply(operand, x, alpha)
    groups, order = operand.signs.shape
    signs = ops.cast(operand.signs, x.dtype)
    first, second = factors(order)
    if groups == 1 and order == operand.rows:
        x = x * (alpha * signs[0])
    else:
        x = pad_last(x * alpha, order)
        x = ops.expand_dims(x, 1) * signs
    y = _two_products(x, first, second)
    y = ops.reshape(y, (-1, groups * order))
    if operand.positions is None:
        return y
    return ops.take(y, operand.positions, axis=-1)


def _backward(operand, g, alpha):
    groups, order = operand.signs.shape
    first, second = factors(order)
    g = g * alpha
    if operand.positions is not None:
        g = ops.take(pad_last(g, operand.cols + 1), _slots(operand), axis=-1)
    y = _two_products(g, second, first)
    signs = ops.cast(operand.signs, y.dtype)
    y = ops.reshape(y, (-1, groups, order)) * signs
    y = y[:, 0] if groups == 1 else ops.sum(y, axis=1)
    return y if order == operand.rows else y[:, : operand.rows]


def _two_products(x, first, second):
    """(..., first * second) to (rows, second, first): H x, axes swapped.

    The swapped array is a product's operand and never copied.
    """
    parts = _parts(first * second)
    last = second // parts
    dtype = x.dtype
    y = matmul(ops.reshape(x, (-1, last)), walsh(last, dtype))
    y = ops.swapaxes(ops.reshape(y, (-1, first, second)), 1, 2)
    y = matmul(y, walsh(first, dtype))
    if parts == 1:
        return y
    y = ops.reshape(y, (-1, parts, last, first))
    wide = keras.backend.result_type(dtype, "float32")
    y = _sums([ops.cast(y[:, k], wide) for k in range(parts)])
    return ops.cast(ops.stack(y, axis=1), dtype)


def _parts(order):
    # TensorFlow makes an array of each sum where it runs without XLA.
    if keras.backend.backend() != "jax" or order < SUMS_FROM:
        return 1
    return SUMS if one_cpu() else 1


def _sums(parts):
    """H times a list of tensors."""
    if len(parts) == 1:
        return parts
    half = len(parts) // 2
    pairs = list(zip(parts[:half], parts[half:], strict=True))
    return [
        *_sums([low + high for low, high in pairs]),
        *_sums([low - high for low, high in pairs]),
    ]


def _slots(operand):
    """Where each of all outputs stands among the chosen; `cols` if nowhere."""
    groups, order = operand.signs.shape
    positions = ops.convert_to_tensor(operand.positions)
    every = ops.arange(groups * order, dtype=positions.dtype)
    slots = ops.searchsorted(positions, every)
    there = ops.take(positions, ops.minimum(slots, operand.cols - 1))
    return ops.where(there == every, slots, operand.cols)
