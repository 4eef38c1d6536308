"""Calibration data as batches of rows, whatever it comes as."""

import keras
import numpy as np
from keras import ops


def is_one_shot(data):
    """Whether data can be read only once."""
    return hasattr(data, "__next__")


def batches(data, batch_size):
    """Batches of model inputs and, where given, targets, as NumPy arrays.

    Args:
        data: Array, or dict, list or `(inputs, targets)` tuple of arrays; or
            an iterable of batches: a generator, a `tf.data.Dataset`, a torch
            `DataLoader`, a `keras.utils.PyDataset`. Batches may be tuples
            `(inputs, targets)`.
        batch_size: Integer, rows of a batch; for arrays.

    Yields:
        Pairs of inputs and targets; targets are `None` where not given.
    """
    if isinstance(data, keras.utils.PyDataset):
        data = map(data.__getitem__, range(data.num_batches))
    leaves = keras.tree.flatten(data)
    if all(hasattr(leaf, "shape") for leaf in leaves):
        yield from _slices(data, leaves, batch_size)
        return
    for batch in data:
        if isinstance(batch, list):
            batch = tuple(batch)
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        yield _numpy(x), _numpy(y)


def _slices(data, leaves, batch_size):
    counts = {leaf.shape[0] for leaf in leaves}
    if len(counts) > 1:
        raise ValueError(
            "`data` must hold arrays of equal length. "
            f"Received lengths: {sorted(counts)}"
        )
    if isinstance(data, tuple):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
    else:
        x, y = data, None
    for start in range(0, max(counts, default=0), batch_size):
        part = slice(start, start + batch_size)
        yield _numpy(x, part), _numpy(y, part)


def _numpy(structure, part=slice(None)):
    """Each leaf's part as a NumPy array; `None` stays."""
    if structure is None:
        return None

    def convert(leaf):
        leaf = leaf[part]
        return (
            ops.convert_to_numpy(leaf)
            if ops.is_tensor(leaf)
            else np.asarray(leaf)
        )

    return keras.tree.map_structure(convert, structure)


def check_finite(array, first_row, what):
    """Names the rows that are not finite.

    Raises:
        ValueError: If there are any.
    """
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        shown = ", ".join(str(first_row + row) for row in bad[:5])
        raise ValueError(
            f"{what} must be finite. Received NaN or infinite values in "
            f"{len(bad)} rows of one batch: rows {shown}"
            f"{', ...' if len(bad) > 5 else ''} of the data. Remove them."
        )


def held_out(first_row, count, split):
    """Which of `count` rows are held out: one in every `1 / split`.

    Args:
        first_row: Integer, how many rows came before.
        count: Integer.
        split: Float in `[0, 1)`.

    Returns:
        Boolean array `(count,)`.
    """
    index = first_row + np.arange(count)
    return np.floor((index + 1) * split) > np.floor(index * split)
