"""Products of a few rows of a batch, for which tensor cores are too wide.

Each thread adds up what its own words hold, and flips signs by bits.
"""

import triton
import triton.language as tl

from keras_randproj.kernels.triton.entries import decode
from keras_randproj.kernels.triton.entries import packed_words
from keras_randproj.kernels.triton.entries import seeded_words


@triton.jit
def inputs_of(
    x,
    alpha,
    line,
    index,
    inputs,
    BATCH: tl.constexpr,
    LINES: tl.constexpr,
    ALPHA: tl.constexpr,
):
    """Inputs of all lines, float32; 0 outside."""
    there = index < inputs
    mask = there if LINES == BATCH else there & (line < BATCH)
    values = tl.load(x + line * inputs + index, mask=mask, other=0)
    values = values.to(tl.float32)
    if ALPHA:
        values *= tl.load(alpha + index, mask=there, other=0).to(tl.float32)
    return values


@triton.jit
def term(
    values,
    words,
    table,
    NTH: tl.constexpr,
    BITS: tl.constexpr,
    LEVELS: tl.constexpr,
):
    """Values times the entry of that number in each tile."""
    word = words[NTH * BITS // 32]
    if BITS == 1:
        sign = (word << (31 - NTH % 32)).to(tl.uint32) & 0x80000000
        bits = values.to(tl.uint32, bitcast=True) ^ sign
        return bits.to(tl.float32, bitcast=True)
    else:
        code = word >> (NTH * BITS % 32)
        return values * decode(code, table, BITS, LEVELS).to(tl.float32)


@triton.jit
def for_lines(words, DOWN: tl.constexpr, ACROSS: tl.constexpr):
    """Words with an axis for lines in front.

    Reshaped: the compiler takes no layout of loads past `expand_dims`.
    """
    found = ()
    for nth in tl.static_range(len(words)):
        found += (tl.reshape(words[nth], (1, DOWN, ACROSS)),)  # type: ignore[assignment]
    return found


@triton.jit
def few_rows_kernel(
    x,
    alpha,
    source,
    table,
    scale,
    bias,
    y,
    rows,
    cols,
    tile_row,
    tile_col,
    gain,
    ALPHA: tl.constexpr,
    SCALE: tl.constexpr,
    BIAS: tl.constexpr,
    PACKED: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    CODE: tl.constexpr,
    BITS: tl.constexpr,
    TILE_ROWS: tl.constexpr,
    TILE_COLS: tl.constexpr,
    LEVELS: tl.constexpr,
    BATCH: tl.constexpr,
    LINES: tl.constexpr,
    OUT: tl.constexpr,
    IN: tl.constexpr,
):
    """`OUT` tiles of outputs a program, `IN` tiles of inputs a step.

    Blocks are `(LINES, DOWN, ACROSS)`: a line for each row of the batch, of
    which a thread holds all, then tiles. To take the lines apart would cost a
    user half a minute at batch size 4: the compiler follows each load through
    all terms.
    """
    DOWN: tl.constexpr = OUT if TRANSPOSED else IN
    ACROSS: tl.constexpr = IN if TRANSPOSED else OUT
    # Inputs and outputs of a tile.
    INSIDE: tl.constexpr = TILE_COLS if TRANSPOSED else TILE_ROWS
    EACH: tl.constexpr = TILE_ROWS if TRANSPOSED else TILE_COLS
    # Numbers from an input, and an output, of a tile to the next.
    STEP: tl.constexpr = 1 if TRANSPOSED else TILE_COLS
    JUMP: tl.constexpr = TILE_COLS if TRANSPOSED else 1
    if TRANSPOSED:
        inputs, outputs = cols, rows
    else:
        inputs, outputs = rows, cols
    first = tl.program_id(0) * OUT
    line = tl.arange(0, LINES)[:, None, None]
    totals = ()
    for _ in tl.static_range(EACH):
        totals += (tl.zeros((LINES, DOWN, ACROSS), tl.float32),)  # type: ignore[assignment]
    for tile in tl.range(0, tl.cdiv(inputs, INSIDE), IN):
        if TRANSPOSED:
            down, across = first, tile
        else:
            down, across = tile, first
        if PACKED:
            words = packed_words(
                source,
                down * TILE_ROWS,
                across,
                rows,
                cols,
                TILE_ROWS,
                DOWN,
                ACROSS,
            )
            words = (words,)
        else:
            words = seeded_words(
                source, tile_row + down, tile_col + across, CODE, DOWN, ACROSS
            )
        words = for_lines(words, DOWN, ACROSS)
        index = tile + tl.arange(0, IN)
        if LINES > 1:
            # Not several of a line in a thread: words lie one by one too.
            index = tl.max_contiguous(index, 1)
        index *= INSIDE
        index = tl.expand_dims(index, 0 if TRANSPOSED else 1)
        index = tl.expand_dims(index, 0)
        if LINES > 1 and (TRANSPOSED or not PACKED):
            # In the layout of the words; else the compiler shares the loads
            # of several lines out among all threads.
            index = tl.broadcast_to(index, (1, DOWN, ACROSS))
        values = ()
        for nth in tl.static_range(INSIDE):
            found = inputs_of(
                x, alpha, line, index + nth, inputs, BATCH, LINES, ALPHA
            )
            values += (found,)  # type: ignore[assignment]
        more = ()
        for out in tl.static_range(EACH):
            total = totals[out]  # type: ignore[var-annotated]
            for nth in tl.static_range(INSIDE):
                found = term(
                    values[nth],
                    words,
                    table,
                    nth * STEP + out * JUMP,
                    BITS,
                    LEVELS,
                )
                if LINES > BATCH:
                    # It changes no sum, so the compiler leaves the line out.
                    found = tl.where(line < BATCH, found, -0.0)
                total += found
            more += (total,)  # type: ignore[assignment]
        totals = more
    index = (first + tl.arange(0, OUT)[None, :]) * EACH
    line = tl.arange(0, LINES)[:, None]
    for nth in tl.static_range(EACH):
        out = index + nth
        total = tl.sum(totals[nth], 2 if TRANSPOSED else 1) * gain
        if SCALE:
            factor = tl.load(scale + out, mask=out < outputs, other=0)
            total *= factor.to(tl.float32)
        if BIAS:
            added = tl.load(bias + out, mask=out < outputs, other=0)
            total += added.to(tl.float32)
        tl.store(
            y + line * outputs + out,
            total.to(y.dtype.element_ty),
            mask=(line < BATCH) & (out < outputs),
        )
