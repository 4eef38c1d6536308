"""The Hadamard kernels as a `torch.library` operator with gradients.

An operator is opaque to `torch.compile`, so that a compiled graph holds one
node for it and a CUDA graph its launches; the fake kernels say what comes out.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import triton
from torch import Tensor

from keras_randproj.kernels.triton import hadamard_kernels
from keras_randproj.kernels.triton.device import INTERPRETED
from keras_randproj.kernels.triton.device import processors
from keras_randproj.kernels.triton.settings import PARTS
from keras_randproj.kernels.triton.settings import setting

NAMESPACE = "keras_randproj"


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


@torch.library.custom_op(f"{NAMESPACE}::hadamard", mutates_args=())
def hadamard(
    x: Tensor,
    alphas: Sequence[Tensor],
    signs: Sequence[Tensor],
    slots: Tensor | None,
    scale: Tensor | None,
    bias: Tensor | None,
    gain: float,
    rows: int,
    cols: int,
    transposed: bool,
) -> Tensor:
    y, _ = launch(
        x.contiguous(),
        alphas,
        signs,
        slots,
        scale,
        bias,
        gain,
        rows,
        cols,
        transposed,
    )
    return y


@hadamard.register_fake
def _(x, alphas, signs, slots, scale, bias, gain, rows, cols, transposed):
    return x.new_empty((x.shape[0], rows if transposed else cols))


@torch.library.custom_op(f"{NAMESPACE}::hadamard_gradients", mutates_args=())
def hadamard_gradients(
    upstream: Tensor,
    x: Tensor,
    alpha: Tensor | None,
    signs: Tensor,
    slots: Tensor | None,
    scale: Tensor | None,
    gain: float,
    rows: int,
    cols: int,
    transposed: bool,
    inward: bool,
    outward: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Of a stage: gradients of x, of alpha, and of scale and bias.

    The transposed transform of the upstream gradient gives the first two in
    one pass, alpha's if `inward`; `outward` asks for the last, `(2, outputs)`,
    which take a transform of x. What is not asked for is empty.
    """
    x, upstream = x.contiguous(), upstream.contiguous()
    nothing = x.new_empty((0, 0), dtype=torch.float32)
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
    return (
        dx,
        nothing if inner is None else inner,
        nothing.clone() if outer is None else outer,
    )


@hadamard_gradients.register_fake
def _(upstream, x, *rest):
    *_, inward, outward = rest
    sums = [
        x.new_empty(
            (2, tensor.shape[1]) if asked else (0, 0), dtype=torch.float32
        )
        for tensor, asked in ((x, inward), (upstream, outward))
    ]
    return x.new_empty(x.shape), *sums


def _save(ctx, inputs, output):
    x, alphas, signs, slots, scale, bias, *ctx.rest = inputs
    ctx.depth = len(signs)
    ctx.save_for_backward(x, slots, scale, *signs, *alphas)
    ctx.dtypes = [None if v is None else v.dtype for v in (scale, bias)]


def _backward(ctx, upstream):
    """Only the input was kept: inner activations are regenerated."""
    x, slots, scale, *vectors = ctx.saved_tensors
    signs, alphas = vectors[: ctx.depth], vectors[ctx.depth :]
    wanted = ctx.needs_input_grad
    inward = bool(alphas) and any(wanted[1])
    outward = wanted[4] or wanted[5]
    stages = [
        _stage(k, alphas, signs, slots, *ctx.rest) for k in range(ctx.depth)
    ]
    entered = [x]
    for alpha, sign, slot, *sizes in stages[:-1]:
        entered.append(
            hadamard(entered[-1], [alpha], [sign], slot, None, None, *sizes)
        )
    found: list = []
    outer: Any = None
    for k in reversed(range(ctx.depth)):
        last = k == ctx.depth - 1
        alpha, sign, slot, *sizes = stages[k]
        upstream, inner, sums = hadamard_gradients(
            upstream,
            entered[k],
            alpha,
            sign,
            slot,
            scale if last else None,
            *sizes,
            inward,
            last and outward,
        )
        outer = sums if last else outer
        found.append(inner[0].to(alpha.dtype) if inward else None)
    scale_dtype, bias_dtype = ctx.dtypes
    return (
        upstream,
        found[::-1][: len(alphas)],
        [None] * ctx.depth,
        None,
        outer[0].to(scale_dtype) if wanted[4] else None,
        outer[1].to(bias_dtype) if wanted[5] else None,
        None,
        None,
        None,
        None,
    )


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


hadamard.register_autograd(_backward, setup_context=_save)
