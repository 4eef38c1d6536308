"""Families whose entries are read off random bits, tile by tile."""

from typing import Any

import numpy as np

from keras_randproj.matrices import tiles
from keras_randproj.matrices.family import Family
from keras_randproj.matrices.tiles import Span
from keras_randproj.matrices.tiles import TileSpec


class TiledFamily(Family):
    """A family whose entry (i, j) is a table look-up of a few bits.

    A subclass gives `spec()`; everything else follows. An entry does not
    depend on the shape, so that a bigger matrix begins with the smaller one.

    Example:

    >>> family = matrices.Gaussian()
    >>> large = family.matrix(seed=7, shape=(30, 20))
    >>> (large[:3, :2] == family.matrix(seed=7, shape=(3, 2))).all().item()
    True
    """

    storages: tuple[str, ...] = ("dense", "seed")
    divisible = True

    def spec(self) -> TileSpec:
        """How 128 bits become a tile; the same object for equal options."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement `spec()`."
        )

    def entries(
        self, seed: int, rows: Span, cols: Span, stream: int = 0
    ) -> np.ndarray:
        """float32 sub-block of any rows and columns, at unit variance."""
        spec = self.spec()
        return spec.values[tiles.codes(spec, seed, rows, cols, stream)]

    def matrix(self, seed: int, shape: tuple[int, int]) -> np.ndarray:
        return tiles.matrix(self.spec(), seed, shape).astype("float64")

    def block(
        self,
        seed: int,
        shape: tuple[int, int],
        rows: Span,
        cols: Span,
        dtype: Any = "float32",
    ) -> np.ndarray:
        return tiles.block(self.spec(), seed, rows, cols, dtype)

    def digest(self, seed: int, shape: tuple[int, int]) -> str:
        return tiles.digest(self.spec(), seed, shape)

    def digest_cost(self, shape: tuple[int, int]) -> int:
        return tiles.digest_cost(self.spec(), shape)
