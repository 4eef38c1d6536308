"""The attention layer that can stand in for one of Keras's."""

import keras

from keras_randproj.layers import PRPMultiHeadAttention
from keras_randproj.layers.attention.parts import KERAS_LAYERS
from keras_randproj.transfer.dense_view import Unsuitable

# keras-hub's adds a cache of keys and values, which ours has too.
KNOWN_SUBCLASSES = ("CachedMultiHeadAttention",)
SHARED_OPTIONS = (
    "num_heads",
    "key_dim",
    "value_dim",
    "dropout",
    "use_bias",
    "output_shape",
    "attention_axes",
    "sliding_window",
    "use_gate",
    "seed",
)


def prp_attention(layer, **options):
    """A `PRPMultiHeadAttention` that takes what an attention layer takes.

    Args:
        layer: A built `keras.layers.MultiHeadAttention` or
            `GroupQueryAttention`.
        **options: Further arguments of `PRPMultiHeadAttention`.

    Returns:
        A layer, not built.

    Raises:
        Unsuitable: If the layer is a subclass whose behaviour is unknown, or
            not built.
    """
    plain = type(layer) in KERAS_LAYERS
    if not plain and type(layer).__name__ not in KNOWN_SUBCLASSES:
        raise Unsuitable(
            f"{type(layer).__name__} changes keras.layers.MultiHeadAttention "
            "in ways that a replacement cannot know"
        )
    if not layer.built:
        raise Unsuitable("it is not built: call the model on data first")
    config = layer.get_config()
    if isinstance(layer, keras.layers.GroupQueryAttention):
        config["num_heads"] = config["num_query_heads"]
        config["key_dim"] = config["head_dim"]
        options["num_key_value_heads"] = config["num_key_value_heads"]
    kept = {name: config[name] for name in SHARED_OPTIONS if name in config}
    return PRPMultiHeadAttention(
        **kept, name=layer.name, dtype=layer.dtype_policy, **options
    )
