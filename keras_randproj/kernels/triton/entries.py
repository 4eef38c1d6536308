"""Blocks of P in registers: made from a seed, or unpacked from words."""

import triton
import triton.language as tl

from keras_randproj.kernels.triton.philox import load_key
from keras_randproj.kernels.triton.philox import philox4x32


@triton.jit
def seeded_block(
    key,
    table,
    tile_row,
    tile_col,
    CODE: tl.constexpr,
    BITS: tl.constexpr,
    TILE_ROWS: tl.constexpr,
    TILE_COLS: tl.constexpr,
    LEVELS: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """`(BLOCK_R, BLOCK_C)` entries whose first tile is the one given.

    `tile_row` and `tile_col` are tile counters, 64-bit, below 2**32: entries
    are never numbered, so no index overflows however large P is.
    """
    DOWN: tl.constexpr = BLOCK_R // TILE_ROWS
    ACROSS: tl.constexpr = BLOCK_C // TILE_COLS
    k0, k1 = load_key(key)
    zero = tl.zeros((DOWN, ACROSS), tl.uint32)
    c0 = zero + (tile_row + tl.arange(0, DOWN)).to(tl.uint32)[:, None]
    c1 = zero + (tile_col + tl.arange(0, ACROSS)).to(tl.uint32)[None, :]
    w0, w1, w2, w3 = philox4x32(c0, c1, zero, zero + CODE, k0, k1)
    # The last two axes of the joined words count them in binary.
    words = tl.join(tl.join(w0, w2), tl.join(w1, w3))
    codes = unfold(words, BITS)
    codes = tl.reshape(codes, (DOWN, ACROSS, TILE_ROWS, TILE_COLS))
    codes = tl.reshape(tl.permute(codes, (0, 2, 1, 3)), (BLOCK_R, BLOCK_C))
    return decode(codes, table, BITS, LEVELS)


@triton.jit
def unfold(words, BITS: tl.constexpr):
    """Words shifted so that each entry is lowest once, in new last axes.

    What is joined stays in the thread that has it, which so makes the words
    once: a broadcast would have many threads make the same ones.
    """
    SHIFT: tl.constexpr = 16
    for halving in tl.static_range(5):
        if SHIFT >> halving >= BITS:
            words = tl.join(words, words >> (SHIFT >> halving))
    return words


@triton.jit
def packed_block(
    words,
    first_row,
    first_col,
    rows,
    cols,
    BITS: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """bfloat16 `(BLOCK_R, BLOCK_C)` from words that run down the columns."""
    EACH: tl.constexpr = 32 // BITS
    HEIGHT: tl.constexpr = BLOCK_R // EACH
    down = first_row // EACH + tl.arange(0, HEIGHT)
    across = first_col + tl.arange(0, BLOCK_C)
    found = tl.load(
        words + down.to(tl.int64)[:, None] * cols + across[None, :],
        mask=(down < tl.cdiv(rows, EACH))[:, None] & (across < cols)[None, :],
        other=0,
    )
    codes = tl.reshape(unfold(found, BITS), (HEIGHT, BLOCK_C, EACH))
    codes = tl.reshape(tl.permute(codes, (0, 2, 1)), (BLOCK_R, BLOCK_C))
    if BITS == 1:
        return signs(codes)
    return ((codes & 1) - (codes >> 1 & 1)).to(tl.float32).to(tl.bfloat16)


@triton.jit
def signs(codes):
    """bfloat16 from the lowest bit: the sign bit of 1.0, where it is set."""
    bits = ((codes & 1) << 15) ^ 0x3F80
    return bits.to(tl.uint16).to(tl.bfloat16, bitcast=True)


@triton.jit
def decode(codes, table, BITS: tl.constexpr, LEVELS: tl.constexpr):
    """Entries from the lowest bits: signs (0), levels (> 0), a table (-1).

    They are bfloat16, which holds -1, 0 and 1, or float32 from the table.
    """
    if LEVELS == 0:
        return signs(codes)
    else:
        codes = (codes & ((1 << BITS) - 1)).to(tl.int32)
        if LEVELS > 0:
            plus = (codes < LEVELS).to(tl.int32)
            minus = (codes >= 256 - LEVELS).to(tl.int32)
            return (plus - minus).to(tl.float32).to(tl.bfloat16)
        else:
            return tl.load(table + codes)
