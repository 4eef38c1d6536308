"""The products of the transform, in two buffers that stay in cache.

On a CPU a fresh array costs more than the arithmetic on it: its pages must be
mapped and cleared. So a block of rows passes through buffers that the next
block uses again, and the result is the only large array that is made.
"""

import functools

import torch
from torch import Tensor

from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.kernels.reference import few_outputs
from keras_randproj.matrices.hadamard import factors
from keras_randproj.matrices.hadamard import row_of_h
from keras_randproj.matrices.hadamard import walsh_matrix

# Numbers in a buffer: 2 MiB of float32, the fastest of 2**16 to 2**20.
BUFFER = 2**19
# A second factor of at least SPLIT is a product of two, the last one TRAILING:
# three products are faster then (`python -m benchmarks --only splits`).
SPLIT = 128
TRAILING = 16
# Where few outputs are chosen: see `few_outputs.SHARES`, and the least order.
FEW = ((2**22, 32),)
FEW_ORDER = 2**13


def multiply(
    x: Tensor,
    alpha: Tensor | None,
    scale: Tensor | None,
    bias: Tensor | None,
    signs: Tensor,
    positions: Tensor | None,
    before: float,
    after: float,
    rows: int,
    cols: int,
    transposed: bool,
) -> Tensor:
    """`after * scale * (P^T (before * alpha * x)) + bias`, without gradients.

    Args:
        x: `(batch, input_dim)`.
        alpha: `(input_dim,)`, or `None` for ones.
        scale: `(output_dim,)`, or `None` for ones.
        bias: `(output_dim,)`, or `None` for zeros.
        signs: `(groups, order)`.
        positions: The chosen outputs, or `None` for all.
        before: A factor of the input.
        after: A factor of the output, bias aside.
        rows: Rows of P.
        cols: Columns of P.
        transposed: Whether P^T is meant.

    Returns:
        `(batch, output_dim)`.
    """
    operand = SignedHadamard(rows, cols, transposed, signs, positions)
    dtype = result_type(x, alpha, scale, bias)
    wide = torch.promote_types(dtype, torch.float32)
    signs = operand.signs.to(wide)
    inner = before if alpha is None else alpha.to(wide) * before
    outer = scale.to(wide) if scale is not None else _one(wide)
    outer = outer * after
    if not operand.transposed:
        inner = inner * signs[:, : operand.rows]
    elif len(signs) == 1:
        outer = outer * signs[0, : operand.rows]
    y = x.new_empty((len(x), operand.output_dim), dtype=dtype)
    rows = max(1, BUFFER // signs.numel())
    shape = 2, min(rows, len(x)), *signs.shape
    buffers = torch.empty(shape, dtype=wide)
    transform = _backward if operand.transposed else _forward
    if _wants_few(operand, len(x)):
        transform = _few_outputs(operand, wide)
    for part, target in zip(x.split(rows), y.split(rows), strict=True):
        u, v = buffers[:, : len(part)]
        z = transform(operand, part, inner, signs, u, v)
        if bias is None:
            torch.mul(z, outer, out=target)
        else:
            torch.addcmul(bias.to(wide), z, outer, out=target)
    return y


def _forward(operand, x, inner, signs, u, v):
    """Outputs of a block before the outer factor."""
    _times(x, inner, u)
    first, leading, trailing = _three_factors(u.shape[-1])
    flat = -1, trailing
    torch.mm(u.view(flat), _walsh(trailing, u.dtype), out=v.view(flat))
    walsh = _walsh(first, u.dtype)
    torch.bmm(
        v.view(-1, first, leading * trailing).transpose(1, 2),
        walsh.expand(_matrices(u), first, first),
        out=u.view(-1, leading * trailing, first),
    )
    y = _transform_leading(u, v, leading).flatten(1)
    if operand.positions is None:
        return y
    return y.index_select(1, operand.positions)


def _times(x, inner, u):
    """The input, zeros behind it, in every group of u."""
    torch.mul(x.unsqueeze(1), inner, out=u[..., : inner.shape[-1]])
    if inner.shape[-1] < u.shape[-1]:
        u[..., inner.shape[-1] :] = 0


def _backward(operand, x, inner, signs, u, v):
    if operand.positions is None:
        torch.mul(x, inner, out=u.flatten(1))
    else:
        u.zero_()
        u.flatten(1).index_copy_(1, operand.positions.long(), x * inner)
    first, leading, trailing = _three_factors(u.shape[-1])
    y = _transform_leading(u, v, leading)
    spare = v if y is u else u
    walsh = _walsh(first, u.dtype)
    torch.bmm(
        walsh.expand(_matrices(u), first, first),
        y.view(-1, leading * trailing, first).transpose(1, 2),
        out=spare.view(-1, first, leading * trailing),
    )
    flat = -1, trailing
    torch.mm(spare.view(flat), _walsh(trailing, u.dtype), out=y.view(flat))
    if len(signs) == 1:
        return y[:, 0, : operand.rows]
    return torch.mul(y, signs, out=spare).sum(1)[:, : operand.rows]


def _wants_few(operand, rows):
    if operand.transposed or operand.positions is None:
        return False
    groups, order = operand.signs.shape
    if order < FEW_ORDER:
        return False
    return few_outputs.pays(rows, order, groups, operand.cols, FEW)


def _few_outputs(operand, dtype):
    """`_forward` for few chosen outputs."""
    order, positions = operand.signs.shape[1], operand.positions
    rows_of_h = row_of_h(positions, order)
    capacity = few_outputs.fullest(rows_of_h.numpy(), order)
    taken, place = few_outputs.columns(rows_of_h, order, capacity)
    count = len(taken)
    first, second = _walsh(count, dtype), _walsh(order // count, dtype)
    second = second[taken].transpose(1, 2).contiguous()

    def transform(operand, x, inner, signs, u, v):
        _times(x, inner, u)
        u, v = (part.view(len(x), count, order // count) for part in (u, v))
        torch.bmm(first.expand(len(x), count, count), u, out=v)
        y = torch.bmm(v.transpose(0, 1), second).transpose(0, 1)
        return y.flatten(1).index_select(1, place)

    return transform


def _three_factors(order):
    """`(first, leading, trailing)`, `leading` being 1 for two factors."""
    first, second = factors(order)
    trailing = second if second < SPLIT else TRAILING
    return first, second // trailing, trailing


def _transform_leading(u, v, order):
    """H along the first of `order` parts of u, into v; u if there is one."""
    if order == 1:
        return u
    shape = _matrices(u), order, u.shape[-1] // order
    walsh = _walsh(order, u.dtype).expand(shape[0], order, order)
    torch.bmm(walsh, u.view(shape), out=v.view(shape))
    return v


def _matrices(u):
    """How many transforms a buffer holds."""
    return u.shape[0] * u.shape[1]


def result_type(*tensors):
    """The dtype of a product of tensors, of which some are `None`."""
    dtypes = [tensor.dtype for tensor in tensors if tensor is not None]
    return functools.reduce(torch.promote_types, dtypes)


@functools.cache
def _one(dtype):
    return torch.ones((), dtype=dtype)


@functools.cache
def _walsh(order, dtype):
    return torch.from_numpy(walsh_matrix(order)).to(dtype)
