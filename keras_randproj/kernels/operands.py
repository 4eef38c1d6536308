"""What a kernel multiplies by: the forms a projection can take.

Each is plain data: the sizes, the weights that the projection holds, and
whether the matrix is used as it is or transposed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from keras_randproj.matrices.tiles import TileSpec


@dataclass(frozen=True)
class Operand:
    """A matrix of `rows x cols`; with `transposed`, its transpose is meant.

    Products with it are multiplied by `gain`, `factor / sqrt(input_dim)`.
    """

    rows: int
    cols: int
    transposed: bool = False
    factor: float = field(default=1.0, kw_only=True)

    @property
    def input_dim(self) -> int:
        return self.cols if self.transposed else self.rows

    @property
    def output_dim(self) -> int:
        return self.rows if self.transposed else self.cols

    @property
    def gain(self) -> float:
        return self.factor / math.sqrt(self.input_dim)

    def times(self, factor):
        """The same matrix, of which products are multiplied by a number."""
        return replace(self, factor=self.factor * factor)

    def transpose(self):
        """The same matrix, transposed."""
        return replace(self, transposed=not self.transposed)


@dataclass(frozen=True)
class StoredMatrix(Operand):
    """A matrix held in memory, `(rows, cols)`."""

    matrix: Any = None


@dataclass(frozen=True)
class SeededTiles(Operand):
    """A matrix that is regenerated from its seed wherever it is used.

    `key` holds the seed as four int32 limbs of 16 bits, lowest first;
    `levels` and `size` are what `levels.law` says of the entries.
    """

    spec: TileSpec | None = None
    key: Any = None
    levels: int = 0
    size: float = 1.0


@dataclass(frozen=True)
class ChosenTiles(Operand):
    """Chosen columns of an endless matrix, regenerated where they are used.

    `key` is as in `SeededTiles`; `chosen` is int32 `(cols,)`, the columns.
    """

    spec: TileSpec | None = None
    key: Any = None
    chosen: Any = None


@dataclass(frozen=True)
class PackedMatrix(Operand):
    """A matrix of signs (1 bit per entry) or ternary digits (2 bits).

    `words` is int32 `(ceil(rows * bits / 32), cols)`: a word holds entries of
    one column that follow each other, lowest bits first. A bit of 1 is -1; of
    two bits the low one is +1 and the high one -1. Entries of P are these
    integers times `size`.
    """

    words: Any = None
    bits: int = 1
    size: float = 1.0


@dataclass(frozen=True)
class SignedHadamard(Operand):
    """`R H D`: random signs, a Walsh-Hadamard matrix, a choice of rows.

    `signs` is `(groups, order)`; `positions` lists the `cols` chosen outputs
    among `groups * order`, or is `None` where all are taken. `crowded` is what
    `few_outputs.crowded` says of them. `seed` is what they are functions of,
    for programs that need them as constants, and `chosen` the positions where
    those are a choice and no function of the seed.
    """

    signs: Any = None
    positions: Any = None
    crowded: bool = False
    seed: int | None = None
    chosen: tuple[int, ...] | None = None
