"""Families whose entries are read off random bits, tile by tile."""

from typing import Any

import numpy as np

from keras_randproj.matrices import chosen_rows
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
    endless = True

    def spec(self) -> TileSpec:
        """How 128 bits become a tile; the same object for equal options."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement `spec()`."
        )

    def entries(
        self, seed: int, rows: Span, cols: Span, stream: int = 0
    ) -> np.ndarray:
        """float32 sub-block of the endless matrix, at unit variance."""
        spec = self.spec()
        return spec.values[tiles.codes(spec, seed, rows, cols, stream)]

    def matrix(self, seed: int, shape: tuple[int, int]) -> np.ndarray:
        spans = (0, shape[0]), (0, shape[1])
        return self.block(seed, shape, *spans).astype("float64")

    def block(
        self,
        seed: int,
        shape: tuple[int, int],
        rows: Span,
        cols: Span,
        dtype: Any = "float32",
    ) -> np.ndarray:
        if self.rows is not None:
            chosen = self.rows[slice(*cols)]
            return chosen_rows.block(self.spec(), seed, rows, chosen, dtype)
        return tiles.block(self.spec(), seed, rows, cols, dtype)

    def digest(self, seed: int, shape: tuple[int, int]) -> str:
        if self.rows is not None:
            return chosen_rows.digest(self.spec(), seed, shape[0], self.rows)
        return tiles.digest(self.spec(), seed, shape)

    def cost(self, shape: tuple[int, int]) -> int:
        if self.rows is not None:
            return chosen_rows.cost(self.spec(), shape[0], self.rows)
        return super().cost(shape)

    def digest_cost(self, shape: tuple[int, int]) -> int:
        if self.rows is not None:
            return self.cost(shape)
        return tiles.digest_cost(self.spec(), shape)
