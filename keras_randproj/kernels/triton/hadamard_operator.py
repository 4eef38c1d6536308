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
from keras_randproj.kernels.triton.hadamard_gradients import as_dtype
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
    def backward(ctx, upstream):
        # To watch for a derivative of this costs time in each call.
        back = _back_once if torch.is_grad_enabled() else _back
        return back(ctx, upstream)


def _keep(ctx, inputs, output):
    ctx.sizes, ctx.depth, slots, x, scale, bias, *vectors = inputs
    ctx.bias_dtype = None if bias is None else bias.dtype
    ctx.save_for_backward(slots, x, scale, *vectors)


def _back(ctx, upstream):
    slots, x, scale, *vectors = ctx.saved_tensors
    depth = ctx.depth
    alphas, signs = vectors[:-depth], vectors[-depth:]
    _, _, _, _, to_scale, to_bias, *to_vectors = ctx.needs_input_grad
    dx, inner, outer = gradients(
        upstream,
        x,
        alphas,
        signs,
        slots,
        scale,
        ctx.sizes,
        (bool(alphas) and True in to_vectors, to_scale or to_bias),
        forward,
        stage_gradients,
    )
    dscale = as_dtype(outer[0], scale.dtype) if to_scale else None
    dbias = as_dtype(outer[1], ctx.bias_dtype) if to_bias else None
    return None, None, None, dx, dscale, dbias, *inner, *[None] * depth


_back_once = once_differentiable(_back)


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
    dx, inner, outer = stage_gradients(
        upstream, x, alpha, signs, slots, scale, *sizes, inward, outward
    )
    found = [*([inner] if inward else []), *(outer or [])]
    return dx, torch.cat([dx.new_empty(0, dtype=torch.float32), *found])


@hadamard_gradients.register_fake
def _(upstream, x, *rest):
    *_, inward, outward = rest
    # A truth value times a symbolic size is an error in earlier versions.
    size = x.shape[1] if inward else 0
    size += 2 * upstream.shape[1] if outward else 0
    return x.new_empty(x.shape), x.new_empty((size,), dtype=torch.float32)


def _split(upstream, x, *rest):
    """`stage_gradients` by the operator."""
    *_, inward, outward = rest
    dx, sums = hadamard_gradients(upstream, x, *rest)
    inner = sums[: x.shape[1]] if inward else None
    outer = (
        sums[-2 * upstream.shape[1] :].view(2, -1).unbind() if outward else None
    )
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
    dscale = as_dtype(outer[0], scale_dtype) if wanted[4] else None
    dbias = as_dtype(outer[1], bias_dtype) if wanted[5] else None
    rest = [None] * len(ctx.sizes)
    return dx, inner, [None] * ctx.depth, None, dscale, dbias, *rest


hadamard.register_autograd(_backward, setup_context=_save)
