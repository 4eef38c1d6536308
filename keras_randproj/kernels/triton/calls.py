"""From an operand to a call of the operator that computes it."""

import math

import torch
from keras import ops

from keras_randproj.kernels.operands import PackedMatrix
from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.kernels.triton import operators
from keras_randproj.kernels.triton.stages_operator import hadamard_stages


def modulate(operand, x, alpha, scale, bias):
    """The kernels' product; see `kernels.triton.modulate`."""
    lead = x.shape[:-1]
    x = x.reshape(-1, operand.input_dim)
    vectors = _tensors(alpha, scale, bias)
    call = _hadamard if isinstance(operand, SignedHadamard) else _product
    y = call(operand, x, vectors, 1 / math.sqrt(operand.input_dim))
    return y.reshape(*lead, operand.output_dim)


def modulate_stages(operands, x, alphas, scale, bias):
    """The stages in one kernel; see `kernels.triton.modulate_stages`."""
    first, last = operands[0], operands[-1]
    order = first.signs.shape[1]
    lead = x.shape[:-1]
    scale, bias = _tensors(scale, bias)
    alpha, *rest = _tensors(*alphas)
    # One array holds all alphas: the first is as long as the others.
    alpha = torch.cat([alpha, alpha.new_zeros(order - first.input_dim), *rest])
    outer, inner = (first, last) if first.transposed else (last, first)
    y = hadamard_stages(
        x.reshape(-1, first.input_dim),
        alpha.reshape(-1, order),
        torch.cat([ops.convert_to_tensor(op.signs) for op in operands]),
        _slots(outer),
        scale,
        bias,
        inner.rows,
        outer.cols,
        first.transposed,
    )
    return y.reshape(*lead, last.output_dim)


def _tensors(*vectors):
    return [None if v is None else ops.convert_to_tensor(v) for v in vectors]


def _slots(operand):
    """Where each output of the transform stands among the chosen, or -1."""
    if operand.positions is None:
        return None
    signs = ops.convert_to_tensor(operand.signs)
    positions = ops.convert_to_tensor(operand.positions)
    slots = torch.full_like(signs, -1, dtype=torch.int32).flatten()
    chosen = torch.arange(operand.cols, dtype=torch.int32, device=signs.device)
    return slots.scatter(0, positions.long(), chosen)


def _hadamard(operand, x, vectors, gain):
    alpha, scale, bias = vectors
    return operators.hadamard(
        x,
        alpha,
        ops.convert_to_tensor(operand.signs),
        _slots(operand),
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
        levels, size = operand.levels, operand.size
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
