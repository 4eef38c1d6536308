"""Launches of the Hadamard kernels, and the gradients that they give."""

import math
from typing import Any

import torch
import triton

from keras_randproj.kernels.triton import hadamard_kernels
from keras_randproj.kernels.triton.device import INTERPRETED
from keras_randproj.kernels.triton.device import processors
from keras_randproj.kernels.triton.settings import PARTS
from keras_randproj.kernels.triton.settings import setting


def launch(
    x,
    alphas,
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
    """`(y, sums)`: the modulated projections, and what the probe gives.

    Args:
        x: `(batch, inputs)`, contiguous.
        alphas: For each stage a vector of its inputs; empty for ones.
        signs: For each stage `(groups, order)`; several have one group, and
            pass on `order` numbers.
        slots: int32 `(groups * order,)`, the place of each output among the
            chosen or -1; `None` where all are taken.
        scale: `(outputs,)` or `None`.
        bias: `(outputs,)` or `None`.
        gain: Float, the first stage's factor.
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
    groups, order = signs[0].shape
    batch, outputs = x.shape[0], rows if transposed else cols
    y = x.new_empty((batch, outputs)) if store else None
    if batch == 0:
        empty = x.new_zeros((2, outputs), dtype=torch.float32)
        return y, None if probe is None else empty
    dtype = str(x.dtype).removeprefix("torch.")
    added = transposed and groups > 1
    single = added or probe is not None
    chosen = setting(order, dtype, len(signs), single)
    tiles = math.prod(chosen.cuts)
    kernel, lanes = hadamard_kernels.tile_kernel, tiles
    if tiles > 1 and not single:
        kernel, lanes = hadamard_kernels.row_kernel, 1
    lanes *= 1 if transposed else groups
    programs = chosen.waves * processors(x.device) // lanes
    programs = max(1, min(programs, triton.cdiv(batch, chosen.rows)))
    sums = None
    if probe is not None:
        sums = x.new_empty((programs, 2, outputs), dtype=torch.float32)
    whole = slots is None and rows == order and cols == groups * order
    kernel[(programs, lanes)](
        x,
        tuple(alphas) or (x,),
        tuple(signs),
        _or(slots, x),
        _or(scale, x),
        _or(bias, x),
        _or(probe, x),
        _or(y, x),
        _or(sums, x),
        batch,
        rows,
        cols,
        gain,
        ALPHA=bool(alphas),
        SCALE=scale is not None,
        BIAS=bias is not None,
        CHOSEN=slots is not None,
        PROBE=probe is not None,
        STORE=store,
        TRANSPOSED=transposed,
        GROUPS=groups,
        FULL=whole and batch % chosen.rows == 0,
        SHAPE=chosen.shape(order, transposed),
        PARTS=PARTS[dtype],
        STAGES=chosen.stages,
        WIDE=INTERPRETED,
        num_warps=chosen.warps,
    )
    # The order of the programs is that of the sum: results repeat.
    return y, sums if sums is None else sums.sum(0)


def _or(tensor, stand_in):
    """A kernel takes a pointer also where it reads nothing."""
    return stand_in if tensor is None else tensor


def forward(x, alphas, signs, slots, scale, bias, gain, rows, cols, transposed):
    """The modulated projection alone; see `launch`."""
    x = x.contiguous()
    sizes = gain, rows, cols, transposed
    return launch(x, alphas, signs, slots, scale, bias, *sizes)[0]


def stage_gradients(
    upstream,
    x,
    alpha,
    signs,
    slots,
    scale,
    gain,
    rows,
    cols,
    transposed,
    inward,
    outward,
):
    """Of a stage: gradients of x, of alpha, and of scale and bias.

    The transposed transform of the upstream gradient gives the first two in
    one pass, alpha's if `inward`; `outward` asks for the last, `(2, outputs)`,
    which take a transform of x. What is not asked for is `None`.
    """
    x, upstream = x.contiguous(), upstream.contiguous()
    dx, inner = launch(
        upstream,
        [] if scale is None else [scale],
        [signs],
        slots,
        alpha,
        None,
        gain,
        rows,
        cols,
        not transposed,
        probe=x if inward else None,
    )
    outer = None
    if outward:
        _, outer = launch(
            x,
            [] if alpha is None else [alpha],
            [signs],
            slots,
            None,
            None,
            gain,
            rows,
            cols,
            transposed,
            probe=upstream,
            store=False,
        )
    return dx, inner, outer


def gradients(
    upstream, x, alphas, signs, slots, scale, sizes, wanted, ahead, back
):
    """Gradients of x, of each alpha, and of scale and bias, `(2, outputs)`.

    Only the input was kept: inner activations are regenerated.

    Args:
        upstream: The gradient of the outputs.
        x: As in `launch`, like what follows.
        alphas: A list.
        signs: A list.
        slots: A tensor or `None`.
        scale: A tensor or `None`.
        sizes: Gain, rows, columns and whether P^T is meant.
        wanted: Whether alphas' gradients are, and whether scale's or bias's.
        ahead: `forward`, or the operator that calls it.
        back: `stage_gradients`, or the operator that calls it.
    """
    depth = len(signs)
    inward, outward = wanted
    stages = [_stage(k, alphas, signs, slots, *sizes) for k in range(depth)]
    entered = [x]
    for alpha, sign, slot, *rest in stages[:-1]:
        entered.append(
            ahead(entered[-1], [alpha], [sign], slot, None, None, *rest)
        )
    found: list = []
    outer: Any = None
    for k in reversed(range(depth)):
        last = k == depth - 1
        alpha, sign, slot, *rest = stages[k]
        upstream, inner, sums = back(
            upstream,
            entered[k],
            alpha,
            sign,
            slot,
            scale if last else None,
            *rest,
            inward,
            last and outward,
        )
        outer = sums if last else outer
        found.append(inner[0].to(alpha.dtype) if inward else None)
    return upstream, found[::-1][: len(alphas)], outer


def _stage(k, alphas, signs, slots, gain, rows, cols, transposed):
    """What a stage alone takes, without scale and bias."""
    depth, order = len(signs), signs[0].shape[1]
    # Rows of P face the layer's input, its columns the output.
    top, end = (depth - 1, 0) if transposed else (0, depth - 1)
    return (
        alphas[k] if alphas else None,
        signs[k],
        slots if k == end else None,
        order**-0.5 if k else gain,
        rows if k == top else order,
        cols if k == end else order,
        transposed,
    )
