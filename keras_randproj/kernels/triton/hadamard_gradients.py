"""Gradients of the Hadamard kernels."""

import functools
from typing import Any

import torch

from keras_randproj.kernels.triton import gradient_kernel
from keras_randproj.kernels.triton.device import processors
from keras_randproj.kernels.triton.hadamard import launch
from keras_randproj.kernels.triton.hadamard import or_any
from keras_randproj.kernels.triton.launcher import MOST_LAUNCHERS
from keras_randproj.kernels.triton.launcher import Launcher
from keras_randproj.kernels.triton.requirements import INTERPRETED
from keras_randproj.kernels.triton.settings import gradient_setting


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
        `(dx, inner, outer)`, float32: the gradient of alpha if `inward`, and
        if `outward` `(2, outputs)`, those of scale and bias; else `None`.
    """
    x, upstream = x.contiguous(), upstream.contiguous()
    sizes = gain, rows, cols, transposed
    dtype = str(x.dtype).removeprefix("torch.")
    groups, order = signs.shape
    chosen = gradient_setting(groups, order, dtype)
    if inward and outward and chosen and len(x):
        return _together(
            chosen, upstream, x, alpha, signs, slots, scale, *sizes
        )
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
            *sizes,
            probe=upstream,
            store=False,
        )
    return dx, inner[0] if inward else None, outer


def _together(
    chosen,
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
    run, programs = launcher(
        x.device,
        chosen,
        batch,
        order,
        gain,
        rows,
        cols,
        ALPHA=alpha is not None,
        SCALE=scale is not None,
        CHOSEN=slots is not None,
        TRANSPOSED=transposed,
    )
    sums = x.new_empty(
        (programs, inputs + 2 * upstream.shape[1]), dtype=torch.float32
    )
    run(
        upstream,
        x,
        or_any(alpha, x),
        signs,
        or_any(slots, x),
        or_any(scale, x),
        dx,
        sums,
    )
    # The order of the programs is that of the sum: results repeat.
    sums = sums.sum(0)
    return dx, sums[:inputs], sums[inputs:].view(2, -1)


@functools.lru_cache(MOST_LAUNCHERS)
def launcher(device, chosen, batch, order, gain, rows, cols, **given):
    """A `Launcher`, and of how many programs each adds up its rows."""
    programs = min(chosen.waves * processors(device), batch)
    transposed = given["TRANSPOSED"]
    arguments = given | {
        "batch": batch,
        "rows": rows,
        "cols": cols,
        "gain": gain,
        "FULL": not given["CHOSEN"] and rows == order and cols == order,
        "SHAPE": chosen.shape(order, transposed),
        "BACK": chosen.shape(order, not transposed),
        "PARTS": 1,
        "STAGES": chosen.stages,
        "WIDE": INTERPRETED,
    }
    kernel, options = (
        gradient_kernel.gradient_kernel,
        {"num_warps": chosen.warps},
    )
    grid = programs, 1, 1
    return Launcher(kernel, grid, arguments, options, device), programs


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
        upstream, inner, ends = back(
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
        found.append(inner.to(alpha.dtype) if inward else None)
        outer = ends if last else outer
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
