"""Random signs."""

import functools

import numpy as np

from keras_randproj.projections.families import PACKAGE
from keras_randproj.projections.families import register
from keras_randproj.projections.tiled import TiledProjection
from keras_randproj.projections.tiles import TileSpec


@register(package=PACKAGE)
class Rademacher(TiledProjection):
    """A projection whose entries are +1 or -1, one random bit each.

    The cheapest family to make, and the least variance of the quadratic
    forms that random features estimate (fourth moment 1).

    Args:
        units: Positive integer, the number of outputs; `None` for a template.
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
        Achlioptas, "Database-friendly random projections", 2003.

    Example:

    >>> layer = Rademacher(units=64, seed=7)
    >>> layer(keras.ops.ones((2, 1000))).shape
    (2, 64)
    """

    family = "rademacher"
    storages = ("dense", "seed", "packed")

    def spec(self):
        return _spec()


@functools.cache
def _spec():
    signs = np.array([1, -1], "int8")
    return TileSpec(
        code=1,
        bits=1,
        rows=16,
        cols=8,
        integers=signs,
        values=signs.astype("float32"),
    )
