"""Sparse random signs."""

import functools
import math
import numbers
from typing import Any

import numpy as np

from keras_randproj.matrices.registry import register
from keras_randproj.matrices.tiled_family import TiledFamily
from keras_randproj.matrices.tiles import TileSpec


@register
class SparseTernary(TiledFamily):
    """Entries -s, 0 and +s, always of unit variance.

    Args:
        density: Float in (0, 1], the probability of an entry other than 0. It
            is rounded to a multiple of 1/128, at least 1/128; 1/3 is the law
            1/6, 2/3, 1/6 of Achlioptas.

    Raises:
        ValueError: If `density` is not as above.

    Reference:
        Achlioptas, "Database-friendly random projections", 2003; Li, Hastie
        and Church, "Very sparse random projections", 2006.

    Example:

    >>> family = SparseTernary(density=0.1)
    >>> float((family.matrix(seed=7, shape=(1000, 64)) != 0).mean().round(1))
    0.1
    """

    name = "sparse_ternary"
    option_types = {"density": float}
    storages = ("dense", "seed", "packed")

    def __init__(self, density: float = 1 / 3) -> None:
        valid = isinstance(density, numbers.Real) and not isinstance(
            density, bool
        )
        if not valid or not 0 < density <= 1:
            raise ValueError(
                "`density` must be a number in (0, 1]. "
                f"Received: density={density!r}"
            )
        self.density = float(density)

    def options(self) -> dict[str, Any]:
        return {"density": self.density}

    def spec(self) -> TileSpec:
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
