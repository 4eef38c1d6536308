"""Outputs of a fixed probe: whether an adapter computes what it did."""

import keras
import numpy as np
from keras import ops

from keras_randproj import matrices

# Of an output's size, by the dtype that a layer computes in.
TOLERANCES = {"float64": 1e-3, "float32": 1e-3}
HALF_PRECISION = 5e-2


def canary(layer) -> np.ndarray:
    """Two numbers that an adapted layer's output for a fixed probe gives.

    Args:
        layer: An `AdaptedLayer`.

    Returns:
        float32 array: the output's root mean square, and its correlation with
        random signs.
    """
    shape = layer.probe_shape()
    size = int(np.prod(shape))
    if layer.input_channels:
        probe = _signs(0, size).reshape(shape)
    else:
        probe = np.arange(size, dtype="int32").reshape(shape)
        probe = probe % layer.matrix_shape[0]
    y = layer(ops.convert_to_tensor(probe))
    y = ops.convert_to_numpy(ops.cast(y, "float32")).astype("float64").ravel()
    size = np.sqrt(np.mean(y**2))
    return np.array([size, np.mean(y * _signs(1, y.size))], "float32")


def agrees(here: np.ndarray, there: np.ndarray, layer) -> bool:
    """Whether two canaries are the same up to rounding."""
    dtype = keras.backend.standardize_dtype(layer.compute_dtype)
    tolerance = TOLERANCES.get(dtype, HALF_PRECISION)
    if getattr(layer, "quantization_mode", None) is not None:
        tolerance = HALF_PRECISION
    bound = tolerance * max(float(there[0]), 1e-6)
    return bool(np.abs(here - there).max() <= bound)


def _signs(stream, size):
    return matrices.entries("rademacher", 0, (0, 1), (0, size), stream)[0]
