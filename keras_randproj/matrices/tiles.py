"""From random bits to entries: tiles, sub-blocks and digests, on the host.

A tile is the block of entries that one call of Philox makes. Everything here
is NumPy, threaded, and independent of Keras; `CONTRACT.md` is the text that
these functions follow.
"""

import functools
import hashlib
import math
import os
from collections import deque
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_randproj.matrices.philox import philox4x32

Span = tuple[int, int]

# Entries made by one thread at a time: large enough to amortise the calls,
# small enough to bound the memory of a pass over a matrix of any size.
STRIP_ENTRIES = 2**18
# Columns of a strip of whole tile rows, at most.
WIDEST_STRIP = 2**20


@dataclass(frozen=True, eq=False)
class TileSpec:
    """How a family turns 128 bits into a tile of entries.

    Args:
        code: Integer, the family's word of the counter.
        bits: Bits an entry takes: 1, 8 or 16.
        rows: Rows of a tile.
        cols: Columns of a tile; `rows * cols * bits` is 128.
        integers: Array of `2**bits` integers: what the digest is made of.
        values: float32 array of `2**bits` entries at unit variance.

    Example:

    >>> spec = matrices.Rademacher().spec()
    >>> spec.bits, spec.rows, spec.cols, spec.values.tolist()
    (1, 16, 8, [1.0, -1.0])
    """

    code: int
    bits: int
    rows: int
    cols: int
    integers: np.ndarray
    values: np.ndarray

    def __post_init__(self):
        if self.bits not in (1, 8, 16):
            raise ValueError(
                f"`bits` must be 1, 8 or 16. Received: bits={self.bits}"
            )
        if self.bits * self.rows * self.cols != 128:
            raise ValueError(
                "A tile must take 128 bits. Received: "
                f"bits={self.bits}, rows={self.rows}, cols={self.cols}"
            )
        if self.bits * self.cols % 8:
            raise ValueError(
                "A row of a tile must take whole bytes. Received: "
                f"bits={self.bits}, cols={self.cols}"
            )
        for name in ("integers", "values"):
            table = getattr(self, name)
            if table.shape != (2**self.bits,):
                raise ValueError(
                    f"`{name}` must have {2**self.bits} elements. "
                    f"Received: shape={table.shape}"
                )


