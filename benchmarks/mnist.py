"""How long does an epoch on MNIST take, all of Keras included?

784-512-256-10, Adam, batches of 128, the second of two epochs: the first
compiles.
"""

import time

import keras

from keras_randproj import PRPDense
from keras_randproj.demo import datasets

BATCH = 128


def rows():
    """One row a family."""
    (x, y), _ = datasets.load("mnist")
    x = x.reshape(len(x), -1)
    dense = _epoch_ms(keras.layers.Dense, x, y)
    for family in ("hadamard", "gaussian"):

        def layer(units, family=family, **options):
            return PRPDense(units, projection=family, seed=units, **options)

        ours = _epoch_ms(layer, x, y)
        yield {
            "question": f"an epoch of MNIST, {family}",
            "d": x.shape[1],
            "batch": BATCH,
            "dtype": "float32",
            "ours_ms": ours,
            "baseline": "keras.layers.Dense",
            "baseline_ms": dense,
            "ratio": dense / ours,
        }


def _epoch_ms(layer, x, y):
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            layer(512, activation="relu"),
            layer(256, activation="relu"),
            layer(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    clock = _Clock()
    model.fit(x, y, BATCH, epochs=2, verbose=0, callbacks=[clock])
    return 1000 * clock.last


class _Clock(keras.callbacks.Callback):
    """Seconds of the latest epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.last = time.perf_counter() - self.start
