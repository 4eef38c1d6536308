"""Sums with a product in them, in one pass over memory.

XLA fuses these by itself. PyTorch has an operation for each, and without it
writes the product out and reads it again, which is most of what a small
adapter costs.
"""

import keras
from keras import ops


def add_product(y, x, matrix):
    """`y + x @ matrix`, of tensors that all have two axes or all three."""
    mixed = len({y.dtype, x.dtype, matrix.dtype}) > 1
    if mixed or keras.backend.backend() != "torch":
        return _sum(y, ops.matmul(x, matrix))
    import torch

    add = torch.addmm if len(x.shape) == 2 else torch.baddbmm
    return add(y, x, matrix)


def add_scaled(y, x, scale):
    """`y + x * scale`, with broadcasting."""
    if keras.backend.backend() != "torch":
        return _sum(y, x * scale)
    import torch

    return torch.addcmul(y, x, scale)


def _sum(x, y):
    """A sum of tensors whose dtypes may differ.

    `ops.add` takes an empty tensor for a bias on TensorFlow, and fails.
    """
    dtype = keras.backend.result_type(x.dtype, y.dtype)
    return ops.cast(x, dtype) + ops.cast(y, dtype)
