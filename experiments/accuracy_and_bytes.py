"""Accuracy against the bytes of the model's file, on MNIST.

    KERAS_BACKEND=jax python -m experiments.accuracy_and_bytes [--fast]

Three families of networks, each from small to large: Dense with fewer units,
the network 784-512-256-10 with every kernel of low rank, and with PRPDense.
Each is trained at two learning rates on 55,000 images; the rate is chosen on
5,000 more, and the test images are looked at once. Files are those of
`model.save` without the optimizer, before and after `files.compact`.
"""

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np

from experiments.results_file import where
from experiments.results_file import write
from keras_randproj import PRPDense
from keras_randproj import files
from keras_randproj.demo import datasets

PATH = Path(__file__).parent / "results" / "accuracy_and_bytes.json"
EPOCHS = 10
BATCH_SIZE = 128
RATES = (1e-3, 5e-3)
VALIDATION = 5000
Dense = keras.layers.Dense


def dense(*widths):
    return [*(Dense(units, "relu") for units in widths), Dense(10)]


def low_rank(rank):
    layers = []
    for units, activation in ((512, "relu"), (256, "relu"), (10, None)):
        layers += [Dense(rank, use_bias=False), Dense(units, activation)]
    return layers


def prp(head, **options):
    layers = [
        PRPDense(units, "relu", seed=k, **options)
        for k, units in enumerate((512, 256))
    ]
    return [*layers, Dense(10) if head else PRPDense(10, seed=9, **options)]


HADAMARD = {"projection": "hadamard"}
FAMILIES = {
    "Dense": {
        f"784-{'-'.join(map(str, widths))}-10": (dense, widths, {})
        for widths in ((4,), (16,), (32,), (64, 32), (512, 256))
    },
    "low rank": {
        f"rank {rank}": (low_rank, (rank,), {}) for rank in (1, 4, 16)
    },
    "PRP": {
        "gaussian, depth 1": (prp, (False,), {}),
        "hadamard, depth 3": (prp, (False,), {**HADAMARD, "depth": 3}),
        "hadamard, depth 5": (prp, (False,), {**HADAMARD, "depth": 5}),
        "hadamard, depth 3, rank-4 residual, dense head": (
            prp,
            (True,),
            {**HADAMARD, "depth": 3, "residual_rank": 4},
        ),
        "hadamard, depth 3, rank-16 residual, dense head": (
            prp,
            (True,),
            {**HADAMARD, "depth": 3, "residual_rank": 16},
        ),
    },
}


def train(recipe, rate, data, epochs, seed=0):
    """The trained model and its accuracy on the validation images."""
    make, arguments, options = recipe
    (x, y), _ = data
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input(x.shape[1:]), *make(*arguments, **options)]
    )
    steps = epochs * -(-(len(x) - VALIDATION) // BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(
        keras.optimizers.Adam(schedule),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(
        x[:-VALIDATION],
        y[:-VALIDATION],
        batch_size=BATCH_SIZE,
        epochs=epochs,
        verbose=0,
    )
    _, accuracy = model.evaluate(
        x[-VALIDATION:], y[-VALIDATION:], batch_size=1000, verbose=0
    )
    return model, accuracy


def sizes(model):
    """Bytes of the model's file as Keras writes it, and compressed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        shape = model.input_shape[1:]
        keras.Sequential([keras.Input(shape), *model.layers]).save(path)
        return {
            "saved_bytes": path.stat().st_size,
            "compact_bytes": files.compact(path),
        }


def measure(recipe, data, epochs):
    """One row: the better rate by validation, then the test images once."""
    runs = {rate: train(recipe, rate, data, epochs) for rate in RATES}
    rate = max(runs, key=lambda r: runs[r][1])
    model, validation = runs[rate]
    _, accuracy = model.evaluate(*data[1], batch_size=1000, verbose=0)
    return {
        "rate": rate,
        "trainable": sum(
            int(np.prod(w.shape)) for w in model.trainable_weights
        ),
        "validation_accuracy": validation,
        "accuracy": accuracy,
        **sizes(model),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fast", action="store_true", help="3,000 images")
    parser.add_argument("--json", type=Path, default=PATH)
    options = parser.parse_args()
    (x, y), test = datasets.load("mnist")
    epochs = EPOCHS
    if options.fast:
        x, y, epochs = x[: VALIDATION + 3000], y[: VALIDATION + 3000], 1
    rows = []
    for family, recipes in FAMILIES.items():
        for name, recipe in recipes.items():
            found = measure(recipe, ((x, y), test), epochs)
            rows.append({"family": family, "name": name, **found})
            print(rows[-1], flush=True)
            write(
                options.json,
                "python -m experiments.accuracy_and_bytes",
                [where()],
                rows,
                epochs=epochs,
                batch_size=BATCH_SIZE,
                rates=list(RATES),
                seed=0,
            )


if __name__ == "__main__":
    main()
