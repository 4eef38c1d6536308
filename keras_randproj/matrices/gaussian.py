"""Normally distributed entries, from a table."""

import functools
from pathlib import Path

import numpy as np

from keras_randproj.matrices.registry import register
from keras_randproj.matrices.tiled_family import TiledFamily
from keras_randproj.matrices.tiles import TileSpec

TABLE_FILE = Path(__file__).with_name("gaussian_table.npy")


@register
class Gaussian(TiledFamily):
    """Entries from N(0, 1), exact on every machine.

    An entry is one of 65,536 equally likely quantiles of the normal
    distribution, read from a table that ships with the package: no logarithm
    or cosine whose last bit depends on a library.

    Reference:
        Johnson and Lindenstrauss, "Extensions of Lipschitz mappings into a
        Hilbert space", 1984.

    Example:

    >>> Gaussian().matrix(seed=7, shape=(1000, 64)).shape
    (1000, 64)
    """

    name = "gaussian"

    def spec(self) -> TileSpec:
        return spec()


@functools.cache
def spec() -> TileSpec:
    """The family's tiles; the table is read at the first use."""
    return TileSpec(
        code=3,
        bits=16,
        rows=4,
        cols=2,
        integers=np.arange(2**16, dtype="uint16"),
        values=np.load(TABLE_FILE, allow_pickle=False).astype("float32"),
    )
