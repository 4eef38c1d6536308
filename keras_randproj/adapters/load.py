"""Gives a model the adapters of a file, or refuses."""

from typing import Any

from keras_randproj.adapters import recipe
from keras_randproj.adapters.attach import attach_to
from keras_randproj.adapters.attach import check
from keras_randproj.adapters.base_layers import base_layers
from keras_randproj.adapters.canary import agrees
from keras_randproj.adapters.detach import detach
from keras_randproj.adapters.detach import refuse_adapted
from keras_randproj.adapters.packing import unpack
from keras_randproj.adapters.save import assign
from keras_randproj.files.adapter_file import AdapterFile
from keras_randproj.files.adapter_file import check_name


def load(model: Any, path: Any) -> None:
    """Gives a base model the adapters of a file.

    The file is refused, and the model left as it is, where it is damaged or
    edited, was made for another base (a layer that the model lacks, other
    weights), gives other seed-made matrices than it records, or computes
    something else for a fixed probe than it did when it was saved.

    Args:
        model: The built model that the adapter was trained on, without
            adapters: layers have the same paths and the same weights. The
            numbers that Keras counts up in names, as in `dense_2`, may be
            others.
        path: Path of the file that `save` wrote.

    Raises:
        ValueError: If the file is refused, and why.

    Example:

    ```python
    adapters.load(base_model, "reviews.safetensors")
    ```
    """
    check_name(path)
    refuse_adapted(model)
    file = AdapterFile.read(path)
    pairs, learned = placed(model, file)
    attach_to(model, pairs)
    try:
        fill([layer for layer, _ in pairs], file, learned)
    except ValueError:
        detach(model)
        raise


def placed(model, file):
    """The layers of a model that a file adapts, and what it has for them.

    Nothing is made that the file does not have the numbers of.

    Args:
        model: A built model.
        file: An `AdapterFile`.

    Returns:
        List of pairs of a layer and its forms, and the learned arrays.

    Raises:
        ValueError: If it lacks one, or one is not the layer of the file.
    """
    forms = [recipe.form(form) for form in file.forms]
    pairs, shapes, shared = [], [], []
    layers = base_layers(model, file)
    for layer, place in zip(layers, file.layers, strict=True):
        chosen = [forms[k] for k in place.forms]
        sizes = check(layer, chosen)
        if sizes.matrix_shape != place.shape:
            raise ValueError(
                f"Layer '{layer.path}' has a kernel of {sizes.matrix_shape}, "
                f"and the file says {place.shape}."
            )
        pairs.append((layer, chosen))
        for form in sorted(chosen, key=lambda form: form.order):
            shapes += form.vectors(sizes).values()
            if form.shared_size() and form not in shared:
                shared.append(form)
                shapes.append((form.shared_size(),))
    return pairs, unpack(file.vectors, file.scales, shapes)


def fill(layers, file, learned):
    """Has adapters hold what a file has learned, and checks them.

    Args:
        layers: The `AdaptedLayer`s that the file adapts, in its order.
        file: An `AdapterFile`.
        learned: List of arrays, in the order of the file.

    Raises:
        ValueError: If they are not what they were when it was written.
    """
    if recipe.records(layers) != file.matrices:
        raise ValueError(
            "The seeds of the file give other matrices than it records: its "
            "vectors do not belong to them."
        )
    assign(layers, learned)
    for layer, known in zip(layers, file.canary, strict=True):
        if not agrees(layer, float(known)):
            raise ValueError(
                f"Layer '{layer.path}' computes something else with this "
                "adapter than it did when the file was written."
            )
