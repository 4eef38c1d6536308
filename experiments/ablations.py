"""What the papers left open, each question asked of small networks.

    KERAS_BACKEND=jax python experiments/ablations.py

A low-rank path beside the random matrix, depth, the family of the matrix, the
share of layers that EUGens replace, the activation that they stand in for: on
6,000 images of MNIST (a download of 11 MB), three seeds each, hours on a CPU.
A run that was stopped goes on where it was; delete
experiments/results/ablations.json to start over. With
RANDPROJ_TUTORIAL_FAST=1 it takes seconds.
"""

import functools

import keras
import numpy as np

from experiments.resumable import Results
from keras_randproj import PRPDense
from keras_randproj import distill
from keras_randproj.demo import tutorial
from keras_randproj.matrices import SparseTernary
from keras_randproj.transfer import activation_polynomials
from keras_randproj.transfer import to_eugen

SEEDS = 1 if tutorial.FAST else 3
EPOCHS = 1 if tutorial.FAST else 4
CHOSEN = slice(1, 2) if tutorial.FAST else slice(None)  # Of the variants.
IMAGES = 6_000  # Of MNIST, to train with; all test images are used.
RATE = 3e-3  # Of Adam, for all models; it falls to zero along a cosine.


def trained(layers, data, epochs, batch_size=128):
    """A classifier made of layers, after training."""
    (x, y), _ = data
    classes = int(y.max()) + 1
    model = keras.Sequential([keras.Input(x.shape[1:]), *layers(classes)])
    steps = epochs * -(-len(x) // batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(RATE, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss)
    model.fit(x, y, batch_size, epochs, verbose=1)
    return model


def accuracy(model, test):
    logits = model.predict(test[0], batch_size=1000, verbose=0)
    return float(np.mean(logits.argmax(-1) == test[1]))


def numbers(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def ask(results, question, variants, load, epochs=EPOCHS, batch_size=128):
    """Trains each variant with each seed; `load(seed)` gives its data."""
    for variant, layers in list(variants.items())[CHOSEN]:
        for seed in range(SEEDS):

            def row(layers=layers, seed=seed):
                data = load(seed)
                keras.utils.set_random_seed(seed)
                model = trained(
                    lambda classes: layers(seed, classes),
                    data,
                    epochs,
                    batch_size,
                )
                return {
                    "accuracy": accuracy(model, data[1]),
                    "trainable": numbers(model),
                }

            results.row(row, question=question, variant=variant, seed=seed)


@functools.cache
def mnist():
    (x, y), test = tutorial.load("mnist")
    return (x[:IMAGES], y[:IMAGES]), test


def prp_net(widths=(256, 128), **options):
    def layers(seed, classes):
        return [
            PRPDense(
                units,
                None if units == classes else "relu",
                seed=10 * seed + k,
                **options,
            )
            for k, units in enumerate((*widths, classes))
        ]

    return layers


def low_rank_net(rank, widths=(256, 128)):
    def layers(seed, classes):
        return [
            layer
            for units in (*widths, classes)
            for layer in (
                keras.layers.Dense(rank, use_bias=False),
                keras.layers.Dense(units, None if units == classes else "relu"),
            )
        ]

    return layers


def dense_net(widths=(256, 128)):
    def layers(seed, classes):
        hidden = [keras.layers.Dense(units, "relu") for units in widths]
        return [*hidden, keras.layers.Dense(classes)]

    return layers


RESIDUAL = {
    "PRP": prp_net(),
    "low rank 1": low_rank_net(1),
    "PRP, rank 4": prp_net(residual_rank=4),
    "low rank 5": low_rank_net(5),
    "PRP, rank 16": prp_net(residual_rank=16),
    "low rank 17": low_rank_net(17),
    "Dense": dense_net(),
}


DEPTH = {
    "hadamard": prp_net(projection="hadamard"),
    "hadamard, depth 2": prp_net(projection="hadamard", depth=2),
    "hadamard, depth 3": prp_net(projection="hadamard", depth=3),
    "gaussian, depth 3": prp_net(depth=3),
}


FAMILIES = {
    "rademacher": prp_net(projection="rademacher"),
    "sparse ternary, 1 in 3": prp_net(projection="sparse_ternary"),
    "sparse ternary, 1 in 16": prp_net(
        projection=SparseTernary(density=1 / 16)
    ),
    "orthogonal": prp_net(projection="orthogonal"),
}


TEACHER = dense_net((128,) * 4)


def share(results):
    data = mnist()
    for seed in range(SEEDS):
        keras.utils.set_random_seed(seed)
        teacher = trained(lambda c, s=seed: TEACHER(s, c), data, EPOCHS)
        hidden = teacher.layers[:4]
        for count in range(5)[CHOSEN]:
            results.row(
                lambda n=count, t=teacher, h=hidden: replaced(
                    t, h[4 - n :], data
                ),
                question="share",
                variant=f"{count} of 4 layers",
                seed=seed,
            )


def replaced(teacher, layers, data, order=2):
    """Accuracy with EUGens of 2 x 32 features in the place of layers."""
    (x, _), test = data
    student = teacher
    if layers:
        rule = to_eugen(32, order=order, seed=7)
        rules = {layer.name: rule for layer in layers}
        student = distill(teacher, x, rules, verbose=0).model
    return {
        "accuracy": accuracy(student, test),
        "trainable": numbers(student),
    }


ACTIVATIONS = ("relu", "gelu", "tanh", "sigmoid")


def activations(results):
    for name in ACTIVATIONS[CHOSEN]:
        for seed in range(SEEDS):
            results.row(
                lambda n=name, s=seed: stood_in(n, s),
                question="activation",
                variant=name,
                seed=seed,
            )


def stood_in(name, seed):
    data = mnist()
    keras.utils.set_random_seed(seed)

    def layers(classes):
        return [keras.layers.Dense(128, name), keras.layers.Dense(classes)]

    teacher = trained(layers, data, EPOCHS)
    student = replaced(teacher, teacher.layers[:1], data)
    return {
        "polynomial_error": activation_polynomials(name, 2).error,
        "teacher_accuracy": accuracy(teacher, data[1]),
        "accuracy": student["accuracy"],
        "trainable": student["trainable"],
    }


def main():
    results = Results(
        "ablations",
        epochs=EPOCHS,
        images=IMAGES,
        learning_rate=RATE,
    )
    questions = {"residual": RESIDUAL, "depth": DEPTH, "families": FAMILIES}
    for question, variants in list(questions.items())[CHOSEN]:
        ask(results, question, variants, lambda seed: mnist())
    share(results)
    activations(results)


if __name__ == "__main__":
    main()
