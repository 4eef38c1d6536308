"""Products with P from its seed, or packed, as an operator with gradients."""

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from keras_randproj.kernels.triton import few_rows
from keras_randproj.kernels.triton import product_kernels
from keras_randproj.kernels.triton import product_settings as settings
from keras_randproj.kernels.triton import sign_words
from keras_randproj.kernels.triton.device import processors
from keras_randproj.kernels.triton.hadamard import or_any
from keras_randproj.kernels.triton.hadamard_operator import NAMESPACE
from keras_randproj.kernels.triton.launcher import MOST_LAUNCHERS
from keras_randproj.kernels.triton.launcher import Launcher
from keras_randproj.kernels.triton.matrix import Matrix
from keras_randproj.kernels.triton.matrix import table


def multiply(matrix, x, alpha, scale, bias, gain, transposed):
    """`scale * gain * ((alpha * x) P) + bias`.

    Args:
        matrix: A `Matrix`.
        x: `(batch, inputs)`, contiguous.
        alpha: `(inputs,)` or `None`.
        scale: `(outputs,)` or `None`.
        bias: `(outputs,)` or `None`.
        gain: Float, the factor of the product with the kernel's entries.
        transposed: Whether P^T is meant.

    Returns:
        `(batch, outputs)` of x's dtype.
    """
    batch = x.shape[0]
    y = x.new_empty((batch, matrix.rows if transposed else matrix.cols))
    if batch == 0:
        return y
    if settings.packs_first(matrix, batch):
        matrix = _packed(matrix, x)
    if batch <= settings.FEW_ROWS:
        run = _few_rows
    else:
        run = _chunked if settings.in_chunks(matrix, batch) else _multiplied
    run(matrix, x, alpha, scale, bias, y, gain, transposed)
    return y


def _launch(kernel, launch, *tensors, **numbers):
    run = launcher(
        kernel,
        (*launch.grid, 1, 1)[:3],
        tuple((numbers | launch.arguments).items()),
        tuple(launch.options.items()),
        tensors[0].device,
    )
    run(*tensors)


@functools.lru_cache(MOST_LAUNCHERS)
def launcher(kernel, grid, arguments, options, device):
    """A `Launcher`; arguments and options are given as pairs."""
    return Launcher(kernel, grid, dict(arguments), dict(options), device)


def _few_rows(matrix, x, alpha, scale, bias, y, gain, transposed):
    given = {
        "ALPHA": alpha is not None,
        "SCALE": scale is not None,
        "BIAS": bias is not None,
    }
    _launch(
        few_rows.few_rows_kernel,
        settings.few_rows(
            matrix, len(x), transposed, given, processors(x.device)
        ),
        x,
        or_any(alpha, x),
        matrix.source,
        _table_of(matrix),
        or_any(scale, x),
        or_any(bias, x),
        y,
        gain=gain,
    )


def _table_of(matrix):
    """The entries of all codes; any pointer where there is no table."""
    if matrix.levels >= 0:
        return matrix.source
    return _table(matrix.levels, matrix.source.device)


@functools.cache
def _table(levels, device):
    """A table on the device, copied once."""
    return torch.from_numpy(table(levels)).to(device)


def _packed(matrix, like):
    """The signs of a seed, packed."""
    launch, shape = settings.packing(matrix)
    words = like.new_empty(shape, dtype=matrix.source.dtype)
    _launch(sign_words.pack_kernel, launch, matrix.source, words)
    return matrix.packed_as(words)


def _multiplied(matrix, x, alpha, scale, bias, y, gain, transposed):
    launch = settings.multiplied(
        matrix,
        len(x),
        str(x.dtype).removeprefix("torch."),
        transposed,
        {"SCALE": scale is not None, "BIAS": bias is not None},
        processors(x.device),
    )
    x = _prepared(x, alpha, launch.arguments["PAIRED"] and not transposed)
    splits = launch.arguments["SPLITS"]
    target = y
    if splits > 1:
        target = y.new_empty((splits, *y.shape), dtype=torch.float32)
    vectors = or_any(scale, x), or_any(bias, x)
    _launch(
        product_kernels.product_kernel,
        launch,
        x,
        matrix.source,
        _table_of(matrix),
        *vectors,
        target,
        gain=gain,
    )
    if splits > 1:
        _launch(
            product_kernels.finish_kernel,
            settings.finished(launch, *y.shape),
            target,
            *vectors,
            y,
            gain=gain,
        )


def _prepared(x, alpha, paired):
    """`x * alpha`, once and not in every program that needs these inputs.

    Paired inputs take turns: of each 32 the first half and the second.
    """
    if not paired:
        return x if alpha is None else x * alpha.to(x.dtype)
    half = settings.WORD_ROWS // 2
    out = torch.empty_like(x)
    target = out.view(len(x), -1, half, 2)
    x = x.view(len(x), -1, 2, half).transpose(2, 3)
    if alpha is None:
        target.copy_(x)
    else:
        alpha = alpha.to(x.dtype).view(-1, 2, half)
        torch.mul(x, alpha.transpose(1, 2), out=target)
    return out


def _chunked(matrix, x, alpha, scale, bias, y, gain, transposed):
    """The library's products with chunks of P, along the outputs."""
    before = settings.before(x.shape[1])
    x = x * (before if alpha is None else (alpha * before).to(x.dtype))
    side = settings.chunk_side(x.shape[1], x.element_size())
    for start in range(0, y.shape[1], side):
        stop = min(start + side, y.shape[1])
        spans = (start, stop), (0, x.shape[1])
        chunk = write(matrix, *(spans if transposed else spans[::-1]), x)
        part = x @ (chunk.T if transposed else chunk)
        part = part.to(torch.float32) * (gain / before)
        if scale is not None:
            part = part * scale[start:stop]
        if bias is not None:
            part = part + bias[start:stop]
        y[:, start:stop] = part


def write(matrix, rows, cols, like):
    """A block of P in memory, of the dtype and on the device of `like`.

    Args:
        matrix: A `Matrix`.
        rows: `(start, stop)`; start is a multiple of a tile and of a word.
        cols: `(start, stop)`, likewise.
        like: A tensor.
    """
    shape = rows[1] - rows[0], cols[1] - cols[0]
    block = like.new_empty(shape)
    _launch(
        product_kernels.matrix_kernel,
        settings.written(matrix, *shape),
        matrix.source,
        _table_of(matrix),
        block,
        first_row=rows[0],
        first_col=cols[0],
    )
    return block


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
    return multiply(
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
        grads[0] = back if alpha is None else back * alpha.to(x.dtype)
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
