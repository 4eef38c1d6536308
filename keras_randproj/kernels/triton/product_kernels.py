"""A product whose right-hand side exists only in registers."""

import triton
import triton.language as tl

from keras_randproj.kernels.triton.entries import block_of
from keras_randproj.kernels.triton.entries import rows_of
from keras_randproj.kernels.triton.transform import parts


@triton.jit
def add(total, left, right, WIDE: tl.constexpr):
    """One more product; the interpreter has none of bfloat16."""
    if WIDE:
        left, right = left.to(tl.float32), right.to(tl.float32)
    return tl.dot(left, right, acc=total, input_precision="ieee")


@triton.jit(do_not_specialize=["batch"])
def product_kernel(
    x,
    source,
    table,
    scale,
    bias,
    y,
    batch,
    rows,
    cols,
    tile_row,
    tile_col,
    gain,
    span,
    SCALE: tl.constexpr,
    BIAS: tl.constexpr,
    PACKED: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    CODE: tl.constexpr,
    BITS: tl.constexpr,
    TILE_ROWS: tl.constexpr,
    TILE_COLS: tl.constexpr,
    LEVELS: tl.constexpr,
    PAIRED: tl.constexpr,
    LEFT: tl.constexpr,
    BLOCK_B: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_C: tl.constexpr,
    SPLITS: tl.constexpr,
    PARTS: tl.constexpr,
    WIDE: tl.constexpr,
):
    """`x P` or `x P^T`, a block of outputs a program.

    Tensor cores want 64 rows on the left: with `LEFT` those are outputs, and
    the rows of a small batch stand on the right. With `PAIRED`, inputs that
    are rows of P are in `rows_of`'s order.

    With several splits each adds up `span` inputs into an array of its own,
    `(SPLITS, batch, outputs)`, that `finish_kernel` adds in order.
    """
    if TRANSPOSED:
        inputs, outputs = cols, rows
    else:
        inputs, outputs = rows, cols
    IN: tl.constexpr = BLOCK_C if TRANSPOSED else BLOCK_R
    OUT: tl.constexpr = BLOCK_R if TRANSPOSED else BLOCK_C
    out = tl.program_id(0) * OUT + rows_of(OUT, PAIRED and TRANSPOSED)
    line = tl.program_id(1).to(tl.int64) * BLOCK_B + tl.arange(0, BLOCK_B)
    inner = tl.arange(0, IN)
    # Axes of a product: the batch goes down, or across.
    if LEFT:
        out, line, inner = out[:, None], line[None, :], inner[:, None]
        total = tl.zeros((OUT, BLOCK_B), tl.float32)
    else:
        out, line, inner = out[None, :], line[:, None], inner[None, :]
        total = tl.zeros((BLOCK_B, OUT), tl.float32)
    first = tl.program_id(2) * span
    for start in tl.range(first, tl.minimum(first + span, inputs), IN):
        part = tl.load(
            x + line * inputs + start + inner,
            mask=(line < batch) & (start + inner < inputs),
            other=0,
        )
        if TRANSPOSED:
            row, col = tl.program_id(0) * OUT, start
        else:
            row, col = start, tl.program_id(0) * OUT
        block = block_of(
            source,
            table,
            row,
            col,
            rows,
            cols,
            tile_row,
            tile_col,
            PACKED,
            CODE,
            BITS,
            TILE_ROWS,
            TILE_COLS,
            LEVELS,
            BLOCK_R,
            BLOCK_C,
            PAIRED,
        )
        if TRANSPOSED != LEFT:
            block = tl.trans(block)
        pieces = (part,) if PARTS == 1 else parts(part, PARTS)
        if PARTS == 1:
            block = block.to(x.dtype.element_ty)
        for nth in tl.static_range(PARTS):
            if LEFT:
                total = add(total, block, pieces[nth], WIDE)
            else:
                total = add(total, pieces[nth], block, WIDE)
    where = line * outputs + out
    inside = (line < batch) & (out < outputs)
    if SPLITS == 1:
        total *= gain
        if SCALE:
            factor = tl.load(scale + out, mask=out < outputs, other=0)
            total *= factor.to(tl.float32)
        if BIAS:
            term = tl.load(bias + out, mask=out < outputs, other=0)
            total += term.to(tl.float32)
    else:
        where += tl.program_id(2).to(tl.int64) * batch * outputs
    tl.store(y + where, total.to(y.dtype.element_ty), mask=inside)


@triton.jit
def finish_kernel(
    parts,
    scale,
    bias,
    y,
    size,
    outputs,
    gain,
    SCALE: tl.constexpr,
    BIAS: tl.constexpr,
    SPLITS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Adds the splits of `product_kernel`; then scale and bias."""
    where = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = where < size
    total = tl.zeros((BLOCK,), tl.float32)
    for nth in tl.static_range(SPLITS):
        total += tl.load(parts + nth * size + where, mask=inside, other=0)
    total *= gain
    if SCALE:
        factor = tl.load(scale + where % outputs, mask=inside, other=0)
        total *= factor.to(tl.float32)
    if BIAS:
        term = tl.load(bias + where % outputs, mask=inside, other=0)
        total += term.to(tl.float32)
    tl.store(y + where, total.to(y.dtype.element_ty), mask=inside)


@triton.jit
def matrix_kernel(
    source,
    table,
    y,
    rows,
    cols,
    first_row,
    first_col,
    tile_row,
    tile_col,
    height,
    width,
    PACKED: tl.constexpr,
    CODE: tl.constexpr,
    BITS: tl.constexpr,
    TILE_ROWS: tl.constexpr,
    TILE_COLS: tl.constexpr,
    LEVELS: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """Writes a block of P: for batches that share what is made."""
    row = tl.program_id(0) * BLOCK_R
    col = tl.program_id(1) * BLOCK_C
    block = block_of(
        source,
        table,
        first_row + row,
        first_col + col,
        rows,
        cols,
        tile_row,
        tile_col,
        PACKED,
        CODE,
        BITS,
        TILE_ROWS,
        TILE_COLS,
        LEVELS,
        BLOCK_R,
        BLOCK_C,
        False,
    )
    down = row + tl.arange(0, BLOCK_R)
    across = col + tl.arange(0, BLOCK_C)
    tl.store(
        y + down.to(tl.int64)[:, None] * width + across[None, :],
        block.to(y.dtype.element_ty),
        mask=(down < height)[:, None] & (across < width)[None, :],
    )
