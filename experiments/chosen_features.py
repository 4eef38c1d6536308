"""Features chosen from a pool, on two networks of the pages before.

    KERAS_BACKEND=jax python -m experiments.chosen_features [--fast]

The hidden layer of the MNIST MLP together with its head, and the hidden layers
of the radiance field of `experiments.implicit_scene`, are replaced in closed
form, without labels, pixels or backpropagation. Rivals store as many numbers
and are fitted to the same rows. "int8" is Keras's own quantization of what was
fitted: of a EUGen the head, of rivals all kernels. Teachers are kept below
build/, and a run that was stopped goes on where it was.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from experiments import implicit_scene as scene
from experiments.results_file import where
from experiments.results_file import write
from keras_randproj import EUGenDense
from keras_randproj import distill
from keras_randproj import files
from keras_randproj.demo import datasets
from keras_randproj.transfer import feed_forwards
from keras_randproj.transfer import to_eugen

PATH = Path(__file__).parent / "results/chosen_features.json"
BUILD = Path("build/chosen_features")
IMAGES, POINTS, POOL, SEEDS = 20_000, 40_000, 4096, 5
EPOCHS = 3  # Of the MLP, as in compress_a_trained_model.

CHOSEN, EUGEN = {"neurons": True}, {}
LOW_RANK, NEURONS = {"method": "low_rank"}, {"neurons": True}
NEURONS = {**NEURONS, "method": "neurons"}
# Weights that are rounded have to be small: a stronger ridge.
INT8 = {"quantize": "int8", "ridge": 1e-3}
LARGE = {"pool": 8192}


def kept(name, train):
    """A teacher, trained once."""
    path = BUILD / f"{name}.keras"
    if not path.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(0)
        train().save(path)
    return keras.models.load_model(path)


def stored(reports):
    return sum(report.stored for report in reports)


# --- The MLP.

ORDER_2 = {"order": 2, "shift": None, "norm_feature": True}
# Name, features, options of the features, of `distill`, whether from a pool.
MLP = [
    ("first rows, order 2", 123, ORDER_2, EUGEN, False),
    ("rows chosen, order 2", 123, ORDER_2, EUGEN, True),
    ("first rows", 235, {}, EUGEN, False),
    ("rows chosen", 235, {}, EUGEN, True),
    ("rows and neurons chosen", 235, {}, CHOSEN, True),
    ("rows and neurons chosen", 469, {}, CHOSEN, True),
    ("rows and neurons chosen", 940, {}, CHOSEN, True),
    ("low rank", 235, {}, LOW_RANK, False),
    ("low rank", 940, {}, LOW_RANK, False),
    ("neurons alone", 940, {}, NEURONS, True),
    ("rows chosen, int8", 737, {}, INT8, True),
    ("rows chosen of 8,192, int8", 737, {}, {**INT8, **LARGE}, True),
    ("first rows, int8", 737, {}, INT8, False),
    ("low rank, int8", 620, {}, {**LOW_RANK, **INT8}, False),
    ("neurons alone, int8", 940, {}, {**NEURONS, **INT8}, True),
]


def mlp(data, epochs):
    (x, y), _ = data
    names = "hidden_1", "hidden_2"
    hidden = [keras.layers.Dense(512, "relu", name=name) for name in names]
    head = keras.layers.Dense(10, name="head")
    model = keras.Sequential([keras.Input(x.shape[1:]), *hidden, head])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(x, y, 128, epochs, verbose=0)
    return model


def accuracy(model, test):
    logits = model.predict(test[0], batch_size=1000, verbose=0)
    return float(np.mean(logits.argmax(-1) == test[1]))


def again(model):
    """The model as it comes back from its file."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(path := Path(folder) / "model.keras")
        return keras.models.load_model(path, compile=False)


def bytes_of(layers, inputs=512):
    """Bytes of what layers store, and of their file, compressed.

    Of a EUGen these are four for the index of each chosen row, and its head:
    the matrix is a function of the seed.
    """
    stored = 0
    for layer in layers:
        if isinstance(layer, EUGenDense):
            parts = [layer.head, layer.features.neurons]
            stored += 4 * len(layer.features.family.rows or ())
        else:
            parts = [layer]
        for weight in [w for part in parts if part for w in part.weights]:
            one = keras.ops.convert_to_numpy(weight)
            stored += one.nbytes
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        keras.Sequential([keras.Input((inputs,)), *layers]).save(path)
        return {"bytes": stored, "compact_bytes": files.compact(path)}


def of_mlp(settings):
    data = datasets.load("mnist")
    teacher = kept("mlp", lambda: mlp(data, EPOCHS))
    settings["mlp_accuracy"] = accuracy(teacher, data[1])
    images = data[0][0][: settings["images"]]

    def row(features, layer, options, seed):
        bits = options.pop("quantize", None)
        rules = {"hidden_2": feed_forwards(features, seed=seed, **layer)}
        student, reports = distill(teacher, images, rules, **options)
        student = again(student)
        if bits:
            kept = ("hidden_1",)
            student.quantize(bits, filters=lambda x: x.name not in kept)
        found = {"accuracy": accuracy(student, data[1])}
        found.update(bytes_of(again(student).layers[1:]))
        return student, reports, found

    return row


