"""Several Hadamard stages as one `torch.library` operator.

Only the input is kept for the gradients. They make the inner activations
again, a launch each but for the last stage, and then go back stage by stage.
"""

import math
from typing import Any

import torch
from torch import Tensor

from keras_randproj.kernels.triton import launch_stages
from keras_randproj.kernels.triton.operators import NAMESPACE
from keras_randproj.kernels.triton.operators import hadamard
from keras_randproj.kernels.triton.operators import hadamard_gradients


@torch.library.custom_op(f"{NAMESPACE}::hadamard_stages", mutates_args=())
def hadamard_stages(
    x: Tensor,
    alphas: Tensor,
    signs: Tensor,
    slots: Tensor | None,
    scale: Tensor | None,
    bias: Tensor | None,
    rows: int,
    cols: int,
    transposed: bool,
) -> Tensor:
    return launch_stages.transform(
        x.contiguous(),
        alphas.contiguous(),
        signs,
        slots,
        scale,
        bias,
        rows,
        cols,
        transposed,
    )


@hadamard_stages.register_fake
def _(x, alphas, signs, slots, scale, bias, rows, cols, transposed):
    return x.new_empty((x.shape[0], rows if transposed else cols))


def _save(ctx, inputs, output):
    x, alphas, signs, slots, scale, bias, *ctx.sizes = inputs
    ctx.save_for_backward(x, alphas, signs, slots, scale)
    ctx.dtypes = [None if v is None else v.dtype for v in (scale, bias)]


def _backward(ctx, upstream):
    x, alphas, signs, slots, scale = ctx.saved_tensors
    depth, order = signs.shape
    wanted = ctx.needs_input_grad
    outward = wanted[4] or wanted[5]
    stages = [_stage(k, alphas, signs, slots, *ctx.sizes) for k in range(depth)]
    entered = [x]
    for alpha, sign, slot, *sizes in stages[:-1]:
        entered.append(
            hadamard(entered[-1], alpha, sign, slot, None, None, *sizes)
        )
    back, sums = upstream, []
    outer: Any = None
    for k in reversed(range(depth)):
        alpha, sign, slot, *sizes = stages[k]
        last = k == depth - 1
        back, inner, probed = hadamard_gradients(
            back,
            entered.pop(),
            alpha,
            sign,
            slot,
            scale if last else None,
            *sizes,
            wanted[1],
            last and outward,
        )
        outer = probed if last else outer
        if wanted[1]:
            missing = order - inner.shape[1]
            sums.append(torch.nn.functional.pad(inner[0], (0, missing)))
    scale_dtype, bias_dtype = ctx.dtypes
    return (
        back,
        torch.stack(sums[::-1]).to(alphas.dtype) if wanted[1] else None,
        None,
        None,
        outer[0].to(scale_dtype) if wanted[4] else None,
        outer[1].to(bias_dtype) if wanted[5] else None,
        None,
        None,
        None,
    )


def _stage(k, alphas, signs, slots, rows, cols, transposed):
    """What `hadamard` takes for stage k, without scale and bias."""
    depth, order = signs.shape
    # Rows of P face the layer's input, its columns the output.
    top, end = (depth - 1, 0) if transposed else (0, depth - 1)
    rows = rows if k == top else order
    cols = cols if k == end else order
    inputs = cols if transposed else rows
    return (
        alphas[k, :inputs],
        signs[k : k + 1],
        slots if k == end else None,
        1 / math.sqrt(inputs),
        rows,
        cols,
        transposed,
    )


hadamard_stages.register_autograd(_backward, setup_context=_save)
