"""Projections whose entries are read off random bits, tile by tile."""

from typing import Any

import keras
import numpy as np

from keras_randproj import kernels
from keras_randproj.projections import packing
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
        self.words: Any = None

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
            self.key = self._add_integers("key", (4,), self._limbs)
        elif self.storage == "packed":
            each = packing.WORD_BITS // packing.digit_bits(self.spec())
            rows, cols = self.matrix_shape
            self.words = self._add_integers(
                "words", (-(-rows // each), cols), self._words
            )
        else:
            self.matrix = self.add_weight(
                self.matrix_shape,
                lambda shape, dtype=None: keras.ops.convert_to_tensor(
                    self.stored_matrix(), dtype
                ),
                trainable=False,
                name="matrix",
            )

    def _add_integers(self, name, shape, make):
        return self.add_weight(
            shape,
            lambda shape, dtype=None: keras.ops.convert_to_tensor(
                make(), dtype
            ),
            dtype="int32",
            trainable=False,
            name=name,
        )

    def _limbs(self):
        """The seed as four 16-bit limbs, lowest first."""
        limbs = [self.seed >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
        return np.array(limbs, "int32")

    def _words(self):
        return packing.pack(self.spec(), self.seed, self.matrix_shape)

    def stored_matrix(self):
        """The array that `storage="dense"` keeps, at unit variance."""
        return tiles.matrix(self.spec(), self.seed, self.matrix_shape)

    def fresh_weights(self):
        if self.storage == "seed":
            return [(self.key, self._limbs())]
        if self.storage == "packed":
            return [(self.words, self._words())]
        return [(self.matrix, self.stored_matrix())]

    def operand(self):
        rows, cols = self.matrix_shape
        spec = self.spec()
        if self.storage == "seed":
            return kernels.SeededTiles(rows, cols, spec=spec, key=self.key)
        if self.storage == "packed":
            return kernels.PackedMatrix(
                rows,
                cols,
                words=self.words,
                bits=packing.digit_bits(spec),
                size=float(spec.values.max()),
            )
        return kernels.StoredMatrix(rows, cols, matrix=self.matrix)
