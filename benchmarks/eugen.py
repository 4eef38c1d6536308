"""Is a EUGen faster than the feed-forward block it replaces, and how does it
grow?

A transformer's feed-forward block 768 -> 3072 -> 768 with GELU against a
merged EUGen of 64 features, and the cost of a square layer of width d against
`keras.layers.Dense` for d = 256..8192. A model that does nothing shows what a
call costs whatever is in it.
"""

import keras
import numpy as np

from benchmarks.compiled import inference
from benchmarks.timing import compare
from keras_randproj import EUGenDense
from keras_randproj import merge

WIDTH = 768
HIDDEN = 3072
FEATURES = 64
SWEEP = (256, 512, 1024, 2048, 4096, 8192)
SWEEP_BATCH = 256


def feed_forward():
    return keras.Sequential(
        [
            keras.Input((WIDTH,)),
            keras.layers.Dense(HIDDEN, activation="gelu"),
            keras.layers.Dense(WIDTH),
        ]
    )


def merged(order, **options):
    """The same block as one EUGen, its second layer folded into the head."""
    block = feed_forward()
    eugen = EUGenDense(HIDDEN, FEATURES, order=order, seed=7, **options)
    eugen.build((None, WIDTH))
    return keras.Sequential(
        [keras.Input((WIDTH,)), merge(eugen, block.layers[-1])]
    )


def square(layer, width):
    return keras.Sequential([keras.Input((width,)), layer])


def timed(question, ours, baseline, width, batch, **facts):
    x = np.random.default_rng(0).normal(size=(batch, width))
    x = x.astype("float32")
    times = compare(inference(ours, x), inference(baseline, x), repeats=21)
    return {
        "question": question,
        "d": width,
        "batch": batch,
        "dtype": "float32",
        "baseline": "keras.layers.Dense",
        **facts,
        **times,
    }


def rows():
    """One row a block and batch, and one a width."""
    relu = {"feature_activation": "relu"}
    for batch in (256, 1):
        for name, order, options in (
            ("merged EUGen, order 1, relu", 1, relu),
            ("merged EUGen, order 2", 2, {}),
        ):
            yield timed(
                name,
                merged(order, **options),
                feed_forward(),
                WIDTH,
                batch,
                features=FEATURES,
            )
    nothing = square(keras.layers.Activation("relu"), WIDTH)
    yield timed("a model that does nothing", nothing, feed_forward(), WIDTH, 1)
    for width in SWEEP:
        yield timed(
            "EUGen of width d, order 1",
            square(
                EUGenDense(
                    width,
                    FEATURES,
                    order=1,
                    seed=7,
                    projection="rademacher",
                    **relu,
                ),
                width,
            ),
            square(keras.layers.Dense(width, activation="gelu"), width),
            width,
            SWEEP_BATCH,
            features=FEATURES,
        )
