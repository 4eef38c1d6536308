"""Projections whose entries are read off random bits, tile by tile."""

from typing import Any

import keras
import numpy as np

from keras_randproj import kernels
from keras_randproj.projections import tiles
from keras_randproj.projections.projection import Projection


class TiledProjection(Projection):
    """A projection whose entry (i, j) is a table look-up of a few bits.

    A subclass gives `spec()`; everything else follows. Two layers of the
    same seed and family hold the same entries, so a bigger matrix begins with
    the smaller one.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.matrix: Any = None
        self.key: Any = None

    def spec(self):
        """The family's `tiles.TileSpec`; the same object for equal options."""
        raise NotImplementedError

    def entries(self, seed, rows, cols, stream=0):
        """float32 NumPy sub-block of any rows and columns."""
        spec = self.spec()
        return spec.values[tiles.codes(spec, seed, rows, cols, stream)]

    def natural_matrix(self):
        matrix = tiles.matrix(self.spec(), self.seed, self.matrix_shape)
        return matrix.astype("float64")

    def digest_of(self, seed, shape):
        return tiles.digest(self.spec(), seed, shape)

    def build_weights(self):
        if self.storage == "seed":
            self.key = self.add_weight(
                (4,),
                lambda shape, dtype=None: keras.ops.convert_to_tensor(
                    _limbs(self.seed), dtype
                ),
                dtype="int32",
                trainable=False,
                name="key",
            )
            return
        self.matrix = self.add_weight(
            self.matrix_shape,
            lambda shape, dtype=None: keras.ops.convert_to_tensor(
                self.stored_matrix(), dtype
            ),
            trainable=False,
            name="matrix",
        )

    def stored_matrix(self):
        """The array that `storage="dense"` keeps, at unit variance."""
        return tiles.matrix(self.spec(), self.seed, self.matrix_shape)

    def fresh_weights(self):
        if self.storage == "seed":
            return [(self.key, _limbs(self.seed))]
        return [(self.matrix, self.stored_matrix())]

    def operand(self):
        rows, cols = self.matrix_shape
        if self.storage == "seed":
            return kernels.SeededTiles(
                rows, cols, spec=self.spec(), key=self.key
            )
        return kernels.StoredMatrix(rows, cols, matrix=self.matrix)


def _limbs(seed):
    """The seed as four 16-bit limbs, lowest first."""
    limbs = [(seed >> shift) & 0xFFFF for shift in (0, 16, 32, 48)]
    return np.array(limbs, "int32")
