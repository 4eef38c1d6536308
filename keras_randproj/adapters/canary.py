"""Outputs of a fixed probe: whether an adapter computes what it did."""

import keras
import numpy as np
from keras import ops

from keras_randproj import matrices

# Of an output's size, by the dtype that a layer computes in.
# A GPU may multiply float32 with eleven bits (TF32).
TOLERANCES = {"float64": 1e-2, "float32": 1e-2}
HALF_PRECISION = 5e-2


def canary(layer) -> tuple[float, float]:
    """What an adapted layer's output for a fixed probe gives.

    Args:
        layer: An `AdaptedLayer`.

    Returns:
        Floats: the output's mean product with random signs, and its root mean
        square.
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
    return float(np.mean(y * _signs(1, y.size))), float(np.sqrt(np.mean(y**2)))


def agrees(layer, known: float) -> bool:
    """Whether a layer's canary is what a file says, up to rounding."""
    dtype = keras.backend.standardize_dtype(layer.compute_dtype)
    tolerance = TOLERANCES.get(dtype, HALF_PRECISION)
    if getattr(layer, "quantization_mode", None) is not None:
        tolerance = HALF_PRECISION
    here, size = canary(layer)
    # The mean of n random signs times the output has the size of 1 / sqrt(n).
    bound = tolerance * max(size, 1e-6) / np.sqrt(layer.matrix_shape[1])
    return abs(here - known) <= bound


def _signs(stream, size):
    return matrices.entries("rademacher", 0, (0, 1), (0, size), stream)[0]
