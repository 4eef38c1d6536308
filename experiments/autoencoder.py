"""Autoencoders of MNIST whose decoder uses the encoder's matrices.

    KERAS_BACKEND=jax python experiments/autoencoder.py

Widths 784-768-128-768-784, two epochs; the same models then remove noise from
Fashion-MNIST. Downloads of 11 and 30 MB, some minutes on a CPU. The error is
the mean squared difference of a pixel on the test images. That of the mean
image is what a model has to beat to have learned anything; where there is
noise, that of the noisy image too.
A run that was stopped goes on where it was; delete
experiments/results/autoencoder.json to start over. With
RANDPROJ_TUTORIAL_FAST=1 it takes seconds.
"""

import keras
import numpy as np
from matplotlib.figure import Figure

from experiments.resumable import Results
from keras_randproj import PRPDense
from keras_randproj.demo import tutorial

WIDTHS = (768, 128)
EPOCHS = 1 if tutorial.FAST else 2
BATCH_SIZE = 128
RATES = {"Dense": 1e-3}  # Of Adam, along a cosine; 5e-3 where not named.
NOISE = 0.3  # Standard deviation, where a pixel is in [0, 1].


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
    """Rank one in each layer: as many trainable parameters as PRP."""

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
FEW = ("PRP orthogonal, tied", "low rank 1", "Dense")


def train(name, given, wanted):
    """A model from training images, and its row on the test images.

    `given` and `wanted` are pairs of training and test images.
    """
    keras.utils.set_random_seed(0)
    model = MODELS[name](wanted[0].shape[1])
    rate = RATES.get(name, 5e-3)
    steps = EPOCHS * -(-len(given[0]) // BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(keras.optimizers.Adam(schedule), "mse")
    model.fit(given[0], wanted[0], BATCH_SIZE, EPOCHS, verbose=1)
    error = model.evaluate(given[1], wanted[1], batch_size=1000, verbose=0)
    trainable = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    row = {"trainable": trainable, "error": error, "learning_rate": rate}
    return model, row


def squared(found, wanted):
    return {"error": float(np.mean((found - wanted) ** 2))}


def draw(rows, name):
    """A row of images a model."""
    figure = Figure(figsize=(8, len(rows)), layout="constrained")
    for r, (title, images) in enumerate(rows.items()):
        side = int(images.shape[1] ** 0.5)
        axes = figure.add_subplot(len(rows), 1, r + 1)
        strip = images.reshape(-1, side, side).transpose(1, 0, 2)
        axes.imshow(strip.reshape(side, -1), cmap="gray", vmin=0, vmax=1)
        axes.set_ylabel(title, rotation=0, ha="right", va="center")
        axes.set(xticks=[], yticks=[])
    figure.savefig(tutorial.picture(name), dpi=100)


def plane(codes):
    """Rows projected to the two directions in which they vary most."""
    centred = codes - codes.mean(0)
    directions = np.linalg.svd(centred, full_matrices=False)[2]
    return centred @ directions[:2].T


def draw_codes(models, x, y):
    figure = Figure(figsize=(4 * len(models), 4), layout="constrained")
    for k, (name, model) in enumerate(models.items()):
        encoder = keras.Model(model.input, model.layers[2].output)
        points = plane(encoder.predict(x, batch_size=1000, verbose=0))
        axes = figure.add_subplot(1, len(models), k + 1)
        axes.scatter(*points.T, c=y, cmap="tab10", s=4)
        axes.set(title=name, xticks=[], yticks=[])
    figure.savefig(tutorial.picture("02_codes.png"), dpi=100)


def compare(results, question, names, given, wanted):
    """The models of these names that are trained here, by name."""
    models = {}

    def row(name):
        models[name], found = train(name, given, wanted)
        return found

    for name in names:
        results.row(lambda n=name: row(n), question=question, model=name)
    return models


def shown(models, x):
    return {name: m.predict(x, verbose=0) for name, m in models.items()}


def reconstruct(results):
    (x_train, _), (x_test, y_test) = tutorial.load("mnist")
    results.row(
        lambda: squared(x_train.mean(0), x_test),
        question="reconstruction",
        model="the mean image",
    )
    images = (x_train, x_test)
    models = compare(results, "reconstruction", MODELS, images, images)
    if len(models) == len(MODELS):
        few = x_test[:8]
        rows = {"test images": few, **shown(models, few)}
        draw(rows, "02_reconstructions.png")
        chosen = {name: models[name] for name in FEW}
        draw_codes(chosen, x_test[:2000], y_test[:2000])


def denoise(results):
    (x_train, _), (x_test, _) = tutorial.load("fashion_mnist")
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(x + rng.normal(0, NOISE, x.shape), 0, 1).astype("float32")
        for x in (x_train, x_test)
    ]
    for name, found in {
        "the mean image": x_train.mean(0),
        "the noisy image": noisy[1],
    }.items():
        results.row(
            lambda f=found: squared(f, x_test), question="denoising", model=name
        )
    models = compare(results, "denoising", FEW, noisy, (x_train, x_test))
    if len(models) == len(FEW):
        few = noisy[1][:8]
        rows = {"test images": x_test[:8], "with noise": few}
        draw({**rows, **shown(models, few)}, "02_denoising.png")


def main():
    results = Results(
        "autoencoder", epochs=EPOCHS, batch_size=BATCH_SIZE, seed=0
    )
    reconstruct(results)
    denoise(results)


if __name__ == "__main__":
    main()
