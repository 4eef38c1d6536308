"""How kernels turn a code into an entry without reading a table."""

import functools

import numpy as np

# What `levels` says; a positive number is a ternary law's threshold.
SIGNS = 0
TABLE = -1


@functools.cache
def levels(spec):
    """The law of a `TileSpec` in two numbers.

    Args:
        spec: A `TileSpec`.

    Returns:
        `(levels, size)`: `SIGNS` where code 0 is +size and code 1 -size; a
        threshold t where codes below t are +size, those from 256 - t on -size
        and the others 0; `TABLE` and size 1 where it is neither.
    """
    size = float(np.abs(spec.values).max())
    if spec.bits == 1 and _is(spec, [size, -size]):
        return SIGNS, size
    threshold = int(np.count_nonzero(spec.values > 0))
    if spec.bits == 8 and 0 < threshold <= 128:
        zeros = np.zeros(256 - 2 * threshold)
        law = np.repeat([size], threshold)
        if _is(spec, np.concatenate([law, zeros, -law])):
            return threshold, size
    return TABLE, 1.0


def _is(spec, values):
    return np.array_equal(spec.values, np.array(values, "float32"))
