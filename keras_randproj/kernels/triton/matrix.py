"""P as the kernels of products take it."""

import functools
from dataclasses import dataclass
from typing import Any

import torch

from keras_randproj.kernels.levels import TABLES


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

    def constants(self):
        return {
            "PACKED": bool(self.packed),
            "CODE": self.code,
            "BITS": self.bits,
            "TILE_ROWS": self.tile_rows,
            "TILE_COLS": self.tile_cols,
            "LEVELS": max(self.levels, -1),
        }

    def values(self):
        """The table of all codes; any pointer where there is none."""
        if self.levels >= 0:
            return self.source
        return _table(-1 - self.levels, self.source.device)


@functools.cache
def _table(number, device):
    """A table on the device, copied once."""
    return torch.from_numpy(TABLES[number]).to(device)
