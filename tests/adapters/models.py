"""Small models with a layer of each kind that can be adapted."""

import keras
import numpy as np
from keras import layers

from keras_randproj import adapters

WORDS = np.array([[1, 2, 3, 0], [4, 5, 6, 7], [8, 1, 0, 0]], "int32")


def encoder():
    """Words, attention, both kinds of dense layers and a classifier."""
    words = keras.Input((4,), dtype="int32")
    x = layers.Embedding(9, 8, mask_zero=True, name="words")(words)
    x = x + layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.EinsumDense("abc,cd->abd", (None, 6), "gelu", "d", name="inner")(
        x
    )
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    return keras.Model(words, layers.Dense(3, name="head")(x), name="encoder")


def image():
    """Two convolutions, statistics between them, and a classifier."""
    pixels = keras.Input((6, 6, 2))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(
        pixels
    )
    x = layers.BatchNormalization(name="statistics")(x)
    x = layers.Conv2D(5, (3, 2), strides=2, name="strided")(x)
    x = layers.Flatten(name="flat")(x)
    return keras.Model(pixels, layers.Dense(3, name="head")(x), name="image")


def pixels(rng, rows=3):
    return rng.normal(size=(rows, 6, 6, 2)).astype("float32")


# For each layer a form that it can have; all forms are there.
RULES = {
    "*query": [adapters.Modulation(), adapters.SeededLowRank(3, seed=1)],
    "*value": [adapters.SeededUpdate(20, 2, seed=3), adapters.Modulation()],
    "*key": adapters.LowRank(2),
    "*attention_output": [
        adapters.SeededLowRank(3, seed=2, projection="rademacher"),
        adapters.Modulation(scale=False),
    ],
    "inner": [adapters.Modulation(bias=False), adapters.FullRank()],
    "words": [adapters.Modulation(alpha=False), adapters.LowRank(2)],
    "head": [adapters.FullRank(), adapters.SeededUpdate(20, 2, seed=3)],
}
IMAGE_RULES = {
    "conv": [adapters.Modulation(), adapters.LowRank(2)],
    "strided": [adapters.Modulation(), adapters.FullRank()],
}


def learn(model, rng, size=0.1):
    """Gives everything that adapters learn random values."""
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) * size)


def predict(model, x):
    return keras.ops.convert_to_numpy(model(x))


def numbers(weight):
    return keras.ops.convert_to_numpy(weight)
