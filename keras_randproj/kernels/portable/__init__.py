"""`implementation="portable"`: operations that every converter knows.

It is the reference, but for the hadamard family with chosen outputs: those
are taken by positions that the program holds as constants.
"""

import math
from dataclasses import replace

import keras
import numpy as np
from keras import ops

from keras_randproj.kernels import reference
from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.matrices.hadamard import chosen_positions

CASTS = False


def refusals(operands, x):
    """None: it takes every call."""
    return []


def modulate(operands, x, alphas, scale=None, bias=None):
    """See `kernels.modulate`."""
    *before, (operand, alpha) = zip(operands, alphas, strict=True)
    for inner, inner_alpha in before:
        x = _one(inner, x, inner_alpha, None, None)
    return _one(operand, x, alpha, scale, bias)


def _one(operand, x, alpha, scale, bias):
    if not isinstance(operand, SignedHadamard) or operand.positions is None:
        return reference.modulate([operand], x, [alpha], scale, bias)
    if operand.chosen is None:
        shape = operand.rows, operand.cols
        positions = chosen_positions(operand.seed, shape)
    else:
        positions = np.array(operand.chosen, "int32")
    groups, order = operand.signs.shape
    every = replace(operand, cols=groups * order, positions=None)
    if operand.transposed:
        x = x if alpha is None else x * alpha
        rest = x[..., :1] * 0
        x = _gather(ops.concatenate([x, rest], -1), _slots(positions, every))
        y = reference.modulate([every], x, [None])
        y = y * math.sqrt(every.cols / operand.cols)
    else:
        y = _gather(reference.modulate([every], x, [alpha]), positions)
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
