"""What this machine's memory and arithmetic allow, measured with NumPy."""

import functools
import itertools

import numpy as np

from benchmarks.timing import median_ms
from keras_randproj.report import cost

SIDE = 2048


@functools.cache
def machine():
    """Floating point operations and bytes a second."""
    a = np.ones((SIDE, SIDE), "float32")
    out = np.empty_like(a)
    product = median_ms(lambda: np.matmul(a, a, out=out))
    big = np.ones(2**25, "float32")
    target = np.empty_like(big)
    copy = median_ms(lambda: np.copyto(target, big))
    return 2e3 * SIDE**3 / product, 2e3 * big.nbytes / copy


def bound_ms(layer, batch):
    """The least time of a layer's forward pass."""
    return 1e3 * cost(layer, batch).seconds(*machine())


def copy_of(inputs):
    """Copies as many bytes as a square layer reads and writes.

    Args:
        inputs: Arrays, which take turns, each copied to one of its own.
    """
    # Targets that were written to before: a page's first touch takes longer.
    pairs = itertools.cycle([(x.copy(), x) for x in inputs])
    return lambda: np.copyto(*next(pairs))
