"""Projections whose entries are read off random bits, tile by tile."""

from typing import Any

import numpy as np

from keras_randproj import kernels
from keras_randproj.projections import packing
from keras_randproj.projections import tiles
from keras_randproj.projections.projection import Projection
from keras_randproj.projections.seeded_initializer import SeededInitializer


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
        self.tiles: Any = None
        self.bits = 0

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
        # A compiler of whole models can't look into the family's cache.
        self.tiles = self.spec()
        if self.storage == "seed":
            self.key = self._add("key", (4,), self._limbs, "int32")
        elif self.storage == "packed":
            self.bits = packing.digit_bits(self.tiles)
            each = packing.WORD_BITS // self.bits
            rows, cols = self.matrix_shape
            shape = -(-rows // each), cols
            self.words = self._add("words", shape, self._words, "int32")
        else:
            self.matrix = self._add("matrix", self.matrix_shape, self._entries)

    def _add(self, name, shape, block, dtype=None):
        return self._seeded(block).add_weight(self, name, shape, dtype)

    def _seeded(self, block):
        return SeededInitializer(block)

    def _limbs(self, spans, dtype):
        """The seed as four 16-bit limbs, lowest first."""
        limbs = [self.seed >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
        return np.array(limbs, "int32")[slice(*spans[0])]

    def _words(self, spans, dtype):
        rows = self.matrix_shape[0]
        return packing.pack(self.spec(), self.seed, rows, *spans)

    def _entries(self, spans, dtype):
        """What `storage="dense"` keeps, at unit variance."""
        rows, cols = spans
        return tiles.block(
            self.spec(), self.seed, rows, cols, dtype or "float32"
        )

    def fresh_weights(self):
        pairs = (
            (self.key, self._limbs),
            (self.words, self._words),
            (self.matrix, self._entries),
        )
        return [(w, self._seeded(b)) for w, b in pairs if w is not None]

    def operand(self):
        rows, cols = self.matrix_shape
        if self.storage == "seed":
            return kernels.SeededTiles(
                rows, cols, spec=self.tiles, key=self.key
            )
        if self.storage == "packed":
            return kernels.PackedMatrix(
                rows,
                cols,
                words=self.words,
                bits=self.bits,
                size=float(self.tiles.values.max()),
            )
        return kernels.StoredMatrix(rows, cols, matrix=self.matrix)
