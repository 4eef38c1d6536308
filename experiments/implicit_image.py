"""A photograph in a network of sines, with random hidden matrices.

    KERAS_BACKEND=jax python experiments/implicit_image.py

A network from coordinates to brightness whose hidden layers are Dense, EUGen
under a sine, or PRPDense. The photograph comes with scikit-learn; some minutes
on a CPU. Its picture needs all models of one run: delete
experiments/results/implicit_image.json to start over. With
RANDPROJ_TUTORIAL_FAST=1 it takes seconds.
"""

import time

import keras
import numpy as np
from implicit_scene import FEW
from implicit_scene import WIDTH
from implicit_scene import draw
from implicit_scene import psnr
from keras import ops

from experiments.resumable import Results
from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import report
from keras_randproj.demo import tutorial


def photograph():
    """A grey photograph of scikit-learn's, 64 x 64."""
    from sklearn.datasets import load_sample_image

    grey = load_sample_image("china.jpg")[:384, 128:512].mean(-1) / 255
    image = grey.reshape(64, -1, 64, grey.shape[1] // 64).mean((1, 3))
    steps = np.linspace(-1, 1, 64)
    x = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1)
    return x.reshape(-1, 2).astype("float32"), image.reshape(-1, 1)


def siren(kind):
    """Two inputs, a fast sine, two hidden layers of a kind, brightness."""
    first = keras.layers.Dense(
        WIDTH,
        lambda x: ops.sin(30 * x),
        kernel_initializer=keras.initializers.RandomUniform(-0.5, 0.5),
    )
    spread = keras.initializers.VarianceScaling(2.0, "fan_in", "uniform")
    options = {"projection": "hadamard", "scale_initializer": "ones"}
    make = {
        "Dense": lambda k: keras.layers.Dense(
            WIDTH, ops.sin, kernel_initializer=spread
        ),
        "PRP hadamard, depth 3": lambda k: PRPDense(
            WIDTH, ops.sin, seed=k, depth=3, **options
        ),
        "EUGen": lambda k: EUGenDense(
            WIDTH, 32, 1, feature_activation=ops.sin, seed=k
        ),
    }[kind]
    layers = [first, make(1), make(2), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input((2,)), *layers])


def fit_image(kind):
    keras.utils.set_random_seed(0)
    x, y = photograph()
    model = siren(kind)
    epochs = 1 if tutorial.FAST else 60
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, 16 * epochs)
    model.compile(keras.optimizers.Adam(schedule), "mse")
    start = time.process_time()
    model.fit(x, y, 256, epochs, verbose=1)
    seconds = time.process_time() - start
    found = model.predict(x, batch_size=1024, verbose=0)
    total = report.summary(model)[-1]
    row = {
        "psnr": psnr(found, y),
        "training_seconds": seconds,
        "trainable": total.trainable,
        "file_bytes": total.file,
    }
    return row, found.reshape(64, 64)


def main():
    results = Results("implicit_image")
    if results.rows:
        return
    images = {"the photograph": photograph()[1].reshape(64, 64)}
    for kind in ("EUGen", "PRP hadamard, depth 3", "Dense")[:FEW]:
        row, images[kind] = fit_image(kind)
        results.row(lambda r=row: r, question="image", model=kind)
    draw(images, 4, "04_image.png")


if __name__ == "__main__":
    main()
