"""The reference implementation in operations that every converter knows."""

import math
from dataclasses import replace

import keras
import numpy as np
from keras import ops

from keras_randproj.kernels import reference
from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.projections.hadamard import chosen_positions


def modulate(projection, inputs, alpha=None, scale=None, bias=None, before=()):
    """`Projection.modulate`, whatever implementation the projection names.

    Args:
        projection: A built `Projection`.
        inputs: Tensor `(..., input_dim)`.
        alpha: Tensor `(input_dim,)`, or `None` for ones.
        scale: Tensor `(units,)`, or `None` for ones.
        bias: Tensor `(units,)`, or `None` for zeros.
        before: Pairs `(projection, alpha)` of what comes before.

    Returns:
        Tensor `(..., units)`.
    """
    for first, inner in before:
        inputs = modulate(first, inputs, inner)
    if not keras.backend.is_float_dtype(inputs.dtype):
        inputs = ops.cast(inputs, projection.compute_dtype)
    operand = projection.operand()
    if isinstance(operand, SignedHadamard) and operand.positions is not None:
        positions = chosen_positions(projection.seed, projection.matrix_shape)
        return _chosen(operand, positions, inputs, alpha, scale, bias)
    return reference.modulate(operand, inputs, alpha, scale, bias)


def _chosen(operand, positions, x, alpha, scale, bias):
    """Takes all outputs of the transform, and chooses with `_gather`."""
    groups, order = operand.signs.shape
    every = replace(operand, cols=groups * order, positions=None)
    if operand.transposed:
        x = x if alpha is None else x * alpha
        rest = x[..., :1] * 0
        x = _gather(ops.concatenate([x, rest], -1), _slots(positions, every))
        y = reference.modulate(every, x)
        y = y * math.sqrt(every.cols / operand.cols)
    else:
        y = _gather(reference.modulate(every, x, alpha), positions)
    y = y if scale is None else y * scale
    return y if bias is None else y + bias


def _slots(positions, every):
    """For each output of the transform its place among the chosen."""
    slots = np.full(every.cols, len(positions), "int32")
    slots[positions] = np.arange(len(positions))
    return slots


def _gather(x, positions):
    """Columns of the last axis.

    In PyTorch `ops.take` leaves a comparison and a `ravel` in the graph, for
    which ONNX, OpenVINO and LiteRT have no rule, and LiteRT's converter takes
    64-bit positions once in a process only.
    """
    if keras.backend.backend() == "torch":
        return x.index_select(x.ndim - 1, ops.convert_to_tensor(positions))
    return ops.take(x, positions, axis=-1)
