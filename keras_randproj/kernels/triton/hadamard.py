"""Launches of the Hadamard kernels."""

import functools
import math

import torch
import triton

from keras_randproj.kernels.triton import hadamard_kernels
from keras_randproj.kernels.triton.device import processors
from keras_randproj.kernels.triton.launcher import MOST_LAUNCHERS
from keras_randproj.kernels.triton.launcher import Launcher
from keras_randproj.kernels.triton.requirements import INTERPRETED
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
    y = x.new_empty(batch, outputs) if store else None
    if batch == 0:
        empty = x.new_zeros((2, outputs), dtype=torch.float32)
        return y, None if probe is None else empty
    run, programs = launcher(
        x.device,
        x.dtype,
        batch,
        groups,
        order,
        len(signs),
        gain,
        rows,
        cols,
        ALPHA=bool(alphas),
        SCALE=scale is not None,
        BIAS=bias is not None,
        CHOSEN=slots is not None,
        PROBE=probe is not None,
        STORE=store,
        TRANSPOSED=transposed,
    )
    sums = None
    if probe is not None:
        sums = x.new_empty(programs, 2, outputs, dtype=torch.float32)
    run(
        x,
        tuple(alphas) or (x,),
        tuple(signs),
        # A kernel takes a pointer also where it reads nothing.
        x if slots is None else slots,
        x if scale is None else scale,
        x if bias is None else bias,
        x if probe is None else probe,
        x if y is None else y,
        x if sums is None else sums,
    )
    # The order of the programs is that of the sum: results repeat.
    return y, sums if sums is None else sums.sum(0)


@functools.lru_cache(MOST_LAUNCHERS)
def launcher(
    device, dtype, batch, groups, order, depth, gain, rows, cols, **given
):
    """A `Launcher`, and of how many programs each adds up its rows."""
    name = str(dtype).removeprefix("torch.")
    transposed, probed = given["TRANSPOSED"], given["PROBE"]
    added = transposed and groups > 1
    single = added or probed
    chosen = setting(order, name, depth, single)
    tiles = math.prod(chosen.cuts)
    kernel, lanes = hadamard_kernels.tile_kernel, tiles
    if tiles > 1 and not single:
        kernel, lanes = hadamard_kernels.row_kernel, 1
    lanes *= 1 if transposed else groups
    programs = chosen.waves * processors(device) // lanes
    programs = max(1, min(programs, triton.cdiv(batch, chosen.rows)))
    whole = not given["CHOSEN"] and rows == order and cols == groups * order
    arguments = given | {
        "batch": batch,
        "rows": rows,
        "cols": cols,
        "gain": gain,
        "GROUPS": groups,
        "FULL": whole and batch % chosen.rows == 0,
        "SHAPE": chosen.shape(order, transposed),
        "PARTS": PARTS[name],
        "STAGES": chosen.stages,
        "WIDE": INTERPRETED,
    }
    options = {"num_warps": chosen.warps}
    grid = programs, lanes, 1
    return Launcher(kernel, grid, arguments, options, device), programs


def or_any(tensor, stand_in):
    """A kernel takes a pointer also where it reads nothing."""
    return stand_in if tensor is None else tensor


def forward(x, alphas, signs, slots, scale, bias, gain, rows, cols, transposed):
    """The modulated projection alone; see `launch`."""
    x = x.contiguous()
    sizes = gain, rows, cols, transposed
    return launch(x, alphas, signs, slots, scale, bias, *sizes)[0]
