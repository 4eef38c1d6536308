"""Keys and values of earlier positions, as decoding keeps them.

A cache is one tensor `(batch, 2, length, key/value heads, key_dim)`, keys
first: the layout of keras-hub.
"""

import keras
from keras import ops


def shape(layer, length):
    """Shape of a layer's cache without its batch.

    Args:
        layer: A `ProjectedAttention`.
        length: Positive integer, or `None` where it is not known.

    Returns:
        Tuple.

    Raises:
        ValueError: If the layer's keys and values differ in width.
    """
    if layer.value_dim != layer.key_dim:
        raise ValueError(
            "A cache needs keys and values of one width. Received: "
            f"key_dim={layer.key_dim}, value_dim={layer.value_dim}"
        )
    return (2, length, layer.num_key_value_heads, layer.key_dim)


def tensors(layer, cache, index=None):
    """A cache and an index as tensors.

    Args:
        layer: A `ProjectedAttention`.
        cache: Tensor, array, nested list, or `None`.
        index: Number or scalar tensor, or `None`.

    Returns:
        Pair of a tensor and an integer or integer tensor; `None` stays.
    """
    if isinstance(cache, (list, tuple)):
        cache = ops.convert_to_tensor(cache, dtype=layer.compute_dtype)
    if index is not None and not isinstance(index, int):
        index = ops.cast(index, "int32")
    return cache, index


def check(layer, cache, index):
    """Raises a `ValueError` where a cache and an index do not fit a layer.

    Args:
        layer: A built `ProjectedAttention`.
        cache: Tensor, or `None`.
        index: Integer or scalar tensor, or `None`.
    """
    if cache is None:
        if index is not None:
            raise ValueError(
                "`cache_update_index` needs a `cache`. "
                f"Received: cache=None, cache_update_index={index}"
            )
        return
    found = tuple(cache.shape)
    wanted = shape(layer, found[2] if len(found) == 5 else None)
    if found[1:] != wanted or not layer.attends_over_one_axis:
        raise ValueError(
            "`cache` must have the shape (batch, 2, length, "
            f"{layer.num_key_value_heads}, {layer.key_dim}), for attention "
            f"over one axis. Received: cache.shape={found}"
        )
    position = tuple(getattr(index, "shape", ()))
    if position:
        raise ValueError(
            "`cache_update_index` must be a scalar. "
            f"Received: cache_update_index.shape={position}"
        )
    dtype = keras.backend.standardize_dtype(cache.dtype)
    if dtype != layer.compute_dtype:
        raise ValueError(
            f"`cache` must have the dtype {layer.compute_dtype}. "
            f"Received: cache.dtype={dtype}"
        )


def updated(cache, index, keys, values):
    """The cache with new keys and values from a position on.

    Args:
        cache: Tensor.
        index: Integer or scalar tensor, position of the first.
        keys: Tensor `(batch, positions, key/value heads, key_dim)`.
        values: Tensor like `keys`.

    Returns:
        Tensor of the cache's shape.
    """
    start = (0, index, 0, 0)
    keys = ops.slice_update(cache[:, 0], start, keys)
    values = ops.slice_update(cache[:, 1], start, values)
    return ops.stack((keys, values), axis=1)
