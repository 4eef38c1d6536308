"""Reading trained arrays of a file, checked before any is assigned."""

import numpy as np


def read_arrays(store, expected, owner):
    """The arrays of a store, once they are known to be those expected.

    Args:
        store: Dict-like store of arrays.
        expected: Dict of arrays or variables, as the layer would save them.
        owner: Who reads, for messages: "Layer 'hidden'".

    Returns:
        Dict of NumPy arrays.

    Raises:
        ValueError: If there are others, or one has another shape.
    """
    if set(store.keys()) != set(expected):
        raise ValueError(
            f"{owner} expects {sorted(expected)} in the file. "
            f"Received: {sorted(store.keys())}. Build the layer with the "
            "arguments of the one that was saved, and save damaged files "
            "again from the original model."
        )
    values = {name: np.asarray(store[name]) for name in expected}
    for name, value in values.items():
        wanted = tuple(expected[name].shape)
        if value.shape != wanted:
            raise ValueError(
                f"{owner}: `{name}` in the file has another shape than the "
                f"layer's {wanted}. Received: shape={value.shape}"
            )
    return values


def read_weights(layer, store):
    """What a layer saves in Keras's own way.

    Args:
        layer: A `WholeLayer`.
        store: Dict-like store of arrays.

    Returns:
        Function without arguments that assigns it.
    """
    expected: dict = {}
    layer.save_own_variables(expected)
    values = read_arrays(store, expected, layer.described)

    def assign():
        for name, value in values.items():
            expected[name].assign(value)

    return assign
