"""From operands to calls of the kernels for JAX, a stage each."""

import math

import jax.numpy as jnp
from keras import ops

from keras_randproj.kernels import reference
from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.kernels.triton.jax_hadamard import hadamard
from keras_randproj.kernels.triton.jax_product import product
from keras_randproj.kernels.triton.matrix import layout_of
from keras_randproj.kernels.triton.settings import library_is_faster


def modulate(operands, x, alphas, scale, bias):
    """See `kernels.triton.modulate`."""
    for k, (operand, alpha) in enumerate(zip(operands, alphas, strict=True)):
        last = k == len(operands) - 1
        vectors = (scale, bias) if last else (None, None)
        x = _stage(operand, x, alpha, *vectors)
    return x


def _stage(operand, x, alpha, scale, bias):
    lead, outputs = x.shape[:-1], operand.output_dim
    if math.prod(lead) == 0:
        return jnp.zeros((*lead, outputs), x.dtype)
    structured = isinstance(operand, SignedHadamard)
    if structured and library_is_faster(operand.signs.shape[1], x.dtype.name):
        return reference.modulate([operand], x, [alpha], scale, bias)
    run = _hadamard if structured else _product
    x = x.reshape(-1, operand.input_dim)
    return run(operand, x, alpha, scale, bias).reshape(*lead, outputs)


def _hadamard(operand, x, alpha, scale, bias):
    return hadamard(
        x,
        _vector(alpha, operand.input_dim, 1),
        ops.convert_to_tensor(operand.signs),
        _slots(operand),
        _vector(scale, operand.output_dim, 1),
        _vector(bias, operand.output_dim, 0),
        (operand.rows, operand.cols, operand.gain),
        operand.transposed,
    )


def _product(operand, x, alpha, scale, bias):
    source, layout, size = layout_of(operand)
    alpha, scale, bias = (
        None if vector is None else ops.convert_to_tensor(vector)
        for vector in (alpha, scale, bias)
    )
    return product(
        x,
        alpha,
        ops.convert_to_tensor(source),
        scale,
        bias,
        operand.gain * size,
        tuple(layout),
        operand.transposed,
    )


def _vector(vector, size, value):
    if vector is None:
        return jnp.full((size,), value, "float32")
    return ops.convert_to_tensor(vector)


def _slots(operand):
    """Where each output of the transform stands among the chosen, or -1."""
    if operand.positions is None:
        return None
    positions = ops.convert_to_tensor(operand.positions)
    groups, order = operand.signs.shape
    slots = jnp.full((groups * order,), -1, "int32")
    return slots.at[positions].set(jnp.arange(operand.cols, dtype="int32"))
