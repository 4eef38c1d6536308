"""Gradients of the Hadamard kernels, and the kernel that gives all at once."""

from typing import Any

import torch
import triton
import triton.language as tl

from keras_randproj.kernels.triton.device import INTERPRETED
from keras_randproj.kernels.triton.device import processors
from keras_randproj.kernels.triton.hadamard import launch
from keras_randproj.kernels.triton.hadamard import or_any
from keras_randproj.kernels.triton.settings import PARTS
from keras_randproj.kernels.triton.settings import gradient_setting
from keras_randproj.kernels.triton.transform import entries
from keras_randproj.kernels.triton.transform import exits
from keras_randproj.kernels.triton.transform import factor
from keras_randproj.kernels.triton.transform import fetch
from keras_randproj.kernels.triton.transform import place
from keras_randproj.kernels.triton.transform import products
from keras_randproj.kernels.triton.transform import store
from keras_randproj.kernels.triton.transform import walsh


@triton.jit(do_not_specialize=["batch"])
def gradient_kernel(
    upstream,
    x,
    alpha,
    signs,
    slots,
    scale,
    dx,
    sums,
    batch,
    rows,
    cols,
    gain,
    ALPHA: tl.constexpr,
    SCALE: tl.constexpr,
    CHOSEN: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    FULL: tl.constexpr,
    SHAPE: tl.constexpr,
    BACK: tl.constexpr,
    PARTS: tl.constexpr,
    STAGES: tl.constexpr,
    WIDE: tl.constexpr,
):
    """All gradients of a stage of one tile: each number is read once.

    A program transforms a row of x and, back, the same row of the upstream
    gradient. With one row at a time, outputs of a transform lie as the inputs
    of the other do, so that products of both need nothing else.
    """
    if TRANSPOSED:
        inputs, outputs = cols, rows
    else:
        inputs, outputs = rows, cols
    left = walsh(SHAPE, True, TRANSPOSED)
    right = walsh(SHAPE, False, TRANSPOSED)
    back_left = walsh(BACK, True, not TRANSPOSED)
    back_right = walsh(BACK, False, not TRANSPOSED)
    _, index = entries(0, SHAPE)
    _, index_out = exits(0, SHAPE)
    at, here = place(index, slots, 0, inputs, TRANSPOSED, CHOSEN, SHAPE)
    to, there = place(
        index_out, slots, 0, outputs, not TRANSPOSED, CHOSEN, SHAPE
    )
    before = factor(alpha, signs, at, here, 1.0, ALPHA, not TRANSPOSED, FULL)
    after = factor(scale, signs, to, there, 1.0, SCALE, TRANSPOSED, FULL)
    of_alpha = tl.zeros(index.shape, tl.float32)
    of_scale = tl.zeros(index_out.shape, tl.float32)
    of_bias = tl.zeros(index_out.shape, tl.float32)
    for row in tl.range(
        tl.program_id(0), batch, tl.num_programs(0), num_stages=STAGES
    ):
        line = tl.full((), 0, tl.int64) + row
        given = fetch(upstream, line * outputs + to, there, FULL)
        values = fetch(x, line * inputs + at, here, FULL)
        of_bias += given
        of_scale += given * products(
            values * (before * gain), left, right, SHAPE, PARTS, WIDE
        )
        found = products(
            given * (after * gain), back_left, back_right, BACK, PARTS, WIDE
        )
        of_alpha += values * found
        store(dx, found * before, line * inputs + at, here, FULL)
    if TRANSPOSED:
        of_scale *= fetch(signs, to, there, FULL)
    else:
        of_alpha *= fetch(signs, at, here, FULL)
    sums += tl.program_id(0).to(tl.int64) * (inputs + 2 * outputs)
    tl.store(sums + at, of_alpha, mask=here)
    tl.store(sums + inputs + to, of_scale, mask=there)
    tl.store(sums + inputs + outputs + to, of_bias, mask=there)


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
    """Of a stage: the gradient of x, and those of the vectors.

    Returns:
        `(dx, sums)`, the latter one float32 vector: the gradient of alpha if
        `inward`, then, if `outward`, those of scale and of bias.
    """
    x, upstream = x.contiguous(), upstream.contiguous()
    sizes = gain, rows, cols, transposed
    dtype = str(x.dtype).removeprefix("torch.")
    chosen = gradient_setting(*signs.shape, dtype)
    if inward and outward and chosen and len(x):
        return _together(
            chosen, dtype, upstream, x, alpha, signs, slots, scale, *sizes
        )
    found = []
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
    if inward:
        found.append(inner[0])
    if outward:
        _, outer = launch(
            x,
            [] if alpha is None else [alpha],
            [signs],
            slots,
            None,
            None,
            *sizes,
            probe=upstream,
            store=False,
        )
        found.append(outer.reshape(-1))
    return dx, torch.cat(found) if found else dx.new_empty(
        0, dtype=torch.float32
    )


def _together(
    chosen,
    dtype,
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
):
    """`stage_gradients` by `gradient_kernel`."""
    order = signs.shape[1]
    batch, inputs = x.shape
    dx = torch.empty_like(x)
    programs = min(chosen.waves * processors(x.device), batch)
    sums = x.new_empty(
        (programs, inputs + 2 * upstream.shape[1]), dtype=torch.float32
    )
    gradient_kernel[(programs,)](
        upstream,
        x,
        or_any(alpha, x),
        signs,
        or_any(slots, x),
        or_any(scale, x),
        dx,
        sums,
        batch,
        rows,
        cols,
        gain,
        ALPHA=alpha is not None,
        SCALE=scale is not None,
        CHOSEN=slots is not None,
        TRANSPOSED=transposed,
        FULL=slots is None and rows == order and cols == order,
        SHAPE=chosen.shape(order, transposed),
        BACK=chosen.shape(order, not transposed),
        PARTS=PARTS[dtype],
        STAGES=chosen.stages,
        WIDE=INTERPRETED,
        num_warps=chosen.warps,
    )
    # The order of the programs is that of the sum: results repeat.
    return dx, sums.sum(0)


def gradients(
    upstream, x, alphas, signs, slots, scale, sizes, wanted, ahead, back
):
    """Gradients of x, of each alpha, and of scale and bias.

    Only the input was kept: inner activations are regenerated.

    Args:
        upstream: The gradient of the outputs.
        x: As in `hadamard.launch`, like what follows.
        alphas: A list.
        signs: A list.
        slots: A tensor or `None`.
        scale: A tensor or `None`.
        sizes: Gain, rows, columns and whether P^T is meant.
        wanted: Whether alphas' gradients are, and whether scale's or bias's.
        ahead: `hadamard.forward`, or the operator that calls it.
        back: `stage_gradients`, or the operator that calls it.

    Returns:
        `(dx, of alphas, of scale and bias)`: tensors, a list of them or of
        `None`, and `(2, outputs)` or `None`.
    """
    depth, outputs = len(signs), upstream.shape[-1]
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
        upstream, sums = back(
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
        if alpha is not None and (scale is None or scale.dtype == alpha.dtype):
            sums = sums.to(alpha.dtype)  # One cast for all vectors.
        inner = entered[k].shape[-1] if inward else 0
        found.append(sums[:inner] if inward else None)
        if last and outward:
            outer = sums[inner:].view(2, outputs)
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
