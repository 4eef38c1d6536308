"""Keras's attention layers and ours, by what projects in them."""

import keras

from keras_randproj.layers.attention.prp_multi_head_attention import (
    PRPMultiHeadAttention,
)

KERAS_LAYERS = (
    keras.layers.MultiHeadAttention,
    keras.layers.GroupQueryAttention,
)


def is_attention(layer):
    """Whether a layer is one of Keras's multi-head attentions."""
    return isinstance(layer, KERAS_LAYERS)


def attention_parts(layer):
    """The layers that project in an attention layer, ours or Keras's."""
    if isinstance(layer, PRPMultiHeadAttention):
        names = ["query", "key", "value", "attention_output", "gate"]
    else:
        roles = ("query", "key", "value", "output", "gate")
        names = [f"_{role}_dense" for role in roles]
    parts = [getattr(layer, name, None) for name in names]
    return [part for part in parts if part is not None]
