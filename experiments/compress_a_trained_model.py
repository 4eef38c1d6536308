"""A layer of a classifier of MNIST in closed form, beside an SVD.

    KERAS_BACKEND=jax python experiments/compress_a_trained_model.py

A run that was stopped goes on where it was; delete
experiments/results/compress_a_trained_model.json to start over.
"""

import time

import keras
import numpy as np

from experiments.resumable import Results
from keras_randproj import convert
from keras_randproj import distill
from keras_randproj import merge
from keras_randproj import report
from keras_randproj.demo import tutorial
from keras_randproj.transfer import to_eugen
from keras_randproj.transfer import to_prp

EPOCHS = 1 if tutorial.FAST else 3
UNLABELLED = 10_000
FEATURES = (16,) if tutorial.FAST else (64, 128, 256)


def trained(x, y):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((x.shape[1],)),
            keras.layers.Dense(512, "relu", name="hidden_1"),
            keras.layers.Dense(512, "relu", name="hidden_2"),
            keras.layers.Dense(10, name="head"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(x, y, 128, EPOCHS, verbose=1)
    return model


def accuracy(model, x, y):
    logits = model.predict(x, batch_size=1000, verbose=0)
    return float(np.mean(logits.argmax(-1) == y))


def learned_bytes(model):
    return report.summary(model)[-1].file


def distilled(teacher, data, features):
    (x_train, _), test = data
    start = time.perf_counter()
    student, reports = distill(
        teacher,
        x_train[:UNLABELLED],
        {"hidden_2": to_eugen(features, order=2, seed=7)},
        verbose=0,
    )
    seconds = time.perf_counter() - start
    first, eugen, head = student.layers
    merged = keras.Sequential(
        [keras.Input(x_train.shape[1:]), first, merge(eugen, head)]
    )
    return {
        "accuracy": accuracy(merged, *test),
        "relative_error": reports[0].error,
        "seconds": seconds,
        "file_bytes": learned_bytes(merged) - learned_bytes(first),
    }


def cut(teacher, data, rank):
    _, test = data
    model = keras.models.clone_model(teacher)
    model.set_weights(teacher.get_weights())
    layer = model.get_layer("hidden_2")
    kernel, bias = layer.get_weights()
    u, s, v = np.linalg.svd(kernel, full_matrices=False)
    layer.set_weights([(u[:, :rank] * s[:rank]) @ v[:rank], bias])
    numbers = rank * sum(kernel.shape) + len(bias)
    head = learned_bytes(model.get_layer("head"))
    return {
        "accuracy": accuracy(model, *test),
        "file_bytes": 4 * numbers + head,
    }


def bert(rule):
    import keras_hub

    model = keras_hub.models.BertBackbone(
        vocabulary_size=1000,
        num_layers=2,
        num_heads=4,
        hidden_dim=128,
        intermediate_dim=512,
        max_sequence_length=64,
    )
    if rule is not None:
        model = convert(model, {"*feedforward_*": rule}, verbose=0)
    counts = [np.prod(w.shape) for w in model.trainable_weights]
    return {"trainable": int(sum(counts))}


def main():
    results = Results(
        "compress_a_trained_model",
        epochs=EPOCHS,
        unlabelled=UNLABELLED,
    )
    data = tutorial.load("mnist")
    teacher = trained(*data[0])
    layers = [teacher.get_layer(name) for name in ("hidden_2", "head")]
    results.row(
        lambda: {
            "accuracy": accuracy(teacher, *data[1]),
            "file_bytes": sum(map(learned_bytes, layers)),
        },
        model="the teacher",
    )
    for features in FEATURES:
        results.row(
            lambda f=features: distilled(teacher, data, f),
            model=f"EUGen, {features} features, merged",
        )
    for rank in (1, 4, 16):
        results.row(
            lambda r=rank: cut(teacher, data, r), model=f"SVD, rank {rank}"
        )
    if not tutorial.FAST:
        rules = {
            "BERT": None,
            "BERT, PRP": to_prp(),
            "BERT, hadamard, depth 2": to_prp(projection="hadamard", depth=2),
        }
        for name, rule in rules.items():
            results.row(lambda r=rule: bert(r), model=name)


if __name__ == "__main__":
    main()
