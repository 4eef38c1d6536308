"""Blocks of P inside a kernel."""

import jax.numpy as jnp
from jax import lax

from keras_randproj.kernels.pallas.philox import philox4x32


def block(key, table, tile_row, tile_col, layout, height, width):
    """float32 `(height, width)` whose first tile is the one given.

    Args:
        key: Reference to the seed's four 16-bit limbs, int32.
        table: Reference to the values of all codes, or `None`.
        tile_row: Tile counter, an integer below 2**32.
        tile_col: Likewise.
        layout: A `Layout`.
        height: Integer, a multiple of the tile's rows.
        width: Integer, a multiple of the tile's columns.
    """
    down, across = height // layout.rows, width // layout.cols
    limbs = [key[k].astype("uint32") for k in range(4)]
    c0 = lax.broadcasted_iota("uint32", (down, across), 0)
    c1 = lax.broadcasted_iota("uint32", (down, across), 1)
    zero = jnp.zeros((down, across), "uint32")
    words = philox4x32(
        c0 + tile_row.astype("uint32"),
        c1 + tile_col.astype("uint32"),
        zero,
        zero + jnp.uint32(layout.code),
        limbs[0] | limbs[1] << 16,
        limbs[2] | limbs[3] << 16,
    )
    # Rows of a tile that share a word: a row never spans two.
    share = 32 // (layout.bits * layout.cols)
    shape = down, 4, share, across, layout.cols
    words = jnp.stack(words, axis=1)[:, :, None, :, None]
    place = lax.broadcasted_iota("uint32", shape, 2) * layout.cols
    place = (place + lax.broadcasted_iota("uint32", shape, 4)) * layout.bits
    codes = jnp.broadcast_to(words, shape) >> place
    codes = codes & jnp.uint32((1 << layout.bits) - 1)
    codes = codes.reshape(height, width).astype("int32")
    return _decode(codes, table, layout.levels)


def _decode(codes, table, levels):
    """Entries from codes: signs (0), ternary levels (> 0), a table (-1)."""
    if levels == 0:
        return (1 - 2 * codes).astype("float32")
    if levels > 0:
        plus = (codes < levels).astype("float32")
        return plus - (codes >= 256 - levels).astype("float32")
    return table[codes]