def codes(
    spec: TileSpec, seed: int, rows: Span, cols: Span, stream: int = 0
) -> np.ndarray:
    """The raw bits of a sub-block, one unsigned integer an entry."""
    first_col = cols[0] // spec.cols
    tile_cols = np.arange(first_col, -(-cols[1] // spec.cols), dtype="uint64")
    left = first_col * spec.cols
    entries = codes_of_tiles(spec, seed, rows, tile_cols, stream)
    return entries[:, cols[0] - left : cols[1] - left]


def codes_of_tiles(
    spec: TileSpec,
    seed: int,
    rows: Span,
    tile_cols: np.ndarray,
    stream: int = 0,
) -> np.ndarray:
    """`codes` of all columns of some columns of tiles."""
    first_row = rows[0] // spec.rows
    tile_rows = np.arange(first_row, -(-rows[1] // spec.rows), dtype="uint64")
    tile_cols = tile_cols.astype("uint64", copy=False)
    words = philox4x32(
        (tile_rows[:, None], tile_cols[None, :], stream, spec.code), seed
    )
    top = first_row * spec.rows
    return _untile(words, spec)[rows[0] - top : rows[1] - top]


def _untile(words, spec):
    """(tile rows, tile cols, 4) words to (rows, cols) codes.

    A row of a tile is moved as one little-endian integer, and split into
    entries after the move.
    """
    row_bytes = spec.bits * spec.cols // 8
    tiles = words.astype("<u4", copy=False).view(f"V{row_bytes}")
    tiles = np.ascontiguousarray(tiles.transpose(0, 2, 1))
    flat = tiles.reshape(tiles.shape[0] * spec.rows, tiles.shape[2])
    if spec.bits == 1:
        return np.unpackbits(flat.view("u1"), axis=1, bitorder="little")
    return flat.view(f"<u{spec.bits // 8}")


def map_strips(
    function: Callable[[Span], np.ndarray],
    spec: TileSpec,
    shape: Span,
    multiple: int = 1,
) -> Iterator[np.ndarray]:
    """`function` of each strip of whole tile rows, in order, on all cores.

    Strips but the last have a multiple of `multiple` rows.
    """
    rows, cols = shape
    unit = math.lcm(spec.rows, multiple)
    height = max(1, STRIP_ENTRIES // max(1, cols * unit)) * unit
    spans = [(r, min(r + height, rows)) for r in range(0, rows, height)]
    if len(spans) < 2:
        yield from map(function, spans)
        return
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from _in_order(pool, function, spans)


def _in_order(pool, function, spans):
    """`function` of each span, in order, of which a few wait at a time."""
    ahead = 2 * (os.cpu_count() or 1)
    pending = deque(pool.submit(function, span) for span in spans[:ahead])
    for span in [*spans[ahead:], *[None] * len(pending)]:
        yield pending.popleft().result()
        if span is not None:
            pending.append(pool.submit(function, span))


def matrix(
    spec: TileSpec, seed: int, shape: Span, stream: int = 0
) -> np.ndarray:
    """The whole matrix as float32, at unit variance."""
    return block(spec, seed, (0, shape[0]), (0, shape[1]), stream=stream)


def block(
    spec: TileSpec,
    seed: int,
    rows: Span,
    cols: Span,
    dtype: Any = "float32",
    stream: int = 0,
) -> np.ndarray:
    """A sub-block of the matrix at unit variance, made strip by strip."""
    shape = rows[1] - rows[0], cols[1] - cols[0]
    out = np.empty(shape, dtype)
    values = spec.values.astype(out.dtype)
    for start in range(0, max(1, shape[1]), WIDEST_STRIP):
        part = out[:, start : start + WIDEST_STRIP]
        left = cols[0] + start
        these = left, left + part.shape[1]

        def fill(span, part=part, these=these):
            lines = rows[0] + span[0], rows[0] + span[1]
            found = codes(spec, seed, lines, these, stream)
            part[slice(*span)] = np.take(values, found, mode="clip")

        deque(map_strips(fill, spec, part.shape), maxlen=0)
    return out


@functools.lru_cache(maxsize=256)
def digest(spec: TileSpec, seed: int, shape: Span, stream: int = 0) -> str:
    """BLAKE2b-128 of the matrix's integers, row-major, little-endian."""
    hasher = hashlib.blake2b(digest_size=16)
    dtype = spec.integers.dtype.newbyteorder("<")
    integers = spec.integers.astype(dtype, copy=False)

    def strip(rows, cols):
        return integers[codes(spec, seed, rows, cols, stream)]

    rows, cols = shape
    if cols <= WIDEST_STRIP:
        for part in map_strips(lambda s: strip(s, (0, cols)), spec, shape):
            hasher.update(part.tobytes())
        return hasher.hexdigest()
    # A tile row would not fit: one row after the other, in parts.
    ends = range(0, cols, WIDEST_STRIP)
    spans = [(start, min(start + WIDEST_STRIP, cols)) for start in ends]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for row in range(rows):
            one = functools.partial(strip, (row, row + 1))
            for part in _in_order(pool, one, spans):
                hasher.update(part.tobytes())
    return hasher.hexdigest()


def digest_cost(spec: TileSpec, shape: Span) -> int:
    """Entries that `digest` makes: those of whole tiles.

    Where a strip of tiles would not fit, each row makes its tiles alone.
    """
    rows, cols = shape
    tile_rows = rows if cols > WIDEST_STRIP else -(-rows // spec.rows)
    return tile_rows * spec.rows * -(-cols // spec.cols) * spec.cols
