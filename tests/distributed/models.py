"""The models that are trained on one device and on several."""

import hashlib

import keras
import numpy as np

import keras_randproj
from keras_randproj import projections

BATCH = 24


def mlp(projection="gaussian", **kwargs):
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras_randproj.PRPDense(
                128, "relu", projection=projection, seed=1, **kwargs
            ),
            keras_randproj.PRPDense(64, "relu", depth=2, seed=2),
            keras_randproj.PRPDense(10, seed=3, name="head"),
        ]
    )


def fresh_weights(projection):
    """The weights of a matrix, each with what the seed fills it with."""
    held = projection.held
    return [(w, held._initializer(name)) for name, w in held.weights.items()]


def packed():
    return mlp(projection="rademacher", storage="packed")


def hadamard():
    return mlp(projection="hadamard")


def orthogonal():
    return mlp(projection="orthogonal")


def eugen():
    return keras.Sequential(
        [
            keras.Input((63,)),
            keras_randproj.EUGenDense(
                64, num_features=32, projection="gaussian", seed=1
            ),
            keras_randproj.EUGenDense(
                32,
                num_features=32,
                modulation=True,
                projection="gaussian",
                seed=2,
            ),
            keras.layers.Dense(10, name="head"),
        ]
    )


def transformer(**kwargs):
    return keras.Sequential(
        [
            keras.Input((6, 32)),
            keras_randproj.PRPTransformerBlock(
                8, 64, projection_seed=1, gated=True
            ),
            keras_randproj.PRPTransformerBlock(
                8,
                64,
                projection_seed=2,
                feed_forward="eugen",
                attention="dense",
            ),
            keras.layers.Dense(10, name="head"),
        ]
    )


MODELS = (mlp, packed, hadamard, orthogonal, eugen, transformer)


def data(model, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(BATCH, *model.input_shape[1:])).astype("float32")
    y = rng.normal(size=(BATCH, *model.output_shape[1:])).astype("float32")
    return x, y


def losses(make, epochs=3):
    """The model, and its losses on one batch, again and again."""
    keras.utils.set_random_seed(5)
    model = make()
    model.compile(keras.optimizers.Adam(1e-3), "mse", jit_compile=False)
    x, y = data(model)
    history = model.fit(
        x, y, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0
    )
    return model, history.history["loss"]


def built_projections(model):
    return [
        part
        for part in model._flatten_layers()
        if isinstance(part, projections.Projection) and part.built
    ]


def fingerprint(array):
    """BLAKE2b of an array's bytes."""
    array = np.ascontiguousarray(np.asarray(array))
    return hashlib.blake2b(array.tobytes(), digest_size=16).hexdigest()