# --- The field. Layers, as many numbers as EUGens of 64 features store.

# The head is stored in any case: a layer that is merged with it costs 5 numbers
# a row, and what that spares goes to the two layers before.
MERGED_ROWS = 1000
MERGED = {**CHOSEN, "merged": MERGED_ROWS}
# Features that have the ReLU themselves, with nothing behind them.
IMITATE = {"keep_activation": False}
IMITATED = ", the ReLU imitated"
WITH_HEAD = ", last layer merged with the head"
BEST = {"method": "best"}

FIELDS = [
    ("rows and directions", 64, {}, CHOSEN, True),
    (f"rows and directions{WITH_HEAD}", 78, {}, MERGED, True),
    ("low rank", 64, {}, LOW_RANK, False),
    ("the best of each", 64, {}, {**CHOSEN, **BEST}, True),
    (f"the best of each{WITH_HEAD}", 78, {}, {**MERGED, **BEST}, True),
    ("first rows", 64, {}, EUGEN, False),
    (f"first rows{IMITATED}", 64, {}, IMITATE, False),
    (f"rows and neurons{IMITATED}", 64, {}, {**CHOSEN, **IMITATE}, True),
    (
        f"rows and neurons{IMITATED}{WITH_HEAD}",
        78,
        {},
        {**MERGED, **IMITATE},
        True,
    ),
]


def of_field(settings):
    rays, pixels = scene.views(scene.VIEWS, seed=0)
    test = scene.views(4, seed=1)

    def train():
        model = scene.field(scene.dense)
        scene.train(model, (rays, pixels))
        return model

    teacher = kept("field", train)
    points = scene.some_points(rays, settings["points"])

    def judged(model):
        picture = scene.Picture(model)
        found = picture.predict(test[0], batch_size=256, verbose=0)
        return scene.psnr(found, test[1])

    settings["field_psnr"] = judged(teacher)
    settings["field_cut_by_svd_psnr"] = judged(scene.cut(teacher)[0])

    def row(features, layer, options, seed):
        one = {
            **scene.EUGEN,
            "projection": "gaussian",
            "shift": 1.0,
            "norm_feature": False,
            **layer,
        }
        rules = {
            f"hidden_{k}": to_eugen(features, **{**one, "seed": 10 * k + seed})
            for k in (2, 3, 4)
        }
        if merged := options.pop("merged", None):
            rules["hidden_4"] = feed_forwards(merged, seed=seed)
        options = {"keep_activation": "auto", **options}
        student, reports = distill(teacher, points, rules, **options)
        return student, reports, {"psnr": judged(student)}

    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fast", action="store_true", help="a small trial")
    parser.add_argument("--only", choices=("mlp", "field"))
    parser.add_argument("--variants", nargs="+", help="these alone")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    settings = {"images": IMAGES, "points": POINTS, "pool": POOL}
    seeds, path = options.seeds, PATH
    if options.fast:
        settings.update(images=1000, points=1000, pool=1000)
        seeds, path = 1, BUILD / "fast.json"
    rows, runs = [], []
    if path.exists() and not options.fast:
        found = json.loads(path.read_text())
        rows, runs = found["rows"], found["where"]
        settings = {**found["settings"], **settings}
    names = "network", "variant", "features", "seed"
    done = {tuple(row[name] for name in names) for row in rows}
    runs.append(where())
    for network, variants, make in (
        ("mlp", MLP, of_mlp),
        ("field", FIELDS, of_field),
    ):
        if options.only not in (None, network):
            continue
        fit = make(settings)
        print(settings, flush=True)
        for seed in range(seeds):
            for name, features, layer, extra, chooses in variants:
                if name not in (options.variants or [name]):
                    continue
                key = network, name, features, seed
                # Nothing in these rivals is random.
                if key in done or (
                    seed and name.startswith(("low rank", "neurons alone"))
                ):
                    continue
                extra = {"verbose": 0, "rivals": False, **extra}
                if chooses:
                    pool = settings["pool"] // layer.get("order", 1)
                    extra = {"pool": pool, **extra}
                start = time.perf_counter()
                _, reports, reached = fit(features, layer, extra, seed)
                rows.append(
                    {
                        **dict(zip(names, key, strict=True)),
                        **reached,
                        "stored": [r.stored for r in reports],
                        "seconds": time.perf_counter() - start,
                        "errors": [r.error for r in reports],
                        "low_rank_errors": [r.low_rank_error for r in reports],
                        "neurons_errors": [r.neurons_error for r in reports],
                        "neurons": [r.neurons for r in reports],
                        "directions": [r.residual_rank for r in reports],
                        "methods": [r.method for r in reports],
                        "activations": [r.keeps_activation for r in reports],
                    }
                )
                print(rows[-1], flush=True)
                command = "python -m experiments.chosen_features"
                write(path, command, runs, rows, **settings)


if __name__ == "__main__":
    main()
