"""Which weights of these layers are matrices that devices can divide.

Keras asks for the layout of a weight by its path alone, and a layer of any
kind may be called `query`. So a layer says here what it is, when it is built.
"""

import weakref
from typing import Any

# Path of a weight: the layer that said so, for as long as it is there.
_by_columns: Any = weakref.WeakValueDictionary()
_by_rows: Any = weakref.WeakValueDictionary()


def by_columns(layer, weight):
    """Says that a matrix can be divided by its columns, the outputs.

    Args:
        layer: A layer that is being built.
        weight: Name of its weight, or path from the layer to the weight.
    """
    _by_columns[f"{layer.path}/{weight}"] = layer


def by_rows(layer, weight):
    """Says that a matrix takes features that another one has spread.

    It is divided by its rows, so that only its outputs are summed over the
    devices. This counts where `by_columns` was said too.

    Args:
        layer: A layer that is being built.
        weight: Name of its weight, or path from the layer to the weight.
    """
    _by_rows[f"{layer.path}/{weight}"] = layer


def axes(path, axis):
    """The axes of the mesh that the sides of a matrix are divided over.

    Args:
        path: Path of a weight.
        axis: Name of an axis.

    Returns:
        Tuple, or `None` where the weight is no such matrix.
    """
    if path in _by_rows:
        return (axis, None)
    if path in _by_columns:
        return (None, axis)
    return None
