"""How many numbers and bytes arrays have."""

import math

import keras
import numpy as np


def count(arrays):
    """Numbers in arrays or variables, all together."""
    return sum(math.prod(array.shape) for array in arrays)


def nbytes(arrays):
    """Bytes of arrays or variables, all together."""
    return sum(math.prod(a.shape) * itemsize(a.dtype) for a in arrays)


def itemsize(dtype):
    """Bytes of one number of a dtype, by name or as a backend has it."""
    dtype = keras.backend.standardize_dtype(dtype)
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize
