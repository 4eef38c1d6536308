"""Grids and buffers of the Hadamard kernels."""

import torch
import triton

from keras_randproj.kernels.triton import hadamard
from keras_randproj.kernels.triton.device import arithmetic
from keras_randproj.kernels.triton.device import processors

# Numbers that a program holds at a time, and the fewest that fill the
# 16 x 16 products. Not measured on a GPU yet.
TILE = 4096
LEAST_TILE = 256
# Programs for each processor: more hide latency, fewer make smaller sums.
WAVES = 4


def transform(
    x,
    alpha,
    signs,
    slots,
    scale,
    bias,
    gain,
    rows,
    cols,
    transposed,
    probe=None,
    store=True,
):
    """`(y, sums)`: the modulated projection, and what the probe gives.

    Args:
        x: `(batch, inputs)`, contiguous.
        alpha: `(inputs,)` or `None`.
        signs: `(groups, order)`.
        slots: int32 `(groups * order,)`, the place of each output among the
            chosen or -1; `None` where all are taken.
        scale: `(outputs,)` or `None`.
        bias: `(outputs,)` or `None`.
        gain: Float, factor of the projection before scale and bias.
        rows: Integer, rows of P.
        cols: Integer, columns of P.
        transposed: Whether P^T is meant.
        probe: `(batch, outputs)` or `None`.
        store: Whether y is wanted.

    Returns:
        y is `(batch, outputs)` or `None`; sums is float32 `(2, outputs)`, the
        sums over the batch of `probe` times the projection before scale and
        bias, and of `probe` itself, or `None` without a probe.
    """
    groups, order = signs.shape
    batch, outputs = x.shape[0], rows if transposed else cols
    y = x.new_empty((batch, outputs)) if store else None
    lanes = 1 if transposed else groups
    block, programs, warps = layout(batch, order, lanes, x.device)
    sums = None
    if probe is not None:
        sums = x.new_empty((programs, 2, outputs), dtype=torch.float32)
    if batch == 0:
        return y, sums if sums is None else sums.new_zeros((2, outputs))
    kernel = hadamard.adjoint_kernel if transposed else hadamard.forward_kernel
    kernel[(programs, lanes)](
        x,
        or_stand_in(alpha, x),
        signs,
        or_stand_in(slots, x),
        or_stand_in(scale, x),
        or_stand_in(bias, x),
        or_stand_in(y, x),
        or_stand_in(probe, x),
        or_stand_in(sums, x),
        batch,
        rows,
        cols,
        gain,
        ALPHA=alpha is not None,
        SCALE=scale is not None,
        BIAS=bias is not None,
        CHOSEN=slots is not None,
        STORE=store,
        PROBE=probe is not None,
        GROUPS=groups,
        BLOCK=block,
        POWER=order.bit_length() - 1,
        # Rows fill the registers: none are fetched ahead into shared memory.
        num_stages=1,
        num_warps=warps,
        **arithmetic(x.dtype),
    )
    return y, sums if sums is None else sums.sum(0)


def layout(batch, order, lanes, device):
    """`(block, programs, warps)`: rows at a time, and who works on them.

    Args:
        batch: Integer.
        order: Integer, numbers of a row.
        lanes: Integer, programs that share rows.
        device: The torch device.
    """
    block = max(1, (TILE if batch * order >= TILE else LEAST_TILE) // order)
    programs = WAVES * processors(device) // lanes
    programs = max(1, min(programs, triton.cdiv(batch, block)))
    return block, programs, max(4, min(32, block * order // 512))


def or_stand_in(tensor, stand_in):
    """A kernel takes a pointer also where it reads nothing."""
    return stand_in if tensor is None else tensor
