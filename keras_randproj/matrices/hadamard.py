"""The structured matrix: random signs and a Hadamard transform."""

import functools
import hashlib

import numpy as np

from keras_randproj.matrices import tiles
from keras_randproj.matrices.chosen_rows import with_rows
from keras_randproj.matrices.family import Family
from keras_randproj.matrices.philox import philox4x32
from keras_randproj.matrices.rademacher import sign_spec
from keras_randproj.matrices.registry import register
from keras_randproj.matrices.tiles import Span
from keras_randproj.matrices.tiles import TileSpec

FAMILY_CODE = 5
# The stream word of the counters that choose rows.
ROW_CHOICE = 2**16
# Words of the choice that are looked at together.
CHOICE_BLOCK = 2**20
# A word of the choice takes the memory of so many entries: all that are
# chosen are held at once.
CHOICE_COST = 32


@register
class Hadamard(Family):
    """`P = (R H D)^T`, whose product takes O(d log d) time and no matrix.

    D holds random signs, H is the Walsh-Hadamard matrix of order n, the next
    power of two, and R a random choice of rows. Where `units` exceeds n,
    several groups of n outputs follow each other, each with its own D. Rows
    of P are exactly orthogonal where `units` is a multiple of n, columns
    where `input_dim = n` and `units <= n`.

    Reference:
        Ailon and Chazelle, "The fast Johnson-Lindenstrauss transform", 2009.

    Example:

    >>> Hadamard().matrix(seed=7, shape=(1000, 64)).shape
    (1000, 64)
    """

    name = "hadamard"
    storages = ("dense", "seed")
    divisible = True
    endless = True

    def spec(self) -> TileSpec:
        """The tiles of the sign matrices."""
        return sign_spec(FAMILY_CODE)

    def entries(
        self, seed: int, rows: Span, cols: Span, stream: int = 0
    ) -> np.ndarray:
        """float32 sub-block of a stream's sign matrix, `D_b[i]` at (i, b)."""
        spec = self.spec()
        return spec.values[tiles.codes(spec, seed, rows, cols, stream)]

    def matrix(self, seed: int, shape: tuple[int, int]) -> np.ndarray:
        rows = shape[0]
        order, groups = self.layout(shape)
        walsh = walsh_matrix(order).astype("float64")
        walsh = walsh[:, row_of_h(np.arange(order), order)]
        signs = self.entries(seed, (0, rows), (0, groups))
        blocks = [walsh[:rows] * signs[:, b, None] for b in range(groups)]
        matrix = np.concatenate(blocks, axis=1)
        positions = self.positions(seed, shape)
        return matrix if positions is None else matrix[:, positions]

    def layout(self, shape: tuple[int, int]) -> tuple[int, int]:
        """The order n of H, and how many groups of n outputs are made."""
        outputs = shape[1] if self.rows is None else self.rows[-1] + 1
        return order_and_groups(shape[0], outputs)

    def positions(self, seed: int, shape: tuple[int, int]) -> np.ndarray | None:
        """The outputs that are kept, int32 `(cols,)`; `None` for all."""
        if self.rows is not None:
            return np.array(self.rows, "int32")
        return chosen_positions(seed, shape)

    def digest(self, seed: int, shape: tuple[int, int]) -> str:
        """Of the signs, as for rademacher, and the positions as uint32."""
        order, groups = self.layout(shape)
        signs = tiles.digest(self.spec(), seed, (shape[0], groups))
        if self.rows is not None:
            return with_rows(bytes.fromhex(signs), self.rows)
        if not shape[1] % order:
            return signs
        hasher = hashlib.blake2b(bytes.fromhex(signs), digest_size=16)
        full = (groups - 1) * order
        for start in range(0, full, CHOICE_BLOCK):
            stop = min(start + CHOICE_BLOCK, full)
            hasher.update(np.arange(start, stop, dtype="<u4").tobytes())
        hasher.update((full + _chosen(seed, shape)).astype("<u4").tobytes())
        return hasher.hexdigest()

    def inner_width(self, input_dim: int, units: int) -> int:
        """The next power of two: no padding and no choice of rows inside."""
        return 1 << (max(input_dim, units) - 1).bit_length()

    def cost(self, shape: tuple[int, int]) -> int:
        order, groups = self.layout(shape)
        words = self.rows is None and shape[1] % order
        chosen = order if words else 0
        return shape[0] * groups + shape[1] + chosen

    def digest_cost(self, shape: tuple[int, int]) -> int:
        order, groups = self.layout(shape)
        signs = tiles.digest_cost(self.spec(), (shape[0], groups))
        words = self.rows is None and shape[1] % order
        chosen = order if words else 0
        return signs + shape[1] + CHOICE_COST * chosen


def order_and_groups(rows: int, cols: int) -> tuple[int, int]:
    """The order n of H, and how many groups of n outputs there are."""
    order = 1 << (rows - 1).bit_length()
    return order, -(-cols // order)


def factors(order: int) -> tuple[int, int]:
    """`(n1, n2)` with `n1 * n2 = order` and `n1 <= n2`, powers of two."""
    power = order.bit_length() - 1
    first = 1 << (power // 2)
    return first, order // first


def row_of_h(position, order):
    """The row of H that an output position stands for.

    Args:
        position: Integer, array or tensor of them.
        order: Integer, the order of H.
    """
    first, second = factors(order)
    return position % first * second + position // first


@functools.cache
def walsh_matrix(order: int) -> np.ndarray:
    """H in the natural order: entry (i, j) is (-1)^popcount(i AND j)."""
    matrix = np.ones((1, 1), "float32")
    while len(matrix) < order:
        matrix = np.kron([[1, 1], [1, -1]], matrix).astype("float32")
    return matrix


@functools.lru_cache(maxsize=64)
def chosen_positions(seed: int, shape: tuple[int, int]) -> np.ndarray | None:
    """The outputs that are kept, int32 `(cols,)`; `None` for all."""
    order, groups = order_and_groups(*shape)
    if not shape[1] % order:
        return None
    full = (groups - 1) * order
    chosen = full + _chosen(seed, shape)
    positions = np.concatenate([np.arange(full), chosen]).astype("int32")
    positions.setflags(write=False)
    return positions


def _chosen(seed, shape):
    """The positions that are kept of the last group, int64."""
    order, groups = order_and_groups(*shape)
    kept = shape[1] % order
    smallest = np.empty(0, "uint64")
    # A position below its word: ties go to the lower position.
    # Whole calls of four words at a time.
    size = max(CHOICE_BLOCK, -(-kept // 4) * 4)
    for start in range(0, order, size):
        positions = np.arange(start, min(start + size, order), dtype="uint64")
        blocks = np.arange(start // 4, -(-(start + len(positions)) // 4))
        words = philox4x32((blocks, groups - 1, ROW_CHOICE, FAMILY_CODE), seed)
        words = words.ravel()[: len(positions)].astype("uint64")
        keys = words << np.uint64(32) | positions
        smallest = np.concatenate([smallest, keys])
        if len(smallest) > kept:
            smallest = np.partition(smallest, kept - 1)[:kept]
    return np.sort(smallest & np.uint64(2**32 - 1)).astype("int64")
