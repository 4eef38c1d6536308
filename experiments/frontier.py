"""Which layers reach most for the bytes of a file, or for the time of a call.

    KERAS_BACKEND=jax python -m experiments.frontier [--fast] [--seeds 5]
    KERAS_BACKEND=jax python -m experiments.frontier --times

Classifiers of MNIST and Fashion-MNIST in eight families, each from small to
large and trained alike, at the better of two rates by the validation images of
MNIST with the first seed; quantized ones are those of Dense after training.
`--times` times all of them in turns with the largest Dense network, once for
all seeds, as time depends on the layers alone. A run that was stopped goes on
where it was: all rows of a seed before the next.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from experiments.accuracy_and_bytes import FAMILIES
from experiments.accuracy_and_bytes import RATES
from experiments.accuracy_and_bytes import sizes
from experiments.accuracy_and_bytes import train
from experiments.monarch import Monarch
from experiments.results_file import where
from experiments.results_file import write
from keras_randproj import EUGenDense
from keras_randproj.demo import datasets

PATH = Path(__file__).parent / "results/frontier.json"
DATASETS, EPOCHS, BATCH, CALLS = ("mnist", "fashion_mnist"), 3, 256, 60
BEST = "784-512-256-10"
Dense = keras.layers.Dense


def monarch(inner):
    return [
        Monarch(512, 16, inner, "relu"),
        Monarch(256, 16, inner, "relu"),
        Dense(10),
    ]


def eugen(features):
    return [EUGenDense(10, features, 1, feature_activation="relu", seed=9)]


# Too small.
LEFT_OUT = "784-4-10", "rank 1"
VARIANTS = {
    **{
        family: {k: v for k, v in recipes.items() if k not in LEFT_OUT}
        for family, recipes in reversed(FAMILIES.items())
    },
    "EUGen": {
        f"{features:,} features": (eugen, (features,), {})
        for features in (512, 2048)
    },
    "block-diagonal": {
        f"Monarch of {inner}": (monarch, (inner,), {}) for inner in (4, 16)
    },
}
BITS = "int8", "int4"  # Of all Dense networks, after training.


def built(recipe, inputs=784):
    make, arguments, options = recipe
    return keras.Sequential(
        [keras.Input((inputs,)), *make(*arguments, **options)]
    )


def quantized(model, bits):
    """A copy of a model with integers for its kernels."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        copy = keras.models.load_model(path)
    copy.quantize(bits)
    return copy


def with_quantized(family, model):
    """A model by the name of its family, and its quantized copies."""
    found = {family: model}
    if family == "Dense":
        for bits in BITS:
            found[f"{family}, {bits}"] = quantized(model, bits)
    return found


def in_turns(models, x, calls):
    """Milliseconds of calls of each model: an array (models, calls)."""
    times = np.zeros((len(models), calls + 2))
    for k in range(calls + 2):
        for row, model in zip(times, models, strict=True):
            start = time.perf_counter()
            model.predict_on_batch(x)
            row[k] = 1000 * (time.perf_counter() - start)
    return times[:, 2:]


def timed(models, x, calls):
    """Times of models by key, and beside those of the first one.

    Others use the machine too: a median of the ratios of calls that followed
    one another tells models apart that the times alone do not.
    """
    times = in_turns(list(models.values()), x, calls)
    relative = np.median(times / times[0], axis=1)
    return [
        {**dict(key), "ms": float(np.median(row)), "relative_time": float(r)}
        for key, row, r in zip(models, times, relative, strict=True)
    ]


def reached(model, data):
    """What a trained model reaches, and the bytes of its file."""
    x, y = data[1]
    logits = model.predict(x, batch_size=1000, verbose=0)
    return {
        "accuracy": float(np.mean(logits.argmax(-1) == y)),
        "stored": sum(int(np.prod(w.shape)) for w in model.trainable_weights),
        **sizes(model),
    }


def trained(family, recipe, data, epochs, rates, seed):
    """Rows of a network and its quantized copies, at the best of rates."""
    runs = {rate: train(recipe, rate, data, epochs, seed) for rate in rates}
    rate = max(runs, key=lambda r: runs[r][1])
    models = with_quantized(family, runs[rate][0])
    return {
        group: {"rate": rate, **reached(model, data)}
        for group, model in models.items()
    }


def rows_of_times(calls):
    """Times of all networks, freshly built; the largest Dense one first."""
    recipes = [
        (family, name, recipe)
        for family, recipes in VARIANTS.items()
        for name, recipe in recipes.items()
    ]
    recipes.sort(key=lambda found: found[1] != BEST)
    models = {
        (("question", "time"), ("family", group), ("name", name)): model
        for family, name, recipe in recipes
        for group, model in with_quantized(family, built(recipe)).items()
    }
    rng = np.random.default_rng(0)
    return timed(models, rng.random((BATCH, 784), "float32"), calls)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fast", action="store_true", help="3,000 images")
    parser.add_argument("--times", action="store_true", help="no training")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=PATH)
    options = parser.parse_args()
    rows, runs, epochs, calls = [], [], EPOCHS, CALLS
    if options.fast:
        options.json, options.seeds = Path("build/frontier_fast.json"), 1
        epochs, calls = 1, 3
    elif options.json.exists():
        found = json.loads(options.json.read_text())
        rows, runs = found["rows"], found["where"]
    runs.append(where())

    def save():
        write(
            options.json,
            "python -m experiments.frontier",
            runs,
            rows,
            epochs=epochs,
            batch_size=128,
            timed_batch=BATCH,
            timed_calls=calls,
            rates=list(RATES),
        )

    if options.times or options.fast:
        rows = [row for row in rows if row["question"] != "time"]
        rows += rows_of_times(calls)
        save()
    for seed in range(0 if options.times else options.seeds):
        for dataset in DATASETS:
            (x, y), test = datasets.load(dataset)
            data = (x[:8000], y[:8000]) if options.fast else (x, y), test
            for family, recipes in VARIANTS.items():
                for name, recipe in recipes.items():
                    key = {"dataset": dataset, "family": family, "name": name}
                    same = [
                        row
                        for row in rows
                        if (row["family"], row["name"]) == (family, name)
                        and row["question"] == "accuracy"
                    ]
                    place = dataset, seed
                    if place in [(r["dataset"], r["seed"]) for r in same]:
                        continue
                    # Chosen on MNIST, where that is done.
                    rates = [row["rate"] for row in same[:1]] or RATES
                    found = trained(family, recipe, data, epochs, rates, seed)
                    for group, row in found.items():
                        now = {**key, "family": group, "seed": seed}
                        rows.append({"question": "accuracy", **now, **row})
                        print(rows[-1], flush=True)
                    save()


if __name__ == "__main__":
    main()
