"""Outputs of an endless matrix that are chosen by their numbers.

A row is one of P^T: the numbers that make one output of `x @ P`. Since no
entry depends on how many outputs there are, any of them can be made alone.
"""

import functools
import hashlib
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_randproj.matrices import tiles
from keras_randproj.matrices.tiles import Span
from keras_randproj.matrices.tiles import TileSpec

Rows = tuple[int, ...]

# Tensors hold the numbers as signed integers of 32 bits.
MOST_ROWS = 2**31


def check_rows(rows: Iterable[Any]) -> Rows:
    """Numbers of outputs as a tuple, if they are in increasing order.

    Raises:
        ValueError: If they are not integers in `[0, 2**31)`, or do not
            increase.
    """
    found = np.asarray(list(rows) if isinstance(rows, Iterable) else rows)
    fine = (
        found.ndim == 1
        and found.size > 0
        and found.dtype.kind in "iu"
        and np.all(found[1:] > found[:-1])
        and found[0] >= 0
        and found[-1] < MOST_ROWS
    )
    if not fine:
        raise ValueError(
            "`rows` must be integers in [0, 2**31), each larger than the one "
            f"before it. Received: rows={rows!r}"
        )
    return tuple(map(int, found))


def codes(spec: TileSpec, seed: int, span: Span, rows: Rows) -> np.ndarray:
    """The raw bits of entries `P[span, rows]`, one unsigned integer each."""
    chosen = np.array(rows, "int64")
    tile_cols, place = np.unique(chosen // spec.cols, return_inverse=True)
    entries = tiles.codes_of_tiles(spec, seed, span, tile_cols)
    return entries[:, place * spec.cols + chosen % spec.cols]


def block(
    spec: TileSpec, seed: int, span: Span, rows: Rows, dtype: Any = "float32"
) -> np.ndarray:
    """`P[span, rows]` at unit variance, made strip by strip."""
    out = np.empty((span[1] - span[0], len(rows)), dtype)
    values = spec.values.astype(out.dtype)

    def fill(part):
        lines = span[0] + part[0], span[0] + part[1]
        out[slice(*part)] = values[codes(spec, seed, lines, rows)]

    # A strip makes whole tiles and keeps some of their columns.
    deque(
        tiles.map_strips(fill, spec, (len(out), len(rows) * spec.cols)),
        maxlen=0,
    )
    return out


@functools.lru_cache(maxsize=256)
def digest(spec: TileSpec, seed: int, height: int, rows: Rows) -> str:
    """BLAKE2b-128 of the entries' digest and of the numbers as uint32."""
    hasher = hashlib.blake2b(digest_size=16)
    dtype = spec.integers.dtype.newbyteorder("<")
    integers = spec.integers.astype(dtype, copy=False)
    strips = tiles.map_strips(
        lambda span: integers[codes(spec, seed, span, rows)],
        spec,
        (height, len(rows) * spec.cols),
    )
    for part in strips:
        hasher.update(part.tobytes())
    return with_rows(hasher.digest(), rows)


def with_rows(entries: bytes, rows: Rows) -> str:
    """The digest of entries with that of the rows they are of.

    Args:
        entries: The digest of the entries, 16 bytes.
        rows: The numbers of the outputs.
    """
    hasher = hashlib.blake2b(entries, digest_size=16)
    hasher.update(np.array(rows, "<u4").tobytes())
    return hasher.hexdigest()


def cost(spec: TileSpec, height: int, rows: Rows) -> int:
    """Entries that are made for `P[:height, rows]`: those of whole tiles."""
    return -(-height // spec.rows) * spec.rows * len(rows) * spec.cols
