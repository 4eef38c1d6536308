"""Matrices of signs or ternary digits, packed into 32-bit words."""

import numpy as np

from keras_randproj.matrices import tiles
from keras_randproj.matrices.tiles import Span
from keras_randproj.matrices.tiles import TileSpec

WORD_BITS = 32


def digit_bits(spec: TileSpec) -> int:
    """Bits that a packed entry takes: 1 for signs, 2 for ternary digits.

    Raises:
        ValueError: If entries are not -1, 0 and +1 times a number.
    """
    digits = set(spec.integers.tolist())
    size = spec.values.max()
    if digits <= {1, 0, -1} and np.array_equal(
        spec.values, spec.integers * size
    ):
        return 2 if 0 in digits else 1
    raise ValueError(
        'storage="packed" takes a family whose entries are -1, 0 and +1 times '
        f"a number. Received: a family of {len(digits)} values"
    )


def pack(
    spec: TileSpec, seed: int, rows: int, lines: Span, cols: Span
) -> np.ndarray:
    """Words of the matrix as `kernels.PackedMatrix` has them, by strips.

    Args:
        spec: The family's tiles.
        seed: Integer in `[0, 2**64)`.
        rows: Integer, rows of the matrix.
        lines: The words of each column that are wanted.
        cols: The columns.

    Returns:
        int32 array, of `ceil(rows * bits / 32)` lines for all.
    """
    bits = digit_bits(spec)
    each = WORD_BITS // bits
    first, last = lines[0] * each, min(lines[1] * each, rows)
    words = np.empty((lines[1] - lines[0], cols[1] - cols[0]), "int32")
    # +1, 0, -1 to their codes; a negative index counts from the end.
    codes = np.array([0, 0, 1] if bits == 1 else [0, 1, 2], "uint8")

    def fill(span):
        block = tiles.codes(
            spec, seed, (first + span[0], first + span[1]), cols
        )
        digits = codes[spec.integers[block]]
        here = slice(span[0] // each, -(-span[1] // each))
        words[here] = _join(digits, bits)

    shape = last - first, cols[1] - cols[0]
    for _ in tiles.map_strips(fill, spec, shape, each):
        pass
    return words


def _join(codes, bits):
    """Codes of a strip to words, the first entry of a column lowest."""
    each = WORD_BITS // bits
    codes = np.pad(codes, ((0, -len(codes) % each), (0, 0)))
    codes = codes.reshape(-1, each, codes.shape[1])
    words = np.zeros((codes.shape[0], codes.shape[2]), "uint32")
    for k in range(each):
        words |= codes[:, k].astype("uint32") << np.uint32(k * bits)
    return words.view("int32")
