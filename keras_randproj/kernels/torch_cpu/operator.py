"""The transform in blocks as an operator of torch.

To `torch.compile` it is one node, a `torch.library` operator. Such operators
have no forward mode, and `torch.func` takes their gradients for unknown, so
that elsewhere it runs inside a function that has both. Only its inputs are
kept for the gradients: one more transform is cheaper than the memory that its
result would take.
"""

import functools

import torch
from keras import ops
from torch import library

from keras_randproj.kernels.devices import in_dynamo
from keras_randproj.kernels.gain import split_gain
from keras_randproj.kernels.torch_cpu import blocks

# Arguments of the operator behind x, alpha, scale and bias.
FIXED = 7


def modulate(operands, x, alphas, scale, bias):
    """The products in blocks; see `kernels.modulate`."""
    transform = hadamard if in_dynamo() else Transform.apply
    last = len(operands) - 1
    for k, (operand, alpha) in enumerate(zip(operands, alphas, strict=True)):
        vectors = alpha, *((scale, bias) if k == last else (None, None))
        lead = x.shape[:-1]
        y = transform(
            x.reshape(lead.numel(), operand.input_dim),
            *map(_tensor, vectors),
            _tensor(operand.signs),
            _tensor(operand.positions),
            *split_gain(operand),
            operand.rows,
            operand.cols,
            operand.transposed,
        )
        x = y.reshape(*lead, operand.output_dim)
    return x


def _tensor(value):
    return None if value is None else ops.convert_to_tensor(value)


hadamard = library.custom_op(
    "keras_randproj::hadamard_cpu", blocks.multiply, mutates_args=()
)


@hadamard.register_fake
def _(x, alpha, scale, bias, signs, positions, before, after, *matrix):
    rows, cols, transposed = matrix
    dtype = blocks.result_type(x, alpha, scale, bias)
    width = rows if transposed else cols
    return x.new_empty((x.shape[0], width), dtype=dtype)


def _save(ctx, inputs, output):
    x, alpha, scale, bias, signs, positions, *ctx.rest = inputs
    ctx.save_for_backward(x, alpha, scale, bias, signs, positions)


def _gradients(transform, ctx, upstream):
    x, alpha, scale, bias, *matrix = ctx.saved_tensors
    *rest, transposed = ctx.rest
    wanted = ctx.needs_input_grad
    dx = dalpha = dscale = dbias = None
    if wanted[0] or wanted[1]:
        back = transform(
            upstream, scale, None, None, *matrix, *rest, not transposed
        )
        if wanted[0]:
            dx = (back if alpha is None else back * alpha).to(x.dtype)
        if wanted[1]:
            dalpha = (x * back).sum(0).to(alpha.dtype)
    if wanted[2]:
        y = transform(x, alpha, None, None, *matrix, *rest, transposed)
        dscale = (upstream * y).sum(0).to(scale.dtype)
    if wanted[3]:
        dbias = upstream.sum(0).to(bias.dtype)
    return dx, dalpha, dscale, dbias, *[None] * FIXED


hadamard.register_autograd(
    functools.partial(_gradients, hadamard), setup_context=_save
)


def _mapped(transform, info, in_dims, x, alpha, scale, bias, *matrix):
    """The mapped axis joins the rows; vectors multiply outside."""
    x, alpha, scale, bias = (
        tensor if axis is None else tensor.movedim(axis, 0)
        for tensor, axis in zip((x, alpha, scale, bias), in_dims, strict=False)
    )
    x = x if alpha is None else x * alpha.unsqueeze(-2)
    y = transform(x.flatten(0, -2), None, None, None, *matrix)
    y = y.unflatten(0, x.shape[:-1])
    y = y if scale is None else y * scale.unsqueeze(-2)
    y = y if bias is None else y + bias.unsqueeze(-2)
    return y.expand(info.batch_size, *y.shape[-2:]), 0


hadamard.register_vmap(functools.partial(_mapped, hadamard))


class Transform(torch.autograd.Function):
    """`hadamard`, differentiable in every way that torch has."""

    forward = staticmethod(blocks.multiply)

    @staticmethod
    def setup_context(ctx, inputs, output):
        _save(ctx, inputs, output)
        ctx.save_for_forward(*inputs[:6])

    @staticmethod
    def backward(ctx, upstream):
        return _gradients(Transform.apply, ctx, upstream)

    @staticmethod
    def vmap(info, in_dims, *inputs):
        return _mapped(Transform.apply, info, in_dims, *inputs)

    @staticmethod
    def jvp(ctx, dx, dalpha, dscale, dbias, *_):
        x, alpha, scale, _, *matrix = ctx.saved_tensors
        matrix = *matrix, *ctx.rest
        transform = Transform.apply
        parts = [] if dbias is None else [dbias]
        if dx is not None:
            parts.append(transform(dx, alpha, scale, None, *matrix))
        if dalpha is not None:
            parts.append(transform(x, dalpha, scale, None, *matrix))
        if dscale is not None:
            parts.append(transform(x, alpha, dscale, None, *matrix))
        return sum(parts)
