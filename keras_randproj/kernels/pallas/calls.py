"""From an operand to the fused product that computes it."""

import math
from typing import Any

import jax.numpy as jnp
from keras import ops

from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.kernels.pallas.hadamard import HadamardProduct
from keras_randproj.kernels.pallas.modulated import modulated
from keras_randproj.kernels.pallas.product import Layout
from keras_randproj.kernels.pallas.product import SeededProduct


def modulate(operand, x, alpha, scale, bias):
    """The kernels' product; see `kernels.pallas.modulate`."""
    lead = x.shape[:-1]
    inputs, outputs = operand.input_dim, operand.output_dim
    x = x.reshape(math.prod(lead), inputs)
    if x.shape[0] == 0:
        return jnp.zeros((*lead, outputs), x.dtype)
    alpha = _given(alpha, inputs, 1)
    scale = _given(scale, outputs, 1)
    bias = _given(bias, outputs, 0)
    product, arrays = _product(operand, 1 / math.sqrt(inputs))
    y = modulated(product, x, alpha, scale, bias, *arrays)
    return y.reshape(*lead, outputs)


def _product(operand, gain):
    rows, cols, turned = operand.rows, operand.cols, operand.transposed
    if isinstance(operand, SignedHadamard):
        positions = operand.positions
        if positions is not None:
            positions = ops.convert_to_tensor(positions)
        arrays = ops.convert_to_tensor(operand.signs), positions
        return HadamardProduct(rows, cols, gain, turned), arrays
    spec: Any = operand.spec
    levels, size = operand.levels, operand.size
    layout = Layout(spec.code, spec.bits, spec.rows, spec.cols, levels)
    table = jnp.asarray(spec.values) if levels < 0 else None
    arrays = ops.convert_to_tensor(operand.key), table
    return SeededProduct(rows, cols, layout, gain * size, turned), arrays


def _given(vector, size, value):
    if vector is None:
        return jnp.full((size,), value, "float32")
    return ops.convert_to_tensor(vector)
