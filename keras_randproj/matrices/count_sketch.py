"""The sparsest projection: one sign in each row, as many in each column."""

import hashlib
import math

import numpy as np

from keras_randproj.matrices import tiles
from keras_randproj.matrices.family import Family
from keras_randproj.matrices.philox import philox4x32
from keras_randproj.matrices.rademacher import sign_spec
from keras_randproj.matrices.registry import register

FAMILY_CODE = 6
# The stream word of the counters of signs.
SIGNS = 1
# A row takes the work of so many entries, as words are sorted; and a group, in
# which it is alone where there is one column.
ROW_COST = 16
GROUP_COST = 2**12


@register
class CountSketch(Family):
    """One entry a row, `+sqrt(units)` or `-sqrt(units)`, in a random column.

    Each group of `units` rows has one entry in every column, so that columns
    are orthogonal and, up to one entry, of one length. As the transpose of a
    projection it spreads a short vector over a long one: `SeededUpdate`.

    Reference:
        Charikar, Chen, Farach-Colton, "Finding frequent items in data
        streams", 2002; Li et al., "Uni-LoRA: One vector is all you need",
        arXiv 2506.00799.

    Example:

    >>> CountSketch().matrix(seed=7, shape=(4, 2)) ** 2
    array([[2., 0.],
           [0., 2.],
           [2., 0.],
           [0., 2.]])
    """

    name = "count_sketch"

    def matrix(self, seed: int, shape: tuple[int, int]) -> np.ndarray:
        rows, cols = shape
        found, signs = columns(seed, cols, (0, rows))
        matrix = np.zeros(shape)
        matrix[np.arange(rows), found] = signs * math.sqrt(cols)
        return matrix

    def digest(self, seed: int, shape: tuple[int, int]) -> str:
        rows, cols = shape
        hasher = hashlib.blake2b(digest_size=16)
        for start in range(0, rows, cols):
            span = start, min(start + cols, rows)
            found, signs = columns(seed, cols, span)
            hasher.update(((found + 1) * signs).astype("<i8").tobytes())
        return hasher.hexdigest()

    def digest_cost(self, shape: tuple[int, int]) -> int:
        rows, cols = shape
        # A group is made whole, and by itself.
        return -(-rows // cols) * (ROW_COST * cols + GROUP_COST)


def columns(
    seed: int, cols: int, rows: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Where the entries of some rows stand, and their signs.

    Args:
        seed: Integer in `[0, 2**64)`.
        cols: Positive integer, columns of the matrix.
        rows: `(start, stop)`.

    Returns:
        int64 arrays `(stop - start,)`: columns, and +1 or -1.
    """
    start, stop = rows
    found, signs = [], []
    for group in range(start // cols, -(-stop // cols)):
        span = max(start - group * cols, 0), min(stop - group * cols, cols)
        found.append(_permutation(seed, cols, group)[slice(*span)])
        codes = tiles.codes(
            sign_spec(FAMILY_CODE), seed, span, (group, group + 1), SIGNS
        )
        signs.append(1 - 2 * codes[:, 0].astype("int64"))
    empty = np.zeros(0, "int64")
    return np.concatenate([empty, *found]), np.concatenate([empty, *signs])


def counts(seed: int, shape: tuple[int, int]) -> np.ndarray:
    """How many entries each column of the matrix has, int64."""
    rows, cols = shape
    full, left = divmod(rows, cols)
    counted = np.full(cols, full)
    last, _ = columns(seed, cols, (full * cols, full * cols + left))
    counted[last] += 1
    return counted


def _permutation(seed, cols, group):
    """The column of each row of a group: the rank of the row's word."""
    blocks = np.arange(-(-cols // 4))
    words = philox4x32((blocks, group, 0, FAMILY_CODE), seed)
    order = np.argsort(words.ravel()[:cols], kind="stable")
    ranks = np.empty(cols, "int64")
    ranks[order] = np.arange(cols)
    return ranks
