"""Orthonormal columns or rows."""

import math

import numpy as np

from keras_randproj.matrices import gaussian
from keras_randproj.matrices import tiles
from keras_randproj.matrices.family import Family
from keras_randproj.matrices.registry import register

# A QR takes about as long as making this many gaussian entries, for each row
# or column that is made orthogonal to the others.
QR_COST = 64


@register
class Orthogonal(Family):
    """Random orthonormal directions.

    QR of the gaussian family's matrix in float64, R's diagonal positive:
    orthonormal columns where `units <= input_dim`, else orthonormal rows,
    scaled so that the outputs have the gaussian's variance. The integers that
    it is made from are exact, and its digest is theirs; the entries
    themselves are exact up to the last bits of the QR.

    Reference:
        Szorc, "Element-wise Modulation of Random Matrices for Efficient
        Neural Layers", arXiv 2512.13480 (orthogonal projections).

    Example:

    >>> columns = Orthogonal().matrix(seed=7, shape=(1000, 64))
    >>> np.allclose(columns.T @ columns, 1000 * np.eye(64))
    True
    """

    name = "orthogonal"

    def matrix(self, seed: int, shape: tuple[int, int]) -> np.ndarray:
        rows, cols = shape
        matrix = tiles.matrix(gaussian.spec(), seed, shape).astype("float64")
        q, r = np.linalg.qr(matrix if rows >= cols else matrix.T)
        q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
        q *= math.sqrt(max(rows, cols))
        return q if rows >= cols else q.T

    def first_direction(self, seed: int, shape: tuple[int, int]) -> np.ndarray:
        """The first column, or the first row if there are fewer: no QR."""
        rows, cols = shape
        spans = ((0, rows), (0, 1)) if rows >= cols else ((0, 1), (0, cols))
        spec = gaussian.spec()
        first = spec.values[tiles.codes(spec, seed, *spans)].ravel()
        return first * (math.sqrt(len(first)) / np.linalg.norm(first))

    def digest(self, seed: int, shape: tuple[int, int]) -> str:
        return tiles.digest(gaussian.spec(), seed, shape)

    def cost(self, shape: tuple[int, int]) -> int:
        return shape[0] * shape[1] * (1 + min(shape) // QR_COST)

    def digest_cost(self, shape: tuple[int, int]) -> int:
        """That of the gaussian matrix, as no QR is made."""
        return tiles.digest_cost(gaussian.spec(), shape)
