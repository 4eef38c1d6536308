"""Blocks of P in registers: made from a seed, or unpacked from words.

Codes are integers of which the lowest bits say what an entry is. Their axes
are tiles down, tiles across, rows and columns of a tile; packed words count as
tiles of one column. What a tile holds stays in the thread that made it.
"""

import triton
import triton.language as tl

from keras_randproj.kernels.triton import requirements
from keras_randproj.kernels.triton.philox import load_key
from keras_randproj.kernels.triton.philox import philox4x32

INTERPRETED = tl.constexpr(requirements.INTERPRETED)


@triton.jit
def seeded_words(
    key,
    tile_row,
    tile_col,
    CODE: tl.constexpr,
    DOWN: tl.constexpr,
    ACROSS: tl.constexpr,
):
    """The four words of each tile from the one given, `(DOWN, ACROSS)` each.

    `tile_row` and `tile_col` are tile counters, 64-bit, below 2**32: entries
    are never numbered, so no index overflows however large P is.
    """
    k0, k1 = load_key(key)
    zero = tl.zeros((DOWN, ACROSS), tl.uint32)
    c0 = zero + (tile_row + tl.arange(0, DOWN)).to(tl.uint32)[:, None]
    c1 = zero + (tile_col + tl.arange(0, ACROSS)).to(tl.uint32)[None, :]
    return philox4x32(c0, c1, zero, zero + CODE, k0, k1)


@triton.jit
def packed_words(
    words,
    first_row,
    first_col,
    rows,
    cols,
    EACH: tl.constexpr,
    DOWN: tl.constexpr,
    ACROSS: tl.constexpr,
):
    """`(DOWN, ACROSS)` words of `EACH` entries, that run down the columns."""
    down = first_row // EACH + tl.arange(0, DOWN)
    across = first_col + tl.arange(0, ACROSS)
    return tl.load(
        words + down.to(tl.int64)[:, None] * cols + across[None, :],
        mask=(down < tl.cdiv(rows, EACH))[:, None] & (across < cols)[None, :],
        other=0,
    )


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
def sign_bits(words):
    """Words shifted so that each of their bits is bit 15 once."""
    words = tl.join(words, words >> 16)
    for halving in tl.static_range(4):
        words = tl.join(words << (8 >> halving), words)
    return words


@triton.jit
def decode(codes, table, BITS: tl.constexpr, LEVELS: tl.constexpr):
    """Entries from the lowest bits: digits, levels (> 0), or a table (-1).

    They are bfloat16, which holds -1, 0 and 1, or float32 from the table.
    """
    if BITS == 2:
        return ((codes & 1) - (codes >> 1 & 1)).to(tl.float32).to(tl.bfloat16)
    else:
        codes = (codes & ((1 << BITS) - 1)).to(tl.int32)
        if LEVELS > 0:
            plus = (codes < LEVELS).to(tl.int32)
            minus = (codes >= 256 - LEVELS).to(tl.int32)
            return (plus - minus).to(tl.float32).to(tl.bfloat16)
        else:
            return tl.load(table + codes)


@triton.jit
def signs(bits):
    """bfloat16 from bit 15: the sign bit of 1.0, where it is set."""
    bits = (bits & 0x8000) ^ 0x3F80
    return bits.to(tl.uint16).to(tl.bfloat16, bitcast=True)


@triton.jit
def sign_pairs(words):
    """bfloat16 signs in new last axes: bits 0, 16, 1, 17 and so on.

    Both bits of a pair become sign bits at once, those of two numbers in a
    register: half the work of one at a time, but for their order.
    """
    for halving in tl.static_range(4):
        words = tl.join(words << (8 >> halving), words)
    if INTERPRETED:
        pairs = (words & -0x7FFF8000) ^ 0x3F803F80
    else:
        # In so many words, or the compiler takes the halves one by one.
        pairs = tl.inline_asm_elementwise(
            "lop3.b32 $0, $1, 0x80008000, 0x3F803F80, 0x6A;",
            "=r,r",
            [words],
            dtype=tl.int32,
            is_pure=True,
            pack=1,
        )
    low = pairs.to(tl.uint16).to(tl.bfloat16, bitcast=True)
    high = (pairs >> 16).to(tl.uint16).to(tl.bfloat16, bitcast=True)
    return tl.join(low, high)


@triton.jit
def rows_of(SIZE: tl.constexpr, PAIRED: tl.constexpr):
    """Which row of a block each of its numbers down is."""
    k = tl.arange(0, SIZE)
    if PAIRED:
        return k // 32 * 32 + k % 2 * 16 + k % 32 // 2
    else:
        return k


@triton.jit
def entries(
    words,
    table,
    BITS: tl.constexpr,
    LEVELS: tl.constexpr,
    PAIRED: tl.constexpr,
):
    """What words hold, in new last axes: bfloat16, or float32 from a table."""
    if PAIRED:
        return sign_pairs(words)
    elif BITS == 1:
        return signs(sign_bits(words))
    else:
        return decode(unfold(words, BITS), table, BITS, LEVELS)


@triton.jit
def block_of(
    source,
    table,
    row,
    col,
    rows,
    cols,
    tile_row,
    tile_col,
    PACKED: tl.constexpr,
    CODE: tl.constexpr,
    BITS: tl.constexpr,
    TILE_ROWS: tl.constexpr,
    TILE_COLS: tl.constexpr,
    LEVELS: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_C: tl.constexpr,
    PAIRED: tl.constexpr,
):
    """`(BLOCK_R, BLOCK_C)` entries from the row and the column given on.

    With `PAIRED`, which packed signs can have, rows are in `rows_of`'s order.
    """
    DOWN: tl.constexpr = BLOCK_R // TILE_ROWS
    ACROSS: tl.constexpr = BLOCK_C // TILE_COLS
    if PACKED:
        words = packed_words(
            source, row, col, rows, cols, TILE_ROWS, DOWN, ACROSS
        )
    else:
        w0, w1, w2, w3 = seeded_words(
            source,
            tile_row + row // TILE_ROWS,
            tile_col + col // TILE_COLS,
            CODE,
            DOWN,
            ACROSS,
        )
        # The last two axes of the joined words count them in binary.
        words = tl.join(tl.join(w0, w2), tl.join(w1, w3))
    found = entries(words, table, BITS, LEVELS, PAIRED)
    found = tl.reshape(found, (DOWN, ACROSS, TILE_ROWS, TILE_COLS))
    found = tl.permute(found, (0, 2, 1, 3))
    return tl.reshape(found, (BLOCK_R, BLOCK_C))
