"""Transformers as Functional models: any attention, any feed-forward."""

import keras


@keras.saving.register_keras_serializable("experiments")
class Places(keras.layers.Layer):
    """Adds a learned vector for each place of a sequence."""

    def build(self, input_shape):
        normal = keras.initializers.RandomNormal(stddev=0.02)
        self.places = self.add_weight(input_shape[1:], normal, name="places")

    def call(self, inputs):
        return inputs + self.places


def blocks(x, layers, attention, feed_forward, causal):
    """Blocks that normalize first.

    Args:
        x: Symbolic tensor `(batch, length, width)`.
        layers: Integer, how many blocks.
        attention: Function from the block's number to a layer of self-attention
            with the call of `keras.layers.MultiHeadAttention`.
        feed_forward: Function from it and the width to a list of layers.
        causal: Boolean.

    Returns:
        Symbolic tensor as x.
    """
    width = x.shape[-1]
    for k in range(layers):
        y = keras.layers.LayerNormalization(epsilon=1e-5)(x)
        y = attention(k)(y, y, use_causal_mask=causal)
        x = keras.layers.Add()([x, y])
        y = keras.layers.LayerNormalization(epsilon=1e-5)(x)
        for layer in feed_forward(k, width):
            y = layer(y)
        x = keras.layers.Add()([x, y])
    return keras.layers.LayerNormalization(epsilon=1e-5)(x)


def gpt(vocabulary_size, length, width, layers, parts):
    """Tokens to the logits of the next ones; `parts` as `blocks` takes them."""
    tokens = keras.Input((length,), dtype="int32")
    normal = keras.initializers.RandomNormal(stddev=0.02)
    x = keras.layers.Embedding(vocabulary_size, width, normal)(tokens)
    x = blocks(Places()(x), layers, *parts, causal=True)
    head = keras.layers.Dense(vocabulary_size, use_bias=False, name="head")
    return keras.Model(tokens, head(x))


def vit(shape, patch, width, layers, parts, classes):
    """Images in [0, 1] to logits, by patches of `patch` x `patch` pixels."""
    images = keras.Input(shape)
    x = keras.layers.Rescaling(4.0, -2.0)(images)
    x = keras.layers.Conv2D(width, patch, patch, name="patches")(x)
    x = keras.layers.Reshape((-1, width))(x)
    x = blocks(Places()(x), layers, *parts, causal=False)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(images, keras.layers.Dense(classes, name="head")(x))
