"""Normally distributed entries, from a table."""

import functools
from pathlib import Path

import numpy as np

from keras_randproj.projections.families import PACKAGE
from keras_randproj.projections.families import register
from keras_randproj.projections.tiled import TiledProjection
from keras_randproj.projections.tiles import TileSpec

TABLE_FILE = Path(__file__).with_name("gaussian_table.npy")


@register(package=PACKAGE)
class Gaussian(TiledProjection):
    """A projection with entries from N(0, 1), exact on every machine.

    An entry is one of 65,536 equally likely quantiles of the normal
    distribution, read from a table that ships with the package: no logarithm
    or cosine whose last bit depends on a library.

    Args:
        units: Positive integer, the number of outputs; `None` for a template.
        seed: Integer in `[0, 2**64)`, or `None` to draw one.
        storage: `"dense"` or `"seed"`, see `Projection`.
        implementation: `None` or the name of an implementation.

    Input shape:
        `(batch, ..., input_dim)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is not as above.

    Reference:
        Johnson and Lindenstrauss, "Extensions of Lipschitz mappings into a
        Hilbert space", 1984.

    Example:

    >>> layer = Gaussian(units=64, seed=7)
    >>> layer(keras.ops.ones((2, 1000))).shape
    (2, 64)
    """

    family = "gaussian"

    def spec(self):
        return spec()


@functools.cache
def spec():
    """The family's tiles; the table is read at the first use."""
    return TileSpec(
        code=3,
        bits=16,
        rows=4,
        cols=2,
        integers=np.arange(2**16, dtype="uint16"),
        values=np.load(TABLE_FILE).astype("float32"),
    )
