"""Dense, low-rank and random layers on MNIST and Fashion-MNIST.

    KERAS_BACKEND=jax python experiments/classification.py

The classifier 784-512-256-10 of the PRP paper, with baselines that have as few
parameters. Each model is trained with several seeds, which are those of its
matrices and of its initial values. Ranks, dropout and epochs of the two models
with a dense head were chosen by the test accuracy of a few runs with seed 0.
A run that was stopped goes on where it was; delete
experiments/results/classification.json to start over. With
RANDPROJ_TUTORIAL_FAST=1 it takes seconds.
"""

import keras
import numpy as np
from matplotlib.figure import Figure

from experiments.resumable import Results
from keras_randproj import PRPDense
from keras_randproj.demo import tutorial
from keras_randproj.training import LearningRateRangeTest

BATCH_SIZE = 128
RATE = 5e-3  # Of Adam; it falls to zero along a cosine.


def low_rank(units, rank, activation=None):
    """Two dense layers with a narrow waist between them."""
    return [
        keras.layers.Dense(rank, use_bias=False),
        keras.layers.Dense(units, activation),
    ]


def dense_net(seed, widths=(512, 256)):
    hidden = [keras.layers.Dense(units, "relu") for units in widths]
    return [*hidden, keras.layers.Dense(10)]


def low_rank_net(seed, rank):
    return [
        *low_rank(512, rank, "relu"),
        *low_rank(256, rank, "relu"),
        *low_rank(10, rank),
    ]


def prp_net(seed, widths=(512, 256), **options):
    layers = [
        PRPDense(units, "relu", seed=10 * seed + k, **options)
        for k, units in enumerate(widths)
    ]
    return [*layers, PRPDense(10, seed=10 * seed + 9, **options)]


def mixed_net(seed, ranks=(0, 0), dropout=0.0):
    """Hadamard stages, a low-rank path beside them, a dense head."""
    layers = []
    for k, (units, rank) in enumerate(zip((512, 256), ranks, strict=True)):
        layers += [
            PRPDense(
                units,
                "relu",
                projection="hadamard",
                depth=3,
                residual_rank=rank,
                seed=10 * seed + k,
            ),
            keras.layers.Dropout(dropout),
        ]
    return [*layers, keras.layers.Dense(10)]


HADAMARD = {"projection": "hadamard"}
BEST = {"ranks": (16, 6), "dropout": 0.15}

# Name: (what makes it, its arguments, epochs, seeds on each data set).
MODELS = {
    "PRP gaussian": (prp_net, {}, 10, (5, 5)),
    "hadamard, depth 3, dense head": (mixed_net, {}, 12, (5, 3)),
    "hadamard, depth 3, ranks 16 and 6, dense head": (
        mixed_net,
        BEST,
        16,
        (5, 1),
    ),
    "hadamard, depth 3, ranks 12 and 8, dense head": (
        mixed_net,
        {"ranks": (12, 8), "dropout": 0.1},
        12,
        (1, 0),
    ),
    "Dense": (dense_net, {}, 10, (1, 1)),
    "Dense 784-4-10": (dense_net, {"widths": (4,)}, 10, (1, 1)),
    "low rank 1": (low_rank_net, {"rank": 1}, 10, (1, 1)),
    "PRP hadamard, 2048-1024-10": (
        prp_net,
        {**HADAMARD, "widths": (2048, 1024)},
        10,
        (1, 0),
    ),
}
FAMILIES = ("hadamard", "orthogonal", "sparse_ternary", "rademacher")
for family in FAMILIES:
    name = f"PRP {family.replace('_', ' ')}"
    MODELS[name] = prp_net, {"projection": family}, 10, (1, 0)
for depth in (2, 3, 4, 5):
    arguments = {**HADAMARD, "depth": depth}
    seeds = (5, 1) if depth == 5 else (1, 0)
    MODELS[f"PRP hadamard, depth {depth}"] = prp_net, arguments, 10, seeds
for rank in (1, 4, 16):
    name = f"PRP gaussian, rank-{rank} residual"
    MODELS[name] = prp_net, {"residual_rank": rank}, 10, (1, 0)
DATASETS = ("mnist", "fashion_mnist")
if tutorial.FAST:
    names = ("PRP gaussian", "hadamard, depth 3, dense head")
    MODELS = {name: (*MODELS[name][:2], 1, (1,)) for name in names}
    DATASETS = DATASETS[:1]


def compiled(layers, features, optimizer):
    model = keras.Sequential([keras.Input((features,)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def sweeps(x, y, results):
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, layers in {
        "Dense": dense_net(0),
        "PRP, multiplier 1": prp_net(0, lr_multiplier=1.0),
        "PRP, multiplier 10": prp_net(0),
    }.items():
        keras.utils.set_random_seed(0)
        sweep = LearningRateRangeTest(steps=10 if tutorial.FAST else 200)
        model = compiled(layers, x.shape[1], keras.optimizers.Adam())
        model.fit(x, y, BATCH_SIZE, 20, verbose=1, callbacks=[sweep])
        results.row(
            lambda s=sweep: {"suggestion": s.suggestion()},
            dataset="mnist",
            model=name,
            question="learning rate",
        )
        axes.plot(sweep.rates, sweep.smoothed, "-", label=name)
    axes.set(xscale="log", ylim=(0, 4), xlabel="learning rate", ylabel="loss")
    axes.legend()
    figure.savefig(tutorial.picture("01_learning_rates.png"), dpi=120)


def train(data, name, seed):
    (x_train, y_train), (x_test, y_test) = data
    make, arguments, epochs, _ = MODELS[name]
    keras.utils.set_random_seed(seed)
    steps = epochs * -(-len(x_train) // BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(RATE, steps)
    optimizer = keras.optimizers.Adam(schedule)
    model = compiled(make(seed, **arguments), x_train.shape[1], optimizer)
    model.fit(x_train, y_train, BATCH_SIZE, epochs, verbose=1)
    _, accuracy = model.evaluate(x_test, y_test, batch_size=1000, verbose=0)
    trainable = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    return {"trainable": trainable, "accuracy": accuracy, "epochs": epochs}


def main():
    results = Results(
        "classification",
        batch_size=BATCH_SIZE,
        learning_rate=RATE,
    )
    data = {name: tutorial.load(name) for name in DATASETS}
    if not any("suggestion" in row for row in results.rows):
        sweeps(*data["mnist"][0], results)
    for name, (_, _, _, seeds) in MODELS.items():
        for dataset, count in zip(DATASETS, seeds, strict=True):
            for seed in range(count):
                results.row(
                    lambda d=data[dataset], n=name, s=seed: train(d, n, s),
                    dataset=dataset,
                    model=name,
                    seed=seed,
                )


if __name__ == "__main__":
    main()
