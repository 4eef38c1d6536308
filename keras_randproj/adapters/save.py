"""Writes what a model's adapters learned, and what they belong to."""

from typing import Any

import numpy as np
from keras import ops

from keras_randproj.adapters import recipe
from keras_randproj.adapters.canary import canary
from keras_randproj.adapters.detach import adapted_layers
from keras_randproj.adapters.fingerprint import fingerprint
from keras_randproj.adapters.packing import pack
from keras_randproj.adapters.packing import unpack
from keras_randproj.files.adapter_file import AdapterFile
from keras_randproj.files.adapter_file import check_name


def save(model: Any, path: Any, dtype: str = "float32") -> None:
    """Writes a model's adapters to a safetensors file.

    It holds the learned vectors, the recipe (forms, paths of layers, seeds,
    digests of seed-made matrices), the fingerprint of every base layer that
    they touch, and outputs of a fixed probe. It holds no kernel of the base
    and no seed-made matrix.

    Args:
        model: A model that `attach` or `load` adapted.
        path: Path, ending in `.safetensors`.
        dtype: Of the vectors in the file: `"float32"`, `"bfloat16"`, or
            `"int8"` with a scale for each vector.

    Raises:
        ValueError: If the model has no adapters, or an argument is wrong.
        ImportError: If the package `safetensors` is not installed.

    Example:

    ```python
    adapters.save(model, "reviews.safetensors")
    ```
    """
    check_name(path)
    layers = adapted_layers(model)
    if not layers:
        raise ValueError(f"'{model.name}' has no adapters to save.")
    learned = read(layers)
    vectors, scales = pack(learned, dtype)
    rounded = unpack(vectors, scales, [array.shape for array in learned])
    # The probe sees the numbers that the file has.
    assign(layers, rounded)
    try:
        probes = [canary(layer)[0] for layer in layers]
    finally:
        assign(layers, learned)
    forms, places = recipe.table(layers)
    AdapterFile(
        forms=forms,
        layers=places,
        matrices=recipe.records(layers),
        fingerprints=np.array(
            [
                np.frombuffer(fingerprint(layer.base_weights()), "uint8")
                for layer in layers
            ]
        ),
        canary=np.array(probes, "float32"),
        vectors=vectors,
        scales=scales,
    ).write(path)


def read(layers):
    """What adapters learned: float32 arrays, in the order of files."""
    return [
        ops.convert_to_numpy(variable).astype("float32")
        * np.float32(part.form.multiplier(name))
        for part, name, variable in recipe.learned(layers)
    ]


def assign(layers, arrays):
    """Has adapters hold what `read` returned."""
    found = zip(recipe.learned(layers), arrays, strict=True)
    for (part, name, variable), array in found:
        variable.assign(array / np.float32(part.form.multiplier(name)))
