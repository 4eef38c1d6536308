"""Calibration data as batches of rows, whatever it comes as."""

import keras
import numpy as np
from keras import ops

# Rows that a layer is given at a time.
CHUNK = 4096


def is_one_shot(data):
    """Whether data can be read only once."""
    return hasattr(data, "__next__")


def batches(data, batch_size, inputs=1):
    """Batches of inputs, targets and sample weights, as NumPy arrays.

    Args:
        data: Array, dict of arrays, or `(inputs, targets)` or `(inputs,
            targets, weights)` tuple of arrays; or an iterable of batches: a
            list, a generator, a `tf.data.Dataset`, a torch `DataLoader`, a
            `keras.utils.PyDataset`. Batches may be such tuples, too.
        batch_size: Integer, rows of a batch; for arrays.
        inputs: Integer, how many inputs a model has: a list of so many
            arrays, if not one, is those and no list of batches.

    Yields:
        Inputs, targets and weights; `None` where not given.
    """
    if isinstance(data, list) and not _are_inputs(data, inputs):
        data = iter(data)
    if isinstance(data, keras.utils.PyDataset):
        data = map(data.__getitem__, range(data.num_batches))
    # Of `(inputs, None, weights)` as well.
    leaves = [x for x in keras.tree.flatten(data) if x is not None]
    if all(hasattr(leaf, "shape") for leaf in leaves):
        yield from _slices(data, leaves, batch_size)
        return
    for batch in data:
        if isinstance(batch, list):
            batch = tuple(batch)
        parts = keras.utils.unpack_x_y_sample_weight(batch)
        found = tuple(map(_numpy, parts))
        if all(len(leaf) for leaf in keras.tree.flatten(found[0])):
            yield found


def _are_inputs(data, inputs):
    """Whether a list holds the arrays of a model with several inputs."""
    arrays = all(hasattr(part, "shape") for part in data)
    return inputs > 1 and len(data) == inputs and arrays


def _slices(data, leaves, batch_size):
    counts = {leaf.shape[0] for leaf in leaves}
    if len(counts) > 1:
        raise ValueError(
            "`data` must hold arrays of equal length. "
            f"Received lengths: {sorted(counts)}"
        )
    if isinstance(data, tuple):
        parts = keras.utils.unpack_x_y_sample_weight(data)
    else:
        parts = data, None, None
    for start in range(0, max(counts, default=0), batch_size):
        part = slice(start, start + batch_size)
        yield tuple(_numpy(leaf, part) for leaf in parts)


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


def weights_of_rows(lead, *weights):
    """How much each row of a layer's inputs counts.

    Args:
        lead: Shape of the inputs without their last axis.
        *weights: Arrays of the first axes of that shape: sample weights, a
            mask; or `None`. Where they have more axes, as for a layer behind
            a pooling, a row counts as much as the heaviest of its parts.

    Returns:
        float64 array, or `None` where all rows count the same.

    Raises:
        ValueError: If one does not fit.
    """
    total = None
    for weight in weights:
        if weight is None:
            continue
        weight = np.asarray(weight, "float64")
        if weight.ndim > len(lead):
            weight = weight.max(axis=tuple(range(len(lead), weight.ndim)))
        if weight.shape != lead[: weight.ndim] or weight.min(initial=0) < 0:
            raise ValueError(
                "Sample weights and masks must be non-negative, and have the "
                "first axes of the inputs of each layer that is fitted. "
                f"Received: shape {weight.shape}, for inputs of {lead} rows"
            )
        weight = weight.reshape(*weight.shape, *[1] * (len(lead) - weight.ndim))
        weight = np.broadcast_to(weight, lead).ravel()
        total = weight if total is None else total * weight
    return total


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


def chunks(index):
    """Parts of an array of row numbers.

    Args:
        index: Integer array.
    """
    for start in range(0, len(index), CHUNK):
        yield index[start : start + CHUNK]


def outputs(layer, x):
    """A layer's outputs, some rows at a time.

    Args:
        layer: Layer.
        x: Array `(rows, input_dim)`.

    Returns:
        Array `(rows, units)`.
    """
    if not len(x):
        return np.zeros(layer.compute_output_shape(x.shape), "float32")
    parts = [
        ops.convert_to_numpy(layer(x[part]))
        for part in chunks(np.arange(len(x)))
    ]
    return np.concatenate(parts)


def relative_error(function, judged):
    """`||function(x) - y|| / ||y||` over weighted rows.

    Args:
        function: Function of inputs `(rows, input_dim)`.
        judged: Iterable of inputs, targets, and weights or `None`.

    Returns:
        Float.
    """
    wrong = norm = 0.0
    for x, y, weights in judged:
        weights = np.ones(len(x)) if weights is None else weights
        y = y.astype("float64")
        found = np.broadcast_to(function(x), y.shape).astype("float64")
        wrong += float(weights @ np.sum((found - y) ** 2, axis=1))
        norm += float(weights @ np.sum(y**2, axis=1))
    return float(np.sqrt(wrong / (norm or 1.0)))


def as_rows(eugen, x, y, seen):
    """Inputs and targets as matrices, once they are known to fit.

    Args:
        eugen: `EUGenDense`; it is built if it is not.
        x: Array of inputs.
        y: Array of targets.
        seen: Integer, how many rows came before.

    Raises:
        ValueError: If they do not fit, or are not finite.
    """
    if not eugen.built:
        eugen.build((None, x.shape[-1]))
    x = x.reshape(-1, eugen.features.input_spec.axes[-1])
    if y.shape[-1] != eugen.units and y.size != len(x) * eugen.units:
        raise ValueError(
            f"The teacher must give {eugen.units} outputs, as '{eugen.name}' "
            f"does. Received outputs of shape {y.shape}"
        )
    y = y.reshape(-1, eugen.units)
    if len(x) != len(y):
        raise ValueError(
            "Inputs and targets must have the same number of rows. "
            f"Received: {len(x)} and {len(y)}"
        )
    check_finite(x, seen, "Inputs in `data`")
    check_finite(y, seen, "Targets")
    return x, y
