"""Takes the adapters of a model off."""

from typing import Any

from keras_randproj import _keras
from keras_randproj.adapters.adapted_layer import AdaptedLayer
from keras_randproj.adapters.adapted_owner import AdaptedOwner
from keras_randproj.adapters.surround import remove


def detach(model: Any) -> None:
    """Takes the adapters of a model off: the base again, bit for bit.

    The base's weights were never touched. What was trainable before `attach`
    is so again; in a model that came from a file, what is frozen stays so.
    Compile the model anew before it is trained.

    Args:
        model: A model that `attach` or `load` adapted.

    Raises:
        ValueError: If it has no adapters.

    Example:

    >>> model = keras.Sequential(
    ...     [keras.Input((8,)), keras.layers.Dense(4, name="hidden")])
    >>> attach(model, {"hidden": Modulation()})
    >>> detach(model)
    >>> type(model.layers[0]).__name__
    'Dense'
    """
    layers = adapted_layers(model)
    if not layers:
        raise ValueError(f"'{model.name}' has no adapters.")
    for layer in layers:
        remove(layer)
    for part in _keras.layers_in(model):
        if isinstance(part, AdaptedOwner):
            part.forget()
    flags = model.__dict__.pop("_before_adapters", None)
    if flags is not None:
        flags.restore()
    renew(model)


def adapted_layers(model):
    """The layers of a model that have adapters, in the model's order."""
    layers = _keras.layers_in(model)
    return [layer for layer in layers if isinstance(layer, AdaptedLayer)]


def refuse_adapted(model):
    """Raises `ValueError` where a model has adapters."""
    if adapted_layers(model):
        raise ValueError(
            f"'{model.name}' has adapters already: `detach` or `merge` them "
            "first."
        )


def renew(model):
    """Has a model whose layers changed compile what it runs anew."""
    layers = _keras.layers_in(model)
    for part in layers:
        for name in ("train", "test", "predict"):
            if hasattr(part, f"{name}_function"):
                setattr(part, f"{name}_function", None)
    _keras.list_parameters_again(layers)
