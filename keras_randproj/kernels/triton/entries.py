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
    """float32 `(BLOCK_R, BLOCK_C)` whose first tile is the one given.

    `tile_row` and `tile_col` are tile counters, 64-bit, below 2**32: entries
    are never numbered, so no index overflows however large P is.
    """
    DOWN: tl.constexpr = BLOCK_R // TILE_ROWS
    ACROSS: tl.constexpr = BLOCK_C // TILE_COLS
    # Rows of a tile that share a word: a row never spans two.
    SHARE: tl.constexpr = 32 // (BITS * TILE_COLS)
    k0, k1 = load_key(key)
    zero = tl.zeros((DOWN, ACROSS), tl.uint32)
    c0 = zero + (tile_row + tl.arange(0, DOWN)).to(tl.uint32)[:, None]
    c1 = zero + (tile_col + tl.arange(0, ACROSS)).to(tl.uint32)[None, :]
    w0, w1, w2, w3 = philox4x32(c0, c1, zero, zero + CODE, k0, k1)
    # The last two axes of the joined words count them in binary.
    words = tl.join(tl.join(w0, w2), tl.join(w1, w3))
    words = tl.permute(tl.reshape(words, (DOWN, ACROSS, 4)), (0, 2, 1))
    words = tl.reshape(words, (DOWN * 4, 1, ACROSS, 1))
    place = tl.arange(0, SHARE)[:, None] * TILE_COLS
    place = (place + tl.arange(0, TILE_COLS)[None, :]) * BITS
    place = tl.reshape(place, (1, SHARE, 1, TILE_COLS)).to(tl.uint32)
    codes = (words >> place) & ((1 << BITS) - 1)
    codes = tl.reshape(codes, (BLOCK_R, BLOCK_C)).to(tl.int32)
    return decode(codes, table, LEVELS)


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
    """float32 `(BLOCK_R, BLOCK_C)` from words that run down the columns."""
    EACH: tl.constexpr = 32 // BITS
    HEIGHT: tl.constexpr = BLOCK_R // EACH
    down = first_row // EACH + tl.arange(0, HEIGHT)
    across = first_col + tl.arange(0, BLOCK_C)
    found = tl.load(
        words + down.to(tl.int64)[:, None] * cols + across[None, :],
        mask=(down < tl.cdiv(rows, EACH))[:, None] & (across < cols)[None, :],
        other=0,
    )
    place = (tl.arange(0, EACH) * BITS)[None, :, None]
    codes = (found[:, None, :] >> place) & ((1 << BITS) - 1)
    codes = tl.reshape(codes, (BLOCK_R, BLOCK_C))
    if BITS == 1:
        entries = 1 - 2 * codes
    else:
        entries = (codes & 1) - (codes >> 1)
    return entries.to(tl.float32)


@triton.jit
def decode(codes, table, LEVELS: tl.constexpr):
    """Entries from codes: signs (0), ternary levels (> 0), a table (-1)."""
    if LEVELS == 0:
        entries = (1 - 2 * codes).to(tl.float32)
    elif LEVELS > 0:
        plus = (codes < LEVELS).to(tl.int32)
        minus = (codes >= 256 - LEVELS).to(tl.int32)
        entries = (plus - minus).to(tl.float32)
    else:
        entries = tl.load(table + codes)
    return entries
