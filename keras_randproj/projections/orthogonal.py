"""Orthonormal columns or rows."""

import math

import keras
import numpy as np

from keras_randproj.projections import gaussian
from keras_randproj.projections import tiles
from keras_randproj.projections.families import PACKAGE
from keras_randproj.projections.families import register
from keras_randproj.projections.seeded_initializer import SeededInitializer
from keras_randproj.projections.tiled import TiledProjection

# What two machines' QR of the same matrix may differ by, at unit variance.
TOLERANCE = 1e-3


@register(package=PACKAGE)
class Orthogonal(TiledProjection):
    """A projection onto random orthonormal directions.

    QR of the gaussian family's matrix in float64, R's diagonal positive:
    orthonormal columns where `units <= input_dim`, else orthonormal rows,
    scaled so that the outputs have the gaussian's variance. The integers that
    it is made from are exact, and its digest is theirs; the entries
    themselves are exact up to the last bits of the QR.

    Args:
        units: Positive integer, the number of outputs; `None` for a template.
        seed: Integer in `[0, 2**64)`, or `None` to draw one.
        storage: `"dense"`: a QR needs the whole matrix.
        implementation: `None` or the name of an implementation.

    Input shape:
        `(batch, ..., input_dim)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is not as above.

    Reference:
        Szorc, "Element-wise Modulation of Random Matrices for Efficient
        Neural Layers", arXiv 2512.13480 (orthogonal projections).

    Example:

    >>> layer = Orthogonal(units=64, seed=7)
    >>> layer(keras.ops.ones((2, 1000))).shape
    (2, 64)
    """

    family = "orthogonal"
    storages = ("dense",)
    # Its entries depend on the whole matrix.
    entries = None  # type: ignore[assignment]

    def spec(self):
        return gaussian.spec()

    def natural_matrix(self):
        rows, cols = self.matrix_shape
        matrix = tiles.matrix(self.spec(), self.seed, self.matrix_shape)
        matrix = matrix.astype("float64")
        q, r = np.linalg.qr(matrix if rows >= cols else matrix.T)
        q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
        q *= math.sqrt(max(rows, cols))
        return q if rows >= cols else q.T

    def _entries(self, spans, dtype):
        rows, cols = (slice(*span) for span in spans)
        return self.natural_matrix().astype("float32")[rows, cols]

    def _seeded(self, block):
        # A QR of a part is another matrix.
        return SeededInitializer(block, divisible=False)

    def check_weights(self):
        """Checks the one direction that needs no QR: the first."""
        rows, cols = self.matrix_shape
        spans = ((0, rows), (0, 1)) if rows >= cols else ((0, 1), (0, cols))
        spec = self.spec()
        first = spec.values[tiles.codes(spec, self.seed, *spans)].ravel()
        first *= math.sqrt(len(first)) / np.linalg.norm(first)
        here = self.matrix[:, 0] if rows >= cols else self.matrix[0]
        here = keras.ops.convert_to_numpy(keras.ops.cast(here, "float32"))
        tolerance = max(TOLERANCE, 2 * _epsilon(self.matrix.dtype))
        if not np.allclose(here, first, rtol=tolerance, atol=tolerance):
            raise self.overwritten(self.matrix)


def _epsilon(dtype):
    return {"bfloat16": 2.0**-8, "float16": 2.0**-11}.get(dtype, 0.0)
