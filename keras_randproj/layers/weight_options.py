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


def refuse_kernel_options(layer_class, arguments):
    """Says what to do to who puts a layer in the place of a Dense.

    Args:
        layer_class: The layer's class.
        arguments: Dict, arguments that it does not have itself.

    Raises:
        ValueError: If one is of a kernel, which the layer does not train.
    """
    found = sorted(name for name in arguments if name.startswith("kernel_"))
    if found:
        raise ValueError(
            f"`{layer_class.__name__}` trains no kernel: its matrix is a "
            "function of `seed` and `projection`. Leave these arguments out, "
            "or give them to its vectors, as `alpha_initializer` and so on. "
            f"Received: {found}"
        )


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
