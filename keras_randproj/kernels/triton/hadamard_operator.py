"""The Hadamard kernels as torch knows them, with gradients.

Elsewhere than in a compiled program they run inside a function of autograd,
which costs the host a fraction of what an operator of `torch.library` does.
To `torch.compile` they are such an operator: a compiled graph holds one node
for it and a CUDA graph its launches; the fake kernels say what comes out.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from keras_randproj.kernels.devices import in_dynamo
from keras_randproj.kernels.devices import in_functorch
from keras_randproj.kernels.triton.hadamard import forward
from keras_randproj.kernels.triton.hadamard_gradients import gradients
from keras_randproj.kernels.triton.hadamard_gradients import stage_gradients

NAMESPACE = "keras_randproj"


def multiply(x, alphas, signs, slots, scale, bias, *sizes):
    """See `hadamard.launch`; `sizes` are gain, rows, cols and transposed."""
    if in_dynamo():
        return hadamard(x, alphas, signs, slots, scale, bias, *sizes)
    vectors = *alphas, *signs
    if in_functorch():
        function = Transformable
    elif torch.is_grad_enabled():
        function = Transform
    else:
        return forward(x, alphas, signs, slots, scale, bias, *sizes)
    return function.apply(sizes, len(signs), slots, x, scale, bias, *vectors)


class Transform(torch.autograd.Function):
    """The kernels, differentiable backward and once."""

    @staticmethod
    def forward(ctx, *inputs):
        sizes, depth, slots, x, scale, bias, *vectors = inputs
        _keep(ctx, inputs, None)
        alphas, signs = vectors[:-depth], vectors[-depth:]
        return forward(x, alphas, signs, slots, scale, bias, *sizes)

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        slots, x, scale, bias, *vectors = ctx.saved_tensors
        alphas, signs = vectors[: -ctx.depth], vectors[-ctx.depth :]
        _, _, _, _, *wanted = ctx.needs_input_grad
        dx, inner, outer = gradients(
            upstream,
            x,
            alphas,
            signs,
            slots,
            scale,
            ctx.sizes,
            (bool(alphas) and any(wanted[2:]), any(wanted[:2])),
            forward,
            stage_gradients,
        )
        dscale = outer[0].to(scale.dtype) if wanted[0] else None
        dbias = outer[1].to(bias.dtype) if wanted[1] else None
        rest = [None] * ctx.depth
        return None, None, None, dx, dscale, dbias, *inner, *rest


def _keep(ctx, inputs, output):
    ctx.sizes, ctx.depth, slots, x, scale, bias, *vectors = inputs
    ctx.save_for_backward(slots, x, scale, bias, *vectors)


class Transformable(Transform):
    """The same for `torch.func`, at a cost to the host in each call."""

    @staticmethod
    def forward(sizes, depth, slots, x, scale, bias, *vectors):
        alphas, signs = vectors[:-depth], vectors[-depth:]
        return forward(x, alphas, signs, slots, scale, bias, *sizes)

    setup_context = staticmethod(_keep)

    @staticmethod
    def vmap(info, in_dims, sizes, depth, slots, x, *vectors):
        """Rows of all batches go together where x alone is mapped."""
        _, _, _, axis, *axes = in_dims
        if axis is not None and all(each is None for each in axes):
            x = x.movedim(axis, 0)
            rows = x.reshape(-1, x.shape[-1])
            y = Transformable.apply(sizes, depth, slots, rows, *vectors)
            return y.reshape(*x.shape[:-1], y.shape[-1]), 0
        mapped = list(zip((x, *vectors), (axis, *axes), strict=True))
        parts = [
            Transformable.apply(
                sizes,
                depth,
                slots,
                *(v if k is None else v.select(k, nth) for v, k in mapped),
            )
            for nth in range(info.batch_size)
        ]
        return torch.stack(parts), 0


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
    sizes = gain, rows, cols, transposed
    return forward(x, alphas, signs, slots, scale, bias, *sizes)


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
) -> tuple[Tensor, Tensor]:
    """`stage_gradients`, all of the vectors' in one: none is a view."""
    sizes = gain, rows, cols, transposed
    dx, *found = stage_gradients(
        upstream, x, alpha, signs, slots, scale, *sizes, inward, outward
    )
    found = [each.reshape(-1) for each in found if each is not None]
    return dx, torch.cat([dx.new_empty(0, dtype=torch.float32), *found])


@hadamard_gradients.register_fake
def _(upstream, x, *rest):
    *_, inward, outward = rest
    size = x.shape[1] * inward + 2 * upstream.shape[1] * outward
    return x.new_empty(x.shape), x.new_empty((size,), dtype=torch.float32)


def _split(upstream, x, *rest):
    """`stage_gradients` by the operator."""
    *_, inward, outward = rest
    dx, sums = hadamard_gradients(upstream, x, *rest)
    inner = sums[: x.shape[1]] if inward else None
    outer = sums[-2 * upstream.shape[1] :].view(2, -1) if outward else None
    return dx, inner, outer


def _save(ctx, inputs, output):
    x, alphas, signs, slots, scale, bias, *ctx.sizes = inputs
    ctx.depth = len(signs)
    ctx.save_for_backward(x, slots, scale, *signs, *alphas)
    ctx.dtypes = [None if v is None else v.dtype for v in (scale, bias)]


def _backward(ctx, upstream):
    x, slots, scale, *vectors = ctx.saved_tensors
    signs, alphas = vectors[: ctx.depth], vectors[ctx.depth :]
    wanted = ctx.needs_input_grad
    dx, inner, outer = gradients(
        upstream,
        x,
        alphas,
        signs,
        slots,
        scale,
        ctx.sizes,
        (bool(alphas) and any(wanted[1]), wanted[4] or wanted[5]),
        hadamard,
        _split,
    )
    scale_dtype, bias_dtype = ctx.dtypes
    dscale = outer[0].to(scale_dtype) if wanted[4] else None
    dbias = outer[1].to(bias_dtype) if wanted[5] else None
    rest = [None] * len(ctx.sizes)
    return dx, inner, [None] * ctx.depth, None, dscale, dbias, *rest


hadamard.register_autograd(_backward, setup_context=_save)
