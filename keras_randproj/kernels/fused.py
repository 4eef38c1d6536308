"""Sums with a product in them, in one pass over memory.

XLA fuses these by itself. PyTorch has an operation for each, and without it
writes the product out and reads it again, which is most of what a small
adapter costs. Fresh memory costs it more than the arithmetic, too: where no
gradient is wanted, a sum takes the place of `y` with `in_place`, and what is
needed for a moment only the place of what was, in a dict of scratch memory.
Neither is done under a function transform of PyTorch, such as `vmap`.
"""

import keras
from keras import ops

from keras_randproj.kernels.devices import in_functorch


def product(x, matrix, scratch=None, use="product"):
    """`x @ matrix`; for `scratch`, see `scaled`."""
    matrix = ops.convert_to_tensor(matrix)
    if not _on_torch(x, matrix):
        return ops.matmul(x, matrix)
    import torch

    place = None
    if scratch is not None:
        shape = (*x.shape[:-1], matrix.shape[-1])
        place = scratch_memory(scratch, x, shape, use)
    return torch.matmul(x, matrix, out=place)


def out_of_scratch(y, scratch):
    """A result that lies in no scratch memory."""
    if not scratch or not _on_torch(y):
        return y
    lent = {each.untyped_storage().data_ptr() for each in scratch.values()}
    return y.clone() if y.untyped_storage().data_ptr() in lent else y


def add_product(y, x, matrix, in_place=False):
    """`y + x @ matrix`, of tensors that all have two axes or all three."""
    if not _on_torch(y, x, matrix):
        return _sum(y, ops.matmul(x, matrix))
    import torch

    add = torch.addmm if len(x.shape) == 2 else torch.baddbmm
    return add(y, x, matrix, out=_place(y, in_place))


def add_scaled(y, x, scale, in_place=False):
    """`y + x * scale`, with broadcasting to the shape of `y`."""
    if not _on_torch(y, x, scale):
        return _sum(y, x * scale)
    import torch

    return torch.addcmul(y, x, scale, out=_place(y, in_place))


def scale_and_shift(y, scale, shift, in_place=False):
    """`y * scale + shift`, with broadcasting to the shape of `y`.

    Either may be `None`.
    """
    if scale is None and shift is None:
        return y
    given = [tensor for tensor in (y, scale, shift) if tensor is not None]
    if not _on_torch(*given):
        y = y if scale is None else y * scale
        return y if shift is None else _sum(y, shift)
    import torch

    place = _place(y, in_place)
    if scale is None:
        return torch.add(y, shift, out=place)
    if shift is None:
        return torch.mul(y, scale, out=place)
    return torch.addcmul(shift, y, scale, out=place)


def scaled(x, scale, scratch=None):
    """`x * scale`, with broadcasting to the shape of `x`.

    Args:
        x: Tensor.
        scale: Tensor.
        scratch: `None`, or a dict of memory for results that are needed until
            the next one only.
    """
    if scratch is None or not _on_torch(x, scale):
        return x * scale
    import torch

    return torch.mul(x, scale, out=scratch_memory(scratch, x, x.shape, "x"))


def scratch_memory(scratch, like, shape, use):
    """Memory of a dict for a result on PyTorch; `None` where it must be new.

    Each use has its own: what is made of one may be written to another.
    """
    import torch

    if not _overwrites():
        return None
    key = use, tuple(shape), like.dtype, like.device
    if key not in scratch:
        new = torch.empty(shape, dtype=like.dtype, device=like.device)
        scratch[key] = new
    return scratch[key]


def _on_torch(*tensors):
    """Whether PyTorch has them, and in one dtype."""
    one = len({tensor.dtype for tensor in tensors}) == 1
    return one and keras.backend.backend() == "torch"


def _place(y, in_place):
    return y if in_place and _overwrites() else None


def _overwrites():
    """Whether PyTorch computes at once, and needs nothing for a gradient."""
    import torch

    return not (
        torch.is_grad_enabled()
        or torch.compiler.is_compiling()
        or in_functorch()
    )


def _sum(x, y):
    """A sum of tensors whose dtypes may differ.

    `ops.add` takes an empty tensor for a bias on TensorFlow, and fails.
    """
    dtype = keras.backend.result_type(x.dtype, y.dtype)
    return ops.cast(x, dtype) + ops.cast(y, dtype)
