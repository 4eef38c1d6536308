"""Initializers, regularizers and constraints of a layer's weights."""

from keras import constraints
from keras import initializers
from keras import regularizers

MODULES = {
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
}


def option_names(weights):
    """The arguments of so many weights: `alpha_initializer` and so on."""
    return [f"{weight}_{part}" for weight in weights for part in MODULES]


def serialize_options(layer, weights):
    """What a layer's config holds of these arguments.

    Args:
        layer: A layer that has each of them as an attribute.
        weights: Names of weights, `("kernel", "bias")` for instance.

    Returns:
        Dict of name and config.
    """
    return {
        name: MODULES[name.rpartition("_")[2]].serialize(getattr(layer, name))
        for name in option_names(weights)
    }
