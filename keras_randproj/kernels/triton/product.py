"""Products with P from its seed, or packed, as an operator with gradients.

A block of P is made for up to `MOST_TOGETHER` rows of the batch. Signs, of
which a generator's call makes 128, are packed once for all of them.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
import triton
from torch import Tensor

from keras_randproj.kernels.triton import few_rows
from keras_randproj.kernels.triton import product_kernels
from keras_randproj.kernels.triton import sign_words
from keras_randproj.kernels.triton.device import INTERPRETED
from keras_randproj.kernels.triton.device import processors
from keras_randproj.kernels.triton.hadamard_operator import NAMESPACE
from keras_randproj.kernels.triton.matrix import Matrix

# Above it P is written chunk by chunk and the library multiplies: of packed
# words, and of a seed from which a program makes its block.
MOST_ROWS = 512
MOST_ROWS_SEEDED = 128
# Rows of the batch that a program multiplies together.
MOST_TOGETHER = 128
# Memory for the packed signs of a call.
PACKED_BYTES = 64 * 2**20
# A chunk of P that stays in the second-level cache of an A100 or H100.
CHUNK_BYTES = 16 * 2**20
# Sides of a block of P: of signs, a call of Philox makes as many entries as
# 128 threads have to hold, and a smaller block would have them make it twice.
BLOCK = 64
BLOCK_OF_SIGNS = 128
# Programs that a processor has room for: where P stands on the right of a
# product, and on the left.
WAVES, WARPS, STAGES = 2, 8, 2
WAVES_LEFT, WARPS_LEFT, STAGES_LEFT = 2, 4, 3
# The fewest rows of the batch that tensor cores multiply.
LEAST_ROWS = 16
# bfloat16 parts of a float32.
PARTS = 3
# Blocks of inputs that a split adds up at least.
SPLIT_BLOCKS = 2


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
    outputs = matrix.rows if transposed else matrix.cols
    y = x.new_empty((x.shape[0], outputs))
    if x.shape[0] == 0:
        return y
    if x.shape[0] <= few_rows.MOST_ROWS:
        run = few_rows.launch
    else:
        matrix = _packed(matrix, x)
        most = MOST_ROWS if matrix.packed else MOST_ROWS_SEEDED
        run = _fused if x.shape[0] <= most else _chunked
    run(matrix, x, alpha, scale, bias, y, gain, transposed)
    return y


def _packed(matrix, x):
    """Signs are made once, and packed, for all blocks that use them."""
    bits = matrix.bits * matrix.rows * matrix.cols
    if matrix.packed or matrix.bits > 1 or bits > 8 * PACKED_BYTES:
        return matrix
    return replace(
        matrix,
        source=sign_words.pack(matrix, x),
        packed=1,
        tile_rows=sign_words.WORD_ROWS,
        tile_cols=1,
    )


def _fused(matrix, x, alpha, scale, bias, y, gain, transposed):
    batch, inputs = x.shape
    outputs = y.shape[1]
    paired = matrix.packed == matrix.bits == 1
    paired = paired and (transposed or inputs % sign_words.WORD_ROWS == 0)
    x = _prepared(x, alpha, paired and not transposed)
    together = triton.next_power_of_2(batch)
    together = min(max(LEAST_ROWS, together), MOST_TOGETHER)
    parted = x.dtype == torch.float32 and matrix.levels >= 0
    exact = x.dtype == torch.float32 and not parted
    side = BLOCK if matrix.bits > 1 or parted else BLOCK_OF_SIGNS
    if exact:
        side = BLOCK // 2  # No tensor cores: registers hold the operands.
    left = together < side and not exact
    blocks, steps = triton.cdiv(outputs, side), triton.cdiv(inputs, side)
    groups = triton.cdiv(batch, together)
    waves = WAVES_LEFT if left else WAVES
    splits = waves * processors(x.device) // (blocks * groups)
    splits = max(1, min(splits, steps // SPLIT_BLOCKS))
    span = triton.cdiv(steps, splits) * side
    splits = triton.cdiv(inputs, span)
    target = y
    if splits > 1:
        target = y.new_empty((splits, *y.shape), dtype=torch.float32)
    given = {"SCALE": scale is not None, "BIAS": bias is not None}
    scale, bias = (x if v is None else v for v in (scale, bias))
    product_kernels.product_kernel[(blocks, groups, splits)](
        x,
        matrix.source,
        matrix.values(),
        scale,
        bias,
        target,
        batch,
        matrix.rows,
        matrix.cols,
        matrix.tile_row,
        matrix.tile_col,
        gain,
        span,
        TRANSPOSED=transposed,
        PAIRED=paired,
        LEFT=left,
        BLOCK_B=together,
        BLOCK_R=side,
        BLOCK_C=side,
        SPLITS=splits,
        **given,
        **matrix.constants(),
        PARTS=PARTS if parted else 1,
        WIDE=INTERPRETED,
        num_warps=WARPS_LEFT if left else WARPS,
        num_stages=STAGES_LEFT if left else STAGES,
    )
    if splits > 1:
        finish(target, scale, bias, y, gain, splits, given)


def _prepared(x, alpha, paired):
    """`x * alpha`, once and not in every program that needs these inputs.

    Paired inputs take turns: of each 32 the first half and the second.
    """
    if not paired:
        return x if alpha is None else (x * alpha).to(x.dtype)
    half = sign_words.WORD_ROWS // 2
    out = torch.empty_like(x)
    target = out.view(len(x), -1, half, 2)
    x = x.view(len(x), -1, 2, half).transpose(2, 3)
    if alpha is None:
        target.copy_(x)
    else:
        torch.mul(x, alpha.view(-1, 2, half).transpose(1, 2), out=target)
    return out


def finish(parts, scale, bias, y, gain, splits, given):
    """Adds the splits and applies gain, scale and bias."""
    product_kernels.finish_kernel[(triton.cdiv(y.numel(), 1024),)](
        parts,
        scale,
        bias,
        y,
        y.numel(),
        y.shape[1],
        gain,
        SPLITS=splits,
        BLOCK=1024,
        **given,
    )


def _chunked(matrix, x, alpha, scale, bias, y, gain, transposed):
    """The library's products with chunks of P, along the outputs."""
    # As in the reference, a power of two comes before, against overflow.
    before = 2.0 ** -(math.floor(math.log2(x.shape[1])) // 2)
    x = x * (before if alpha is None else (alpha * before).to(x.dtype))
    side = CHUNK_BYTES // (x.element_size() * x.shape[1])
    side = max(BLOCK, side // BLOCK * BLOCK)
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
    height, width = rows[1] - rows[0], cols[1] - cols[0]
    block = like.new_empty((height, width))
    grid = triton.cdiv(height, BLOCK), triton.cdiv(width, BLOCK)
    product_kernels.matrix_kernel[grid](
        matrix.source,
        matrix.values(),
        block,
        matrix.rows,
        matrix.cols,
        rows[0],
        cols[0],
        matrix.tile_row,
        matrix.tile_col,
        height,
        width,
        BLOCK_R=BLOCK,
        BLOCK_C=BLOCK,
        **matrix.constants(),
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
