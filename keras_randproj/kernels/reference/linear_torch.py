"""The product with blocks as a function that torch differentiates."""

import torch

from keras_randproj.kernels.devices import in_dynamo
from keras_randproj.kernels.reference import blockwise


def multiply(blocks, x, array):
    """`blockwise.product`, differentiable by x."""
    if torch.jit.is_tracing():
        # A traced program cannot hold a function of ours.
        return blockwise.product(blocks, x, array)
    function = CompiledProduct if in_dynamo() else Product
    return function.apply(blocks, x, array)


class CompiledProduct(torch.autograd.Function):
    """What a compiler takes: it has transforms of its own."""

    @staticmethod
    def forward(blocks, x, array):
        return blockwise.product(blocks, x, array)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.blocks, _, array = inputs
        ctx.save_for_backward(array)
        ctx.save_for_forward(array)

    @staticmethod
    def backward(ctx, upstream):
        (array,) = ctx.saved_tensors
        return None, multiply(ctx.blocks.transpose(), upstream, array), None


class Product(CompiledProduct):
    """The same with forward mode and `vmap`."""

    @staticmethod
    def jvp(ctx, _, tangent, __):
        (array,) = ctx.saved_tensors
        return multiply(ctx.blocks, tangent, array)

    @staticmethod
    def vmap(info, in_dims, blocks, x, array):
        """A mapped axis of x joins its rows; mapped matrices take turns."""
        _, x_axis, array_axis = in_dims
        if array_axis is None:
            x = x.movedim(x_axis, 0)
            y = multiply(blocks, x.reshape(-1, blocks.input_dim), array)
            return y.reshape(*x.shape[:-1], blocks.output_dim), 0
        arrays = array.unbind(array_axis)
        count = info.batch_size
        xs = [x] * count if x_axis is None else x.unbind(x_axis)
        pairs = zip(xs, arrays, strict=True)
        return torch.stack([multiply(blocks, *pair) for pair in pairs]), 0
