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
from keras_randproj.kernels.triton.settings import PARTS
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
        `(dx, inner, outer)`: the gradient of alpha if `inward`, and those of
        scale and bias, two, if `outward`; else `None`. Of vectors float32.
    """
    x, upstream = x.contiguous(), upstream.contiguous()
    sizes = gain, rows, cols, transposed
    batch = x.shape[0]
    if inward and outward and batch:
        found = launcher(
            x.device,
            x.dtype,
            batch,
            *signs.shape,
            *sizes,
            ALPHA=alpha is not None,
            SCALE=scale is not None,
            CHOSEN=slots is not None,
        )
        if found is not None:
            run, programs = found
            return _together(
                run, programs, upstream, x, alpha, signs, slots, scale
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
    outer: Any = None
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
        outer = outer.unbind()
    return dx, inner[0] if inward else None, outer


def _together(run, programs, upstream, x, alpha, signs, slots, scale):
    """`stage_gradients` by `gradient_kernel`."""
    inputs, outputs = x.shape[1], upstream.shape[1]
    dx = torch.empty_like(x)
    sums = x.new_empty(programs, inputs + 2 * outputs, dtype=torch.float32)
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
    sizes = inputs, outputs, outputs
    inner, *outer = sums.sum(0).split_with_sizes(sizes)
    return dx, inner, outer


@functools.lru_cache(MOST_LAUNCHERS)
def launcher(
    device, dtype, batch, groups, order, gain, rows, cols, transposed, **given
):
    """Of `gradient_kernel`, and of how many programs each adds up its rows.

    `None` where that kernel is not taken.
    """
    name = str(dtype).removeprefix("torch.")
    chosen = gradient_setting(groups, order, name)
    if chosen is None:
        return None
    arguments = given | {
        "batch": batch,
        "rows": rows,
        "cols": cols,
        "gain": gain,
        "TRANSPOSED": transposed,
        "FULL": not given["CHOSEN"] and rows == order and cols == order,
        "SHAPE": chosen.shape(order, transposed),
        "BACK": chosen.shape(order, not transposed),
        "PARTS": PARTS[name],
        "STAGES": chosen.stages,
        "WIDE": INTERPRETED,
    }
    programs = min(chosen.waves * processors(device), batch)
    options = {"num_warps": chosen.warps}
    grid = programs, 1, 1
    kernel = gradient_kernel.gradient_kernel
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
        `None`, and two tensors or `None`.
    """
    depth = len(signs)
    inward, outward = wanted
    outer: Any = None
    if depth == 1:
        alpha: Any = alphas[0] if alphas else None
        dx, inner, outer = back(
            upstream, x, alpha, signs[0], slots, scale, *sizes, *wanted
        )
        inner = as_dtype(inner, alpha.dtype) if inward else None
        return dx, [inner] if alphas else [], outer
    stages = [_stage(k, alphas, signs, slots, *sizes) for k in range(depth)]
    entered = [x]
    for alpha, sign, slot, *rest in stages[:-1]:
        entered.append(
            ahead(entered[-1], [alpha], [sign], slot, None, None, *rest)
        )
    found: list = []
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
        found.append(as_dtype(inner, alpha.dtype) if inward else None)
        outer = ends if last else outer
    return upstream, found[::-1][: len(alphas)], outer


def as_dtype(tensor, dtype):
    """The tensor in that dtype; `Tensor.to` costs time where it is already."""
    return tensor if tensor.dtype == dtype else tensor.to(dtype)


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
