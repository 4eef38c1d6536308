"""Learned arrays as one vector of a file, and back."""

from collections.abc import Sequence

import ml_dtypes
import numpy as np

from keras_randproj.arguments import one_of
from keras_randproj.files.adapter_file import DTYPES


def pack(
    arrays: Sequence[np.ndarray], dtype: str
) -> tuple[np.ndarray, np.ndarray]:
    """Arrays in one vector of the dtype, and the scales of int8.

    Args:
        arrays: List of float arrays, of rank 1 or 2.
        dtype: `"float32"`, `"bfloat16"` or `"int8"`, of which each vector
            gets a scale: a matrix is the vectors along its longer axis.
    """
    one_of("dtype", dtype, tuple(DTYPES))
    if dtype != "int8":
        numbers = np.concatenate([array.ravel() for array in arrays])
        kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else "float32"
        return numbers.astype(kind), np.zeros(0, "float32")
    integers, scales = [], []
    for array in arrays:
        axis = _longer_axis(array.shape)
        largest = np.abs(array).max(axis, keepdims=True)
        scale = np.where(largest > 0, largest / 127, 1).astype("float32")
        integers.append(np.rint(array / scale).astype("int8").ravel())
        scales.append(scale.ravel())
    return np.concatenate(integers), np.concatenate(scales)


def unpack(
    vectors: np.ndarray,
    scales: np.ndarray,
    shapes: Sequence[tuple[int, ...]],
) -> list[np.ndarray]:
    """The arrays that `pack` was given, as float32 and rounded.

    Args:
        vectors: Vector of a file.
        scales: Scales of a file.
        shapes: The shapes of the arrays.

    Raises:
        ValueError: If there are too many numbers, or too few.
    """
    sizes = [int(np.prod(shape)) for shape in shapes]
    with_scales = vectors.dtype == "int8"
    counts = [
        size // shape[_longer_axis(shape)] if with_scales else 0
        for size, shape in zip(sizes, shapes, strict=True)
    ]
    if sum(sizes) != vectors.size or sum(counts) != scales.size:
        raise ValueError(
            f"The adapter's layers take {sum(sizes)} numbers and "
            f"{sum(counts)} scales. The file holds {vectors.size} and "
            f"{scales.size}."
        )
    arrays, at, scale_at = [], 0, 0
    for shape, size, count in zip(shapes, sizes, counts, strict=True):
        array = vectors[at : at + size].astype("float32").reshape(shape)
        if with_scales:
            own = scales[scale_at : scale_at + count]
            axis = _longer_axis(shape)
            array = array * np.expand_dims(own, axis).reshape(
                [1 if k == axis else n for k, n in enumerate(shape)]
            )
        arrays.append(array)
        at, scale_at = at + size, scale_at + count
    return arrays


def _longer_axis(shape):
    return int(np.argmax(shape))
