"""The signs of rademacher from their seed, packed as `PackedMatrix` has them.

A call of the generator makes a tile of 16 x 8 signs, and a packed word holds 32
signs of one column: two tiles become the words of eight columns.
"""

import triton
import triton.language as tl

from keras_randproj.kernels.triton.entries import seeded_words


@triton.jit
def exchange(words, SHIFT: tl.constexpr, MASK: tl.constexpr):
    """Bits under the mask change places with those `SHIFT` above them."""
    differ = (words ^ (words >> SHIFT)) & MASK
    return words ^ differ ^ (differ << SHIFT)


@triton.jit
def columns(upper, lower):
    """Two words of 4 x 8 signs: a byte a column, its rows from the lowest."""
    upper = exchange(exchange(upper, 7, 0x00AA00AA), 14, 0x0000CCCC)
    lower = exchange(exchange(lower, 7, 0x00AA00AA), 14, 0x0000CCCC)
    left = (upper & 0x0F0F0F0F) | ((lower & 0x0F0F0F0F) << 4)
    right = ((upper >> 4) & 0x0F0F0F0F) | (lower & 0xF0F0F0F0)
    return left, right


@triton.jit
def gathered(a, b, c, d, BYTE: tl.constexpr):
    """The byte of that number of four words, the first lowest."""
    a = (a >> (8 * BYTE)) & 0xFF
    b = (b >> (8 * BYTE)) & 0xFF
    c = (c >> (8 * BYTE)) & 0xFF
    d = (d >> (8 * BYTE)) & 0xFF
    return a | (b << 8) | (c << 16) | (d << 24)


@triton.jit
def pack_kernel(
    key,
    y,
    height,
    cols,
    tile_row,
    tile_col,
    CODE: tl.constexpr,
    DOWN: tl.constexpr,
    ACROSS: tl.constexpr,
):
    # Words of two rows of tiles in turn; of each, the upper half first.
    down, across = tl.program_id(0) * DOWN, tl.program_id(1) * ACROSS
    w0, w1, w2, w3 = seeded_words(
        key, tile_row + 2 * down, tile_col + across, CODE, 2 * DOWN, ACROSS
    )
    left0, right0 = columns(w0, w1)
    left1, right1 = columns(w2, w3)
    left0, left2 = halves(left0, DOWN, ACROSS)
    left1, left3 = halves(left1, DOWN, ACROSS)
    right0, right2 = halves(right0, DOWN, ACROSS)
    right1, right3 = halves(right1, DOWN, ACROSS)
    c0 = gathered(left0, left1, left2, left3, 0)
    c1 = gathered(left0, left1, left2, left3, 1)
    c2 = gathered(left0, left1, left2, left3, 2)
    c3 = gathered(left0, left1, left2, left3, 3)
    c4 = gathered(right0, right1, right2, right3, 0)
    c5 = gathered(right0, right1, right2, right3, 1)
    c6 = gathered(right0, right1, right2, right3, 2)
    c7 = gathered(right0, right1, right2, right3, 3)
    even = tl.join(tl.join(c0, c4), tl.join(c2, c6))
    odd = tl.join(tl.join(c1, c5), tl.join(c3, c7))
    words = tl.reshape(tl.join(even, odd), (DOWN, ACROSS * 8))
    row = down + tl.arange(0, DOWN)[:, None]
    col = across * 8 + tl.arange(0, ACROSS * 8)[None, :]
    tl.store(
        y + row.to(tl.int64) * cols + col,
        words.to(tl.int32, bitcast=True),
        mask=(row < height) & (col < cols),
    )


@triton.jit
def halves(words, DOWN: tl.constexpr, ACROSS: tl.constexpr):
    """Even rows and odd ones."""
    words = tl.reshape(words, (DOWN, 2, ACROSS))
    return tl.split(tl.permute(words, (0, 2, 1)))
