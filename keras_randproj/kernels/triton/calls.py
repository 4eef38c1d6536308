"""From an operand to a call of the operator that computes it."""

import math

import torch
from keras import ops

from keras_randproj.kernels.operands import PackedMatrix
from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.kernels.triton import operators


def modulate(operand, x, alpha, scale, bias):
    """The kernels' product; see `kernels.triton.modulate`."""
    lead = x.shape[:-1]
    x = x.reshape(-1, operand.input_dim)
    vectors = [
        None if vector is None else ops.convert_to_tensor(vector)
        for vector in (alpha, scale, bias)
    ]
    call = _hadamard if isinstance(operand, SignedHadamard) else _product
    y = call(operand, x, vectors, 1 / math.sqrt(operand.input_dim))
    return y.reshape(*lead, operand.output_dim)


def _hadamard(operand, x, vectors, gain):
    alpha, scale, bias = vectors
    signs = ops.convert_to_tensor(operand.signs)
    slots = None
    if operand.positions is not None:
        positions = ops.convert_to_tensor(operand.positions)
        slots = torch.full_like(signs, -1, dtype=torch.int32).flatten()
        chosen = torch.arange(operand.cols, dtype=torch.int32, device=x.device)
        slots = slots.scatter(0, positions.long(), chosen)
    return operators.hadamard(
        x,
        alpha,
        signs,
        slots,
        scale,
        bias,
        gain,
        operand.rows,
        operand.cols,
        operand.transposed,
    )


def _product(operand, x, vectors, gain):
    alpha, scale, bias = vectors
    if isinstance(operand, PackedMatrix):
        source, size = operand.words, operand.size
        layout = [operand.rows, operand.cols, 1, 0, operand.bits, 1, 1, 0]
    else:
        source, spec = operand.key, operand.spec
        levels, size = spec.law
        layout = [operand.rows, operand.cols, 0, spec.code, spec.bits]
        layout += [spec.rows, spec.cols, levels]
    return operators.product(
        x,
        alpha,
        ops.convert_to_tensor(source),
        scale,
        bias,
        gain * size,
        layout,
        operand.transposed,
    )
