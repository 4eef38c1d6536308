# ---
# title: An autoencoder that decodes with the encoder's matrix
# author: The keras_randproj authors
# date: 2026/11/22
# description: Tied, untied, low-rank and dense autoencoders of MNIST.
# ---

# %% [markdown]
# An autoencoder squeezes an image through a few features and restores it. The
# PRP paper uses the encoder's matrices transposed in the decoder, and finds
# that reconstruction collapses without that. `encoder.transposed()` is such a
# decoder: one matrix in memory, none in the file.
#
# The widths here, 784-768-128-768-784, are ours (the paper's are not known to
# us); with them PRP trains 191 times fewer numbers than Dense.

# %%
import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # Or "torch", "tensorflow".

import keras
import numpy as np
from matplotlib.figure import Figure

from keras_randproj import PRPDense
from keras_randproj.demo import tutorial

WIDTHS = (768, 128)
EPOCHS = 1 if tutorial.FAST else 4
BATCH_SIZE = 128
RATES = {"Dense": 1e-3}  # Of Adam, along a cosine; 5e-3 where not named.

# %% [markdown]
# ## The models
#
# The decoder of a tied model is made from the layers of its encoder, so these
# have to be built before.


# %%
def symmetric(features, encode, decode):
    """An autoencoder from functions that give its four layers."""
    inputs = keras.Input((features,))
    first, second = (encode(units) for units in WIDTHS)
    code = second(first(inputs))
    wide = decode(second, WIDTHS[0], "relu")(code)
    outputs = decode(first, features, "sigmoid")(wide)
    return keras.Model(inputs, outputs)


def tied(features, family):
    return symmetric(
        features,
        lambda units: PRPDense(units, "relu", projection=family),
        lambda encoder, units, activation: encoder.transposed(activation),
    )


def untied(features, family):
    return symmetric(
        features,
        lambda units: PRPDense(units, "relu", projection=family),
        lambda encoder, units, activation: PRPDense(
            units, activation, projection=family
        ),
    )


def dense(features):
    return symmetric(
        features,
        lambda units: keras.layers.Dense(units, "relu"),
        lambda encoder, units, activation: keras.layers.Dense(
            units, activation
        ),
    )


def low_rank(features):
    """Rank one in each layer: as many trained numbers as PRP."""

    def pair(units, activation="relu"):
        return keras.Sequential(
            [
                keras.layers.Dense(1, use_bias=False),
                keras.layers.Dense(units, activation),
            ]
        )

    return symmetric(
        features,
        pair,
        lambda encoder, units, activation: pair(units, activation),
    )


MODELS = {
    "PRP orthogonal, tied": lambda n: tied(n, "orthogonal"),
    "PRP gaussian, tied": lambda n: tied(n, "gaussian"),
    "PRP orthogonal, untied": lambda n: untied(n, "orthogonal"),
    "PRP gaussian, untied": lambda n: untied(n, "gaussian"),
    "low rank 1": low_rank,
    "Dense": dense,
}

# %% [markdown]
# ## Training
#
# The error is the mean squared difference of a pixel, on the test images. That
# of the mean image is what a model has to beat to have learned anything.


# %%
def train(data, name, pictures):
    (x_train, _), (x_test, _) = data
    keras.utils.set_random_seed(0)
    model = MODELS[name](x_train.shape[1])
    rate = RATES.get(name, 5e-3)
    steps = EPOCHS * -(-len(x_train) // BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(keras.optimizers.Adam(schedule), "mse")
    model.fit(x_train, x_train, BATCH_SIZE, EPOCHS, verbose=0)
    error = model.evaluate(x_test, x_test, batch_size=1000, verbose=0)
    pictures[name] = model.predict(x_test[:8], verbose=0)
    trainable = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    return {"trainable": trainable, "error": error, "learning_rate": rate}


def draw(originals, pictures):
    """A row of images a model, the originals first."""
    rows = {"test images": originals, **pictures}
    side = int(originals.shape[1] ** 0.5)
    figure = Figure(figsize=(8, len(rows)), layout="constrained")
    for r, (name, images) in enumerate(rows.items()):
        axes = figure.add_subplot(len(rows), 1, r + 1)
        strip = images.reshape(-1, side, side).transpose(1, 0, 2)
        axes.imshow(strip.reshape(side, -1), cmap="gray", vmin=0, vmax=1)
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.set(xticks=[], yticks=[])
    figure.savefig(tutorial.picture("02_reconstructions.png"), dpi=100)


# %%
def main():
    results = tutorial.Results(
        "02_autoencoder", epochs=EPOCHS, batch_size=BATCH_SIZE, seed=0
    )
    data = tutorial.load("mnist")
    x_train, x_test = data[0][0], data[1][0]
    pictures = {}
    results.row(
        lambda: {"error": float(np.mean((x_test - x_train.mean(0)) ** 2))},
        model="the mean image",
    )
    for name in MODELS:
        results.row(lambda n=name: train(data, n, pictures), model=name)
    if pictures:
        draw(x_test[:8], pictures)


if __name__ == "__main__":
    main()

# %% [markdown]
# ## Results
#
# <!-- results:autoencoder -->
# <!-- /results:autoencoder -->
#
# ![Reconstructions](../images/02_reconstructions.png)
