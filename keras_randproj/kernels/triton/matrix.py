"""P as the kernels of products take it."""

from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from keras_randproj.kernels.levels import TABLES
from keras_randproj.kernels.operands import PackedMatrix


@dataclass(frozen=True)
class Matrix:
    """P as the kernels take it.

    Args:
        source: int32 key `(4,)`, or packed words.
        rows: Rows of P.
        cols: Columns of P.
        packed: 1 where `source` holds words, else 0.
        code: The family's word of the counter.
        bits: Bits an entry.
        tile_rows: Rows of a tile, or entries of a word.
        tile_cols: Columns of a tile; 1 where it is packed.
        levels: How codes become entries, see `kernels.levels`.
        tile_row: Tile row where the matrix begins.
        tile_col: Tile column where it begins.
    """

    source: Any
    rows: int
    cols: int
    packed: int
    code: int
    bits: int
    tile_rows: int
    tile_cols: int
    levels: int
    tile_row: int = 0
    tile_col: int = 0

    def arguments(self):
        """What kernels ask for by name, but for the pointers."""
        return {
            "rows": self.rows,
            "cols": self.cols,
            "tile_row": self.tile_row,
            "tile_col": self.tile_col,
            "PACKED": bool(self.packed),
            "CODE": self.code,
            "BITS": self.bits,
            "TILE_ROWS": self.tile_rows,
            "TILE_COLS": self.tile_cols,
            "LEVELS": max(self.levels, -1),
        }

    def packed_as(self, words):
        """The same signs, packed."""
        return replace(self, source=words, packed=1, tile_rows=32, tile_cols=1)


def table(levels):
    """The entries of all codes of a law, float32, or `None`: see `levels`."""
    return TABLES[-1 - levels] if levels < 0 else None


def layout_of(operand):
    """What a `Matrix` is made of, from `SeededTiles` or a `PackedMatrix`.

    Returns:
        `(source, layout, size)`: the weight; the numbers of a `Matrix`, from
        rows to levels; what entries of the kernels are multiplied by.
    """
    layout = [operand.rows, operand.cols]
    if isinstance(operand, PackedMatrix):
        layout += [1, 0, operand.bits, 32 // operand.bits, 1, 0]
        return operand.words, layout, operand.size
    spec = operand.spec
    layout += [0, spec.code, spec.bits, spec.rows, spec.cols, operand.levels]
    return operand.key, layout, operand.size
