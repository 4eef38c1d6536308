"""How kernels turn a code into an entry, as numbers that graphs can hold."""

import functools

import numpy as np

from keras_randproj.matrices.tiles import TileSpec

SIGNS = 0
# The values of laws that are neither signs nor ternary. They are known by
# number, so that a compiled graph holds no copy and a device one for all calls.
TABLES: list[np.ndarray] = []


@functools.cache
def law(spec: TileSpec) -> tuple[int, float]:
    """What the values of all codes amount to.

    Args:
        spec: The family's tiles.

    Returns:
        `(levels, size)`: `SIGNS` where code 0 is +size and code 1 -size; a
        threshold t where codes below t are +size, those from 256 - t on -size
        and the others 0; else `-1 - k` and size 1, for `TABLES[k]`.
    """
    bits, values = spec.bits, spec.values
    size = float(np.abs(values).max())
    if bits == 1 and np.array_equal(values, [size, -size]):
        return SIGNS, size
    threshold = int(np.count_nonzero(values > 0))
    if bits == 8 and 0 < threshold <= 128:
        wanted = np.zeros(256, "float32")
        wanted[:threshold] = size
        wanted[256 - threshold :] = -size
        if np.array_equal(values, wanted):
            return threshold, size
    TABLES.append(values)
    return -len(TABLES), 1.0
