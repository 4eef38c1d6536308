"""Is a EUGen faster than the feed-forward block it replaces, and how does it
grow?

A transformer's feed-forward block 768 -> 3072 -> 768 with GELU against a
merged EUGen of 64 features, and the cost of a square layer of width d against
`keras.layers.Dense` for d = 256..8192, whose exponents are fitted. Run
`python -m benchmarks.eugen`, one process a backend.
"""

import math

import keras
import numpy as np

from benchmarks.compiled import inference
from benchmarks.eugen_results import provenance
from benchmarks.eugen_results import write
from benchmarks.timing import compare
from benchmarks.timing import median_ms
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
    """The rows of `python -m benchmarks`."""
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


def empty_model_ms():
    """What a call of a model costs at batch 1, whatever is in it."""
    model = keras.Sequential(
        [keras.Input((WIDTH,)), keras.layers.Activation("relu")]
    )
    return median_ms(inference(model, np.ones((1, WIDTH), "float32")), 201)


def exponents(found):
    """Slopes of log time in log width, for EUGen and Dense."""
    sweep = [
        row for row in found if row["question"].startswith("EUGen of width")
    ]
    widths = [math.log(row["d"]) for row in sweep]
    return {
        name: float(
            np.polyfit(widths, [math.log(row[key]) for row in sweep], 1)[0]
        )
        for name, key in (("eugen", "ours_ms"), ("dense", "baseline_ms"))
    }


def main():
    result = provenance()
    result["rows"] = []
    for row in rows():
        result["rows"].append(row)
        print(
            f"{row['question']:28} d {row['d']:5} batch {row['batch']:4} "
            f"ours {row['ours_ms']:8.3f} ms, {row['baseline']} "
            f"{row['baseline_ms']:8.3f} ms, ratio {row['ratio']:6.1f}",
            flush=True,
        )
    result["empty_model_ms"] = empty_model_ms()
    print("a model that does nothing, batch 1:", result["empty_model_ms"], "ms")
    result["exponents"] = exponents(result["rows"])
    print("cost ~ d^e:", result["exponents"])
    write(f"eugen_speed_{keras.backend.backend()}.json", result)


if __name__ == "__main__":
    main()
