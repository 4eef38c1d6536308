"""The demonstration: one classifier, four kinds of layer, the same data."""

import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import time
from pathlib import Path

import keras
import numpy as np

import keras_randproj
from keras_randproj import PRPDense
from keras_randproj import files
from keras_randproj.demo import datasets
from keras_randproj.demo import tables

HIDDEN = (512, 256)
CLASSES = 10
# Adam's first learning rate, which falls to zero along a cosine.
LEARNING_RATE = 5e-3

# Name in the table, and the arguments of PRPDense; None is keras's Dense.
VARIANTS = {
    "Dense": None,
    "PRP gaussian": {"projection": "gaussian"},
    "PRP hadamard, depth 3": {"projection": "hadamard", "depth": 3},
    "PRP gaussian, rank-4 residual": {
        "projection": "gaussian",
        "residual_rank": 4,
    },
}


def run(dataset="digits", epochs=None, seed=0, out="demo-results", verbose=1):
    """Trains each variant, prints a table, and writes it with a plot.

    Args:
        dataset: A name in `datasets.SETTINGS`.
        epochs: Integer, or `None` for the data set's own number.
        seed: Integer, of the projections, initial values and batches.
        out: Folder for `results.json`, `results.txt`,
            `accuracy_vs_parameters.png` and the model files.
        verbose: 0, or 1 for a progress bar a model.

    Returns:
        Dict with what `results.json` holds.

    Raises:
        datasets.DataUnavailable: If the data cannot be had here.
    """
    settings = dict(datasets.SETTINGS[dataset])
    settings["epochs"] = epochs or settings["epochs"]
    data = datasets.load(dataset)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict] = []
    print(introduction(dataset, data, settings), flush=True)
    for name, arguments in VARIANTS.items():
        print(f"\n{name}", flush=True)
        row = _train(name, arguments, data, settings, seed, out, verbose)
        row["reduction"] = (rows or [row])[0]["trainable"] / row["trainable"]
        rows.append(row)
    results = {
        "dataset": dataset,
        "backend": keras.backend.backend(),
        "versions": versions(),
        "machine": machine(),
        "seed": seed,
        "epochs": settings["epochs"],
        "rows": rows,
    }
    (out / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    said = f"{tables.text(results)}\n\n{tables.verdict(results)}"
    print("\n" + said)
    (out / "results.txt").write_text(said + "\n")
    tables.plot(results, out / "accuracy_vs_parameters.png")
    print(f"\nTable, plot and model files are in {out.resolve()}")
    return results


def introduction(dataset, data, settings):
    """What the demonstration is about to show, in two lines."""
    (x_train, _), (x_test, _) = data
    widths = "-".join(map(str, (x_train.shape[1], *HIDDEN, CLASSES)))
    return (
        f"A network {widths} learns {len(x_train):,} images of {dataset} in "
        f"{settings['epochs']} epochs, and is tested on {len(x_test):,}:\n"
        "once with Dense layers, three times with random matrices that are "
        "neither trained nor stored."
    )


def _train(name, arguments, data, settings, seed, out, verbose):
    (x_train, y_train), (x_test, y_test) = data
    keras.utils.set_random_seed(seed)
    model = _model(x_train.shape[1], arguments, seed)
    batches = -(-len(x_train) // settings["batch_size"])
    schedule = keras.optimizers.schedules.CosineDecay(
        LEARNING_RATE, batches * settings["epochs"]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    clock = _EpochClock(settings["epochs"] if verbose else 0)
    model.fit(
        x_train,
        y_train,
        validation_data=(x_test, y_test),
        callbacks=[clock],
        verbose=0,
        **settings,
    )
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    file = out / f"{_slug(name)}.keras"
    # Without the optimizer: what one would ship.
    keras.Sequential([keras.Input(x_train.shape[1:]), *model.layers]).save(file)
    saved = file.stat().st_size
    arguments = arguments or {}
    return {
        "name": name,
        "projection": arguments.get("projection"),
        "depth": arguments.get("depth", 1),
        "residual_rank": arguments.get("residual_rank", 0),
        "trainable": sum(
            int(np.prod(w.shape)) for w in model.trainable_weights
        ),
        "accuracy": float(accuracy),
        "seconds_per_epoch": clock.seconds(),
        "file_bytes": saved,
        "compact_bytes": files.compact(file),
        "reload_exact": _reloads_exactly(model, file, x_test),
    }


def _model(features, arguments, seed):
    layers = [keras.Input((features,))]
    for k, units in enumerate((*HIDDEN, CLASSES)):
        activation = None if units == CLASSES else "relu"
        if arguments is None:
            layers.append(keras.layers.Dense(units, activation))
        else:
            layers.append(
                PRPDense(units, activation, seed=seed + k, **arguments)
            )
    return keras.Sequential(layers)


def _reloads_exactly(model, file, x):
    """Whether a model from the file has equal matrices and outputs."""
    loaded = keras.saving.load_model(file)
    for old, new in zip(model.layers, loaded.layers, strict=True):
        for p, q in zip(
            getattr(old, "projections", ()),
            getattr(new, "projections", ()),
            strict=True,
        ):
            if p.digest() != q.digest():
                return False
    before = model.predict(x, verbose=0)
    return bool(np.array_equal(before, loaded.predict(x, verbose=0)))


def versions():
    """Version of each package that the numbers depend on."""
    found = {"python": platform.python_version()}
    # Run from a checkout, it need not be installed.
    found["keras-randproj"] = keras_randproj.__version__
    for package in ("keras", keras.backend.backend(), "numpy"):
        found[package] = importlib.metadata.version(package)
    return found


def where():
    """What a results file says of a run: backend, machine, versions, date."""
    return {
        "backend": keras.backend.backend(),
        "machine": machine(),
        "versions": versions(),
        "date": datetime.date.today().isoformat(),
    }


def machine():
    """Processor and cores, in words."""
    name = platform.processor() or platform.machine()
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        lines = cpu_info.read_text().splitlines()
        models = [line for line in lines if line.startswith("model name")]
        name = models[0].split(":")[1].strip() if models else name
    return f"{name}, {os.cpu_count()} cores"


def _slug(name):
    return name.lower().replace(",", "").replace(" ", "_")


class _EpochClock(keras.callbacks.Callback):
    """Seconds an epoch; the first is left out, as it compiles.

    Args:
        shown: Integer, epochs of a progress bar, or 0 for none.
    """

    def __init__(self, shown=0):
        super().__init__()
        self.times = []
        measures = ["val_accuracy"]
        self._bar = shown and keras.utils.Progbar(
            shown, unit_name="epoch", stateful_metrics=measures
        )

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(time.perf_counter() - self._start)
        if self._bar:
            self._bar.update(
                epoch + 1, [("val_accuracy", logs["val_accuracy"])]
            )

    def seconds(self):
        return statistics.median(self.times[1:] or self.times)
