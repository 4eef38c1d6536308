"""Which layers reach most for the bytes of a file, or for the time of a call.

    KERAS_BACKEND=jax python -m experiments.frontier [--fast]

Classifiers of MNIST and Fashion-MNIST in eight families, each from small to
large and trained alike; quantized ones are those of Dense after training. A run
that was stopped goes on where it was: all rows of a seed before the next.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from experiments.accuracy_and_bytes import FAMILIES
from experiments.accuracy_and_bytes import dense
from experiments.accuracy_and_bytes import sizes
from experiments.accuracy_and_bytes import train
from experiments.monarch import Monarch
from experiments.results_file import where
from experiments.results_file import write
from keras_randproj import EUGenDense
from keras_randproj.demo import datasets

PATH = Path(__file__).parent / "results/frontier.json"
DATASETS, EPOCHS, BATCH, CALLS = ("mnist", "fashion_mnist"), 3, 256, 30
RATE = 5e-3
RATES = {"784-512-256-10": 1e-3}
Dense = keras.layers.Dense


def monarch(inner):
    return [
        Monarch(512, 16, inner, "relu"),
        Monarch(256, 16, inner, "relu"),
        Dense(10),
    ]


def eugen(features):
    return [EUGenDense(10, features, 1, feature_activation="relu", seed=9)]


# Too small, or too near another.
LEFT_OUT = "784-4-10", "rank 1", "784-32-10"
VARIANTS = {
    **{
        family: {k: v for k, v in recipes.items() if k not in LEFT_OUT}
        for family, recipes in reversed(FAMILIES.items())
    },
    "EUGen": {"2,048 features": (eugen, (2048,), {})},
    "block-diagonal": {
        f"Monarch of {inner}": (monarch, (inner,), {}) for inner in (4, 16)
    },
}
# Dense networks that are quantized after training.
QUANTIZED = "784-64-32-10", "784-512-256-10"
BITS = "int8", "int4"


def milliseconds(model, other, x):
    """Median times of calls of two models in turns."""
    times = [], []
    for _ in range(CALLS):
        for found, one in zip(times, (model, other), strict=True):
            start = time.perf_counter()
            one.predict_on_batch(x)
            found.append(time.perf_counter() - start)
    return [1000 * float(np.median(found[2:])) for found in times]


def quantized(model, bits):
    """A copy of a model with integers for its kernels."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        copy = keras.models.load_model(path)
    copy.quantize(bits)
    return copy


def measured(model, data, timed):
    """What a trained model reaches, and what it costs."""
    x, y = data[1]
    logits = model.predict(x, batch_size=1000, verbose=0)
    row = {
        "accuracy": float(np.mean(logits.argmax(-1) == y)),
        "stored": sum(int(np.prod(w.shape)) for w in model.trainable_weights),
        **sizes(model),
    }
    if timed is not None:
        ours, whole = milliseconds(model, timed, x[:BATCH])
        row.update(ms=ours, dense_ms=whole, relative_time=ours / whole)
    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fast", action="store_true", help="3,000 images")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=PATH)
    options = parser.parse_args()
    rows, runs, epochs = [], [], EPOCHS
    if options.fast:
        options.json, options.seeds = Path("build/frontier_fast.json"), 1
        epochs = 1
    elif options.json.exists():
        found = json.loads(options.json.read_text())
        rows, runs = found["rows"], found["where"]
    runs.append(where())
    keys = "dataset", "family", "name", "seed"
    done = {tuple(row[key] for key in keys) for row in rows}
    for seed in range(options.seeds):
        for dataset in DATASETS:
            (x, y), test = datasets.load(dataset)
            data = (x[:8000], y[:8000]) if options.fast else (x, y), test
            whole = None
            if seed == 0 and dataset == DATASETS[0]:
                whole = keras.Sequential(
                    [keras.Input((784,)), *dense(512, 256)]
                )
            for family, recipes in VARIANTS.items():
                for name, recipe in recipes.items():
                    key = dataset, family, name, seed
                    if key in done:
                        continue
                    rate = RATES.get(name, RATE)
                    model, _ = train(recipe, rate, data, epochs, seed)
                    found = {(family, name): model}
                    if family == "Dense" and name in QUANTIZED:
                        for bits in BITS:
                            other = quantized(model, bits)
                            found[f"Dense, {bits}", name] = other
                    for (group, title), one in found.items():
                        key = dataset, group, title, seed
                        row = dict(zip(keys, key, strict=True))
                        rows.append({**row, **measured(one, data, whole)})
                        print(rows[-1], flush=True)
                    write(
                        options.json,
                        "python -m experiments.frontier",
                        runs,
                        rows,
                        epochs=epochs,
                        batch_size=128,
                        timed_batch=BATCH,
                        rate=RATE,
                        slower_rate=1e-3,
                    )


if __name__ == "__main__":
    main()
