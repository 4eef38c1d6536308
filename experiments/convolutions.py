"""PRP as the head and as the 1x1 layers of a CNN.

    KERAS_BACKEND=torch python experiments/convolutions.py

10,000 images of CIFAR-10 (a download of 162 MB), and 50 classes of Tiny
ImageNet at 32 x 32 pixels where tensorflow_datasets has them prepared as
`tiny_imagenet32` (it cannot download those). Hours on a CPU.
A run that was stopped goes on where it was; delete
experiments/results/convolutions.json to start over. With
RANDPROJ_TUTORIAL_FAST=1 it takes seconds.
"""

import time

import keras
import numpy as np

from experiments.resumable import Results
from keras_randproj import PRPDense
from keras_randproj.demo import tutorial

BATCH = 128
EPOCHS = 1 if tutorial.FAST else 4
IMAGES = 10_000  # To train with, so that all of it takes minutes on a core.
RATE = 2e-3  # Of Adam; it falls to zero along a cosine.
SPLITS = {"cifar10": "test", "tiny_imagenet32": "validation"}


def conv(units, seed):
    return keras.layers.Conv2D(units, 1)


def dense(units, seed):
    return keras.layers.Dense(units)


def prp(**options):
    return lambda units, seed: PRPDense(units, seed=seed, **options)


DEEP = {"projection": "hadamard", "depth": 3}

VARIANTS = {
    "Dense": (conv, dense),
    "head: PRP": (conv, prp(**DEEP)),
    "both: PRP": (prp(**DEEP), prp(**DEEP)),
    "both: PRP, rank 4": (
        prp(**DEEP, residual_rank=4),
        prp(**DEEP, residual_rank=4),
    ),
}


def network(shape, classes, mix, wide):
    layers = [
        keras.Input(shape),
        keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
        keras.layers.MaxPooling2D(2),
    ]
    for k, units in enumerate((64, 128, 256)):
        layers += [
            mix(units, k),
            keras.layers.DepthwiseConv2D(3, padding="same"),
            # A few hundred steps are too few for the default's means.
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.ReLU(),
            keras.layers.MaxPooling2D(2, padding="same"),
        ]
    return keras.Sequential(
        [
            *layers,
            keras.layers.Flatten(),
            wide(256, 10),
            keras.layers.ReLU(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(classes),
        ]
    )


def prepared():
    """The sets that can be had."""
    if tutorial.FAST:
        return ["digits"]
    import tensorflow_datasets as tfds

    try:
        tfds.builder("tiny_imagenet32")
    except tfds.core.DatasetNotFoundError:
        print("tiny_imagenet32 is not prepared here: CIFAR-10 alone.")
        return ["cifar10"]
    return list(SPLITS)


def load(name):
    if tutorial.FAST:
        (x, y), (u, v) = tutorial.load(name)
        return (x.reshape(-1, 8, 8, 1), y), (u.reshape(-1, 8, 8, 1), v)
    import tensorflow_datasets as tfds

    parts = []
    for split in (f"train[:{IMAGES}]", SPLITS[name]):
        part = tfds.as_numpy(tfds.load(name, split=split, batch_size=-1))
        parts.append((part["image"].astype("float32") / 255, part["label"]))
    return parts


def measured(variant, data):
    train, test = data
    keras.utils.set_random_seed(0)
    model = network(train[0].shape[1:], int(train[1].max()) + 1, *variant)
    steps = EPOCHS * -(-len(train[0]) // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(RATE, steps)
    model.compile(
        keras.optimizers.Adam(schedule),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    start = time.perf_counter()
    model.fit(*train, BATCH, EPOCHS, verbose=1)
    seconds = time.perf_counter() - start
    _, accuracy = model.evaluate(*test, 500, verbose=0)
    trainable = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    return {
        "accuracy": float(accuracy),
        "trainable": trainable,
        "seconds": seconds,
    }


def main():
    results = Results("convolutions", epochs=EPOCHS)
    variants = list(VARIANTS)[-1:] if tutorial.FAST else list(VARIANTS)
    for name in prepared():
        data = load(name)
        for variant in variants:
            results.row(
                lambda v=variant, d=data: measured(VARIANTS[v], d),
                dataset=name,
                variant=variant,
            )


if __name__ == "__main__":
    main()
