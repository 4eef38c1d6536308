"""Sparse random signs."""

import functools
import math
import numbers

import numpy as np

from keras_randproj.projections.families import PACKAGE
from keras_randproj.projections.families import register
from keras_randproj.projections.tiled import TiledProjection
from keras_randproj.projections.tiles import TileSpec


@register(package=PACKAGE)
class SparseTernary(TiledProjection):
    """A projection with entries -s, 0 and +s, always of unit variance.

    Args:
        units: Positive integer, the number of outputs; `None` for a template.
        density: Float in (0, 1], the probability of an entry other than 0. It
            is rounded to a multiple of 1/128, at least 1/128; 1/3 is the law
            1/6, 2/3, 1/6 of Achlioptas.
        seed: Integer in `[0, 2**64)`, or `None` to draw one.
        storage: `"dense"`, `"seed"` or `"packed"`, see `Projection`.
        implementation: `None` or the name of an implementation.

    Input shape:
        `(batch, ..., input_dim)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is not as above.

    Reference:
        Achlioptas, "Database-friendly random projections", 2003; Li, Hastie
        and Church, "Very sparse random projections", 2006.

    Example:

    >>> layer = SparseTernary(units=64, density=0.1, seed=7)
    >>> layer(keras.ops.ones((2, 1000))).shape
    (2, 64)
    """

    family = "sparse_ternary"
    storages = ("dense", "seed", "packed")

    def __init__(self, units=None, density=1 / 3, seed=None, **kwargs):
        super().__init__(units, seed=seed, **kwargs)
        valid = isinstance(density, numbers.Real) and not isinstance(
            density, bool
        )
        if not valid or not 0 < density <= 1:
            raise ValueError(
                "`density` must be a number in (0, 1]. "
                f"Received: density={density!r}"
            )
        self.density = float(density)

    def options(self):
        return {"density": self.density}

    def spec(self):
        return _spec(max(1, round(128 * self.density)))


@functools.cache
def _spec(threshold):
    """The family where `threshold` of 128 levels give each sign."""
    levels = np.arange(256)
    signs = (levels < threshold).astype("int8")
    signs -= (levels >= 256 - threshold).astype("int8")
    size = math.sqrt(256 / (2 * threshold))
    return TileSpec(
        code=2,
        bits=8,
        rows=4,
        cols=4,
        integers=signs,
        values=(signs * size).astype("float32"),
    )
