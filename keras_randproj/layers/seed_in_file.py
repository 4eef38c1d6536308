"""What a layer of other layers keeps of its own in a file: one seed."""

import numpy as np

from keras_randproj.arguments import seed_integer


def write_seed(store, name: str, seed: int) -> None:
    """Writes `seed` under `name`, as the only entry of a layer."""
    store[name] = np.array(seed, "uint64")


def read_seed(layer, store, name: str) -> int:
    """The seed under `name`, which has to be alone in `store`.

    Args:
        layer: The layer that reads, for messages.
        store: Dict-like store of arrays.
        name: Name of the entry.

    Raises:
        ValueError: If the store holds anything else, or no valid seed.
    """
    if list(store.keys()) != [name]:
        raise ValueError(
            f"{layer.described} expects its seed in the file, as `{name}`. "
            f"Received: {sorted(store.keys())}. Build the layer with the "
            "arguments of the one that was saved, and save damaged files again "
            "from the original model."
        )
    value = np.asarray(store[name])
    if value.ndim:
        raise ValueError(
            f"{layer.described} expects one integer as `{name}` in the "
            f"file. Received: an array of shape {value.shape}"
        )
    return seed_integer(value[()])
