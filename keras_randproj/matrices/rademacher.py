"""Random signs."""

import functools

import numpy as np

from keras_randproj.matrices.registry import register
from keras_randproj.matrices.tiled_family import TiledFamily
from keras_randproj.matrices.tiles import TileSpec


@register
class Rademacher(TiledFamily):
    """Entries +1 or -1, one random bit each.

    The cheapest family to make, and the least variance of the quadratic
    forms that random features estimate (fourth moment 1).

    Reference:
        Achlioptas, "Database-friendly random projections", 2003.

    Example:

    >>> Rademacher().entries(seed=7, rows=(0, 2), cols=(0, 3))
    array([[-1., -1.,  1.],
           [-1.,  1., -1.]], dtype=float32)
    """

    name = "rademacher"
    storages = ("dense", "seed", "packed")

    def spec(self) -> TileSpec:
        return sign_spec(code=1)


@functools.cache
def sign_spec(code: int) -> TileSpec:
    """Tiles of random signs, as the family of this code has them."""
    signs = np.array([1, -1], "int8")
    return TileSpec(
        code=code,
        bits=1,
        rows=16,
        cols=8,
        integers=signs,
        values=signs.astype("float32"),
    )
