"""The structured projection: random signs and a Hadamard transform."""

import functools
import hashlib

import numpy as np

from keras_randproj import kernels
from keras_randproj.projections import tiles
from keras_randproj.projections.families import PACKAGE
from keras_randproj.projections.families import register
from keras_randproj.projections.projection import Projection
from keras_randproj.projections.seeded_initializer import SeededInitializer
from keras_randproj.projections.tiles import TileSpec
from keras_randproj.random import philox4x32

FAMILY_CODE = 5
# The stream word of the counters that choose rows.
ROW_CHOICE = 2**16


@register(package=PACKAGE)
class Hadamard(Projection):
    """A projection `y = R H D x` in O(d log d) time with no matrix at all.

    D holds random signs, H is the Walsh-Hadamard matrix of order n, the next
    power of two, and R a random choice of rows. Where `units` exceeds n,
    several groups of n outputs follow each other, each with its own D. Rows
    of P are exactly orthogonal where `units` is a multiple of n, columns
    where `input_dim = n` and `units <= n`.

    Args:
        units: Positive integer, the number of outputs; `None` for a template.
        seed: Integer in `[0, 2**64)`, or `None` to draw one.
        storage: Either value: only the n signs and the chosen rows are kept.
        implementation: `None` or the name of an implementation.

    Input shape:
        `(batch, ..., input_dim)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is not as above.

    Reference:
        Ailon and Chazelle, "The fast Johnson-Lindenstrauss transform", 2009.

    Example:

    >>> layer = Hadamard(units=64, seed=7)
    >>> layer(keras.ops.ones((2, 1000))).shape
    (2, 64)
    """

    family = "hadamard"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.signs = None
        self.positions = None
        self.crowded = False

    def entries(self, seed, rows, cols, stream=0):
        """float32 sub-block of a stream's sign matrix, `D_b[i]` at (i, b)."""
        spec = sign_spec()
        return spec.values[tiles.codes(spec, seed, rows, cols, stream)]

    @staticmethod
    def inner_width(input_dim, units):
        """The next power of two: no padding and no choice of rows inside."""
        return 1 << (max(input_dim, units) - 1).bit_length()

    def natural_matrix(self):
        rows, cols = self.matrix_shape
        order, groups = order_and_groups(rows, cols)
        walsh = kernels.walsh_matrix(order).astype("float64")
        walsh = walsh[:, kernels.row_of_h(np.arange(order), order)]
        signs = self.entries(self.seed, (0, rows), (0, groups))
        blocks = [walsh[:rows] * signs[:, b, None] for b in range(groups)]
        matrix = np.concatenate(blocks, axis=1)
        positions = chosen_positions(self.seed, self.matrix_shape)
        return matrix if positions is None else matrix[:, positions]

    def digest_of(self, seed, shape):
        return _digest(seed, shape)

    def build_weights(self):
        order, groups = order_and_groups(*self.matrix_shape)
        signs = SeededInitializer(self._signs)
        self.signs = signs.add_weight(self, "signs", (groups, order))
        if self.units % order:
            positions = SeededInitializer(self._positions)
            self.positions = positions.add_weight(
                self, "positions", (self.units,), "int32"
            )
            self.crowded = crowded(self.seed, self.matrix_shape)

    def set_seed(self, seed):
        """Replaces P by that of another seed.

        Args:
            seed: Integer in `[0, 2**64)`.

        Raises:
            ValueError: If the outputs that it chooses do not fit what calls
                were compiled for: for fewer than one seed in a million.
        """
        may_grow = self.positions is not None and not self.crowded
        if may_grow and crowded(seed, self.matrix_shape):
            raise ValueError(
                "The outputs that this seed chooses lie so close together "
                f"that calls compiled for layer '{self.path}' cannot compute "
                "them. Build the layer with this seed, or load the whole "
                f"model. Received: seed={seed}"
            )
        super().set_seed(seed)

    def fresh_weights(self):
        pairs = [(self.signs, SeededInitializer(self._signs))]
        if self.positions is not None:
            pairs.append((self.positions, SeededInitializer(self._positions)))
        return pairs

    def operand(self):
        rows, cols = self.matrix_shape
        return kernels.SignedHadamard(
            rows,
            cols,
            signs=self.signs,
            positions=self.positions,
            crowded=self.crowded,
        )

    def _signs(self, spans, dtype):
        groups, inputs = spans
        return np.ascontiguousarray(self.entries(self.seed, inputs, groups).T)

    def _positions(self, spans, dtype):
        chosen = chosen_positions(self.seed, self.matrix_shape)
        return chosen[slice(*spans[0])]


def order_and_groups(rows, cols):
    """The order n of H, and how many groups of n outputs there are."""
    order = 1 << (rows - 1).bit_length()
    return order, -(-cols // order)


def crowded(seed, shape):
    """`few_outputs.crowded`; False where there is a second group of outputs."""
    order, groups = order_and_groups(*shape)
    if groups > 1:
        return False
    chosen = chosen_positions(seed, shape)
    return kernels.crowded(kernels.row_of_h(chosen, order), order)


def chosen_positions(seed, shape):
    """The outputs that are kept, int32 `(cols,)`; `None` for all."""
    order, groups = order_and_groups(*shape)
    kept = shape[1] % order
    if not kept:
        return None
    last = groups - 1
    blocks = np.arange(-(-order // 4))
    words = philox4x32((blocks, last, ROW_CHOICE, FAMILY_CODE), seed)
    smallest = np.argsort(words.ravel()[:order], kind="stable")[:kept]
    chosen = last * order + np.sort(smallest)
    return np.concatenate([np.arange(last * order), chosen]).astype("int32")


@functools.cache
def sign_spec():
    """The tiles of the sign matrices."""
    signs = np.array([1, -1], "int8")
    return TileSpec(
        code=FAMILY_CODE,
        bits=1,
        rows=16,
        cols=8,
        integers=signs,
        values=signs.astype("float32"),
    )


@functools.lru_cache(maxsize=256)
def _digest(seed, shape):
    """Of the signs, as for rademacher, and the positions as uint32."""
    _, groups = order_and_groups(*shape)
    signs = tiles.digest(sign_spec(), seed, (shape[0], groups))
    positions = chosen_positions(seed, shape)
    if positions is None:
        return signs
    both = bytes.fromhex(signs) + positions.astype("<u4").tobytes()
    return hashlib.blake2b(both, digest_size=16).hexdigest()
