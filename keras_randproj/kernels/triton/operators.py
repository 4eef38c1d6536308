"""The kernels as `torch.library` operators, with shapes and gradients.

An operator is opaque to `torch.compile`, so that a compiled graph holds one
node for it and a CUDA graph its launches; the fake kernels say what comes out.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from keras_randproj.kernels.triton import launch_hadamard
from keras_randproj.kernels.triton import launch_product
from keras_randproj.kernels.triton.launch_product import Matrix

NAMESPACE = "keras_randproj"


@torch.library.custom_op(f"{NAMESPACE}::hadamard", mutates_args=())
def hadamard(
    x: Tensor,
    alpha: Tensor | None,
    signs: Tensor,
    slots: Tensor | None,
    scale: Tensor | None,
    bias: Tensor | None,
    gain: float,
    rows: int,
    cols: int,
    transposed: bool,
) -> Tensor:
    y, _ = launch_hadamard.transform(
        x.contiguous(),
        alpha,
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
def _(x, alpha, signs, slots, scale, bias, gain, rows, cols, transposed):
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
    """Gradients of x, of alpha, and `(2, outputs)` of scale and bias.

    The transposed transform of the upstream gradient gives the first two in
    one pass, alpha's if `inward`; `outward` asks for the last, which takes a
    transform of x. What is not asked for is empty.
    """
    x, upstream = x.contiguous(), upstream.contiguous()
    nothing = x.new_empty((0, 0), dtype=torch.float32)
    dx, inner = launch_hadamard.transform(
        upstream,
        scale,
        signs,
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
        _, outer = launch_hadamard.transform(
            x,
            alpha,
            signs,
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


def _save_hadamard(ctx, inputs, output):
    x, alpha, signs, slots, scale, bias, *rest = inputs
    ctx.save_for_backward(x, alpha, signs, slots, scale)
    ctx.rest = rest
    ctx.dtypes = [None if v is None else v.dtype for v in (alpha, scale, bias)]


def _hadamard_backward(ctx, upstream):
    x, alpha, signs, slots, scale = ctx.saved_tensors
    wanted = ctx.needs_input_grad
    dx, inner, outer = hadamard_gradients(
        upstream,
        x,
        alpha,
        signs,
        slots,
        scale,
        *ctx.rest,
        wanted[1],
        wanted[4] or wanted[5],
    )
    alpha_dtype, scale_dtype, bias_dtype = ctx.dtypes
    return (
        dx,
        inner[0].to(alpha_dtype) if wanted[1] else None,
        None,
        None,
        outer[0].to(scale_dtype) if wanted[4] else None,
        outer[1].to(bias_dtype) if wanted[5] else None,
        None,
        None,
        None,
        None,
    )


hadamard.register_autograd(_hadamard_backward, setup_context=_save_hadamard)


@torch.library.custom_op(f"{NAMESPACE}::product", mutates_args=())
def product(
    x: Tensor,
    alpha: Tensor | None,
    source: Tensor,
    scale: Tensor | None,
    bias: Tensor | None,
    gain: float,
    layout: Sequence[int],
    transposed: bool,
) -> Tensor:
    """`layout` is a `Matrix`'s numbers, from rows to levels."""
    matrix = Matrix(source, *layout)
    return launch_product.multiply(
        matrix, x.contiguous(), alpha, scale, bias, gain, transposed
    )


@product.register_fake
def _(x, alpha, source, scale, bias, gain, layout, transposed):
    return x.new_empty((x.shape[0], layout[0 if transposed else 1]))


def _save_product(ctx, inputs, output):
    x, alpha, source, scale, bias, *rest = inputs
    ctx.save_for_backward(x, alpha, source, scale)
    ctx.rest = rest
    ctx.bias_dtype = None if bias is None else bias.dtype


def _product_backward(ctx, upstream):
    x, alpha, source, scale = ctx.saved_tensors
    gain, layout, transposed = ctx.rest
    wanted = ctx.needs_input_grad
    grads: list = [None] * len(wanted)
    if wanted[0] or wanted[1]:
        back = product(
            upstream,
            scale,
            source,
            None,
            None,
            gain,
            layout,
            not transposed,
        )
        grads[0] = back if alpha is None else (back * alpha).to(x.dtype)
        if wanted[1]:
            grads[1] = _over_batch(back, x, alpha.dtype)
    if wanted[3]:
        ahead = product(
            x,
            alpha,
            source,
            None,
            None,
            gain,
            layout,
            transposed,
        )
        grads[3] = _over_batch(ahead, upstream, scale.dtype)
    if wanted[4]:
        grads[4] = upstream.float().sum(0).to(ctx.bias_dtype)
    return tuple(grads)


def _over_batch(a, b, dtype):
    """The sum of products over the batch, in float32."""
    return (a.float() * b.float()).sum(0).to(dtype)


product.register_autograd(_product_backward, setup_context=_save_product)
