# ---
# title: Open questions, answered small
# author: The keras_randproj authors
# date: 2026/11/22
# description: Ablations of PRP and EUGen that the papers left open.
# ---

# %% [markdown]
# The papers behind this package end with questions: does a learned low-rank
# path beside the random matrix help, do structured matrices serve as well, how
# many layers can be replaced, and what happens away from images. This page
# asks each at a size that one core answers in seconds, over several seeds, and
# gives a verdict. Small answers can change at scale.
#
# MNIST is a download of 11 MB; the other data come with scikit-learn. The full
# run takes hours on a CPU.

# %%
import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # Or "torch", "tensorflow".

import functools
import json
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_randproj import PRPDense
from keras_randproj import distill
from keras_randproj.demo import datasets
from keras_randproj.demo import tutorial
from keras_randproj.projections import SparseTernary
from keras_randproj.transfer import activation_polynomials
from keras_randproj.transfer import to_eugen

SEEDS = 1 if tutorial.FAST else 3
EPOCHS = 1 if tutorial.FAST else 4
CHOSEN = slice(1, 2) if tutorial.FAST else slice(None)  # Of the variants.
IMAGES = 6_000  # Of MNIST, to train with; all test images are used.
RATE = 3e-3  # Of Adam, for all models; it falls to zero along a cosine.

# %% [markdown]
# ## How a question is asked
#
# A question is a dict of variants, each a function from a seed to the layers of
# a classifier. All are trained alike.


# %%
def trained(layers, data, epochs, batch_size=128):
    """A classifier made of layers, after training."""
    (x, y), _ = data
    classes = int(y.max()) + 1
    model = keras.Sequential([keras.Input(x.shape[1:]), *layers(classes)])
    steps = epochs * -(-len(x) // batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(RATE, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss)
    model.fit(x, y, batch_size, epochs, verbose=0)
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
                    "trained_numbers": numbers(model),
                }

            results.row(row, question=question, variant=variant, seed=seed)


@functools.cache
def mnist():
    (x, y), test = tutorial.load("mnist")
    return (x[:IMAGES], y[:IMAGES]), test


# %% [markdown]
# ## A low-rank path beside the projection
#
# PRP with a learned path of rank r trains exactly as many numbers as a low-rank
# layer of rank r + 1. Which is the better use of them?


# %%
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

# %% [markdown]
# <!-- [[[cog
# run = Results("tutorials/07_ablations")
#
# def asked(question, **texts):
#     rows = run.rows[run.rows.question == question]
#     by = rows.groupby("variant", sort=False)
#     first = by[["trained_numbers", "polynomial_error"]].first()
#     return first.join(by.agg(seeds=("seed", "size"), **texts)).reset_index()
#
# def accuracies(question):
#     found = asked(question, accuracy=("accuracy", percent))
#     table(found, {
#         "": "{variant}",
#         "trainable parameters": "{trained_numbers:,}",
#         "accuracy, %": "{accuracy}",
#         "seeds": "{seeds}",
#     })
#     run.source()
#
# def percent(values):
#     return spread(2)(100 * values)
#
# accuracies("residual")
# ]]] -->
# <!-- [[[end]]] -->
#
# **Verdict: yes.** With equal numbers PRP and a low-rank path beat the low-rank
# layers alone at every rank, by the more the fewer numbers there are. All stay
# below Dense.
#
# ## Hadamard and depth
#
# A Hadamard matrix with random signs needs no matrix at all. Alone it has less
# randomness than a gaussian one; several in a row have more, and more trained
# vectors.

# %%
DEPTH = {
    "hadamard": prp_net(projection="hadamard"),
    "hadamard, depth 2": prp_net(projection="hadamard", depth=2),
    "hadamard, depth 3": prp_net(projection="hadamard", depth=3),
    "gaussian, depth 3": prp_net(depth=3),
}

# %% [markdown]
# <!-- [[[cog
# accuracies("depth")
# ]]] -->
# <!-- [[[end]]] -->
#
# **Verdict: Hadamard serves as well, and a second stage pays.** One Hadamard
# stage is about as good as a gaussian matrix of the first table; two in a row
# gain far more than another family does, at less than twice the numbers, and a
# third stage two points more. Three gaussian stages, which hold matrices, are
# no better.
#
# ## The distribution of the entries

# %%
FAMILIES = {
    "rademacher": prp_net(projection="rademacher"),
    "sparse ternary, 1 in 3": prp_net(projection="sparse_ternary"),
    "sparse ternary, 1 in 16": prp_net(
        projection=SparseTernary(density=1 / 16)
    ),
    "orthogonal": prp_net(projection="orthogonal"),
}

# %% [markdown]
# <!-- [[[cog
# accuracies("families")
# ]]] -->
# <!-- [[[end]]] -->
#
# **Verdict: it hardly matters.** Gaussian ("PRP" in the first table), signs,
# one entry in three, and orthogonal columns are within a point of each other.
# One entry in sixteen is too sparse for layers this narrow, and loses.
#
# ## Attention
#
# The [transformer tutorial](03_transformer.md) trains a character GPT with PRP
# in the place of the four projections of each attention. Its results are read
# here, not regenerated.

# %%
GPT = Path("tutorials/results/03_transformer.json")
ATTENTION = ("Dense", "PRP attention", "PRP attention, rank 8")


def attention(results):
    if not GPT.exists():  # A copy of this page alone.
        return
    rows = json.loads(GPT.read_text())["rows"]
    for row in rows:
        if row["question"] == "loss" and row["variant"] in ATTENTION:
            results.row(
                lambda r=row: {
                    "loss": r["loss"],
                    "trained_numbers": r["attention"],
                },
                question="attention",
                variant=row["variant"],
                seed=row["seed"],
            )


# %% [markdown]
# <!-- [[[cog
# table(asked("attention", loss=("loss", spread(3))), {
#     "attention": "{variant}",
#     "its trainable parameters": "{trained_numbers:,}",
#     "held-out loss": "{loss}",
#     "seeds": "{seeds}",
# })
# ]]] -->
# <!-- [[[end]]] -->
#
# **Verdict: close, not equal.** PRP attention trains a small part of the
# numbers and ends at a higher loss; a path of rank 8 gets some of it back.
#
# ## How many layers can be EUGens
#
# A classifier with four hidden layers of 128 is trained, and its last one, two,
# three or all four hidden layers distilled to EUGens in closed form, with no
# labels and no training after it.

# %%
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
        "trained_numbers": numbers(student),
    }


# %% [markdown]
# <!-- [[[cog
# accuracies("share")
# ]]] -->
# <!-- [[[end]]] -->
#
# **Verdict: from the end, half of them.** Each layer that is replaced costs
# more than the one before. The first hidden layer, which takes the pixels,
# costs most: with it replaced, the accuracy falls clearly.
#
# ## Which activations a EUGen can stand in for
#
# A EUGen without inner activation is a polynomial of its input. The error is
# that of the best polynomial of degree 2 for the activation, on normal
# pre-activations; the accuracies are those of a classifier with one hidden
# layer, and of the same with that layer distilled.

# %%
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
        "trained_numbers": student["trained_numbers"],
    }


# %% [markdown]
# <!-- [[[cog
# found = asked(
#     "activation",
#     trained=("teacher_accuracy", percent),
#     distilled=("accuracy", percent),
# )
# table(found, {
#     "activation": "{variant}",
#     "error, degree 2": "{polynomial_error:.3f}",
#     "trained, %": "{trained}",
#     "distilled, %": "{distilled}",
# })
# run.source()
# ]]] -->
# <!-- [[[end]]] -->
#
# **Verdict: the activation hardly matters, the layer does.** The polynomial's
# error for tanh is six times that for the sigmoid, and still the distilled
# classifiers are within a point of each other. What they lose, ten points, is
# lost to the few random features of the pixels. (A classifier with a sigmoid is
# the least accurate before, and so loses least.)
#
# ## Other architectures
#
# Three small ones: a recurrent network that reads the rows of scikit-learn's
# digits, a convolutional one whose channels are mixed by PRP, and a graph
# network on a made-up graph of four communities with noisy features.


# %%
class RecurrentPRP(keras.layers.Layer):
    """A cell `tanh(PRP(x) + PRP(h))`, for `keras.layers.RNN`."""

    def __init__(self, units, seed, **options):
        super().__init__()
        self.state_size = units
        self.from_input = PRPDense(units, seed=2 * seed, **options)
        self.from_state = PRPDense(
            units, use_bias=False, seed=2 * seed + 1, **options
        )

    def build(self, input_shape):
        self.from_input.build(input_shape)
        self.from_state.build((input_shape[0], self.state_size))

    def call(self, inputs, states):
        h = ops.tanh(self.from_input(inputs) + self.from_state(states[0]))
        return h, [h]


def recurrent(make):
    def layers(seed, classes):
        return [
            keras.layers.Reshape((8, 8)),
            make(seed),
            keras.layers.Dense(classes),
        ]

    return layers


RNN = {
    "Dense": recurrent(lambda seed: keras.layers.SimpleRNN(64)),
    "PRP": recurrent(
        lambda seed: keras.layers.RNN(
            RecurrentPRP(64, seed, projection="orthogonal")
        )
    ),
    "PRP, rank 4": recurrent(
        lambda seed: keras.layers.RNN(
            RecurrentPRP(64, seed, projection="orthogonal", residual_rank=4)
        )
    ),
}


def convolutional(mix):
    """Filters of each channel alone, and layers that mix the channels."""

    def layers(seed, classes):
        return [
            keras.layers.Reshape((8, 8, 1)),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            mix(32, seed),
            keras.layers.DepthwiseConv2D(3, padding="same"),
            mix(64, seed + 10),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(classes),
        ]

    return layers


CNN = {
    "Dense": convolutional(
        lambda units, seed: keras.layers.Dense(units, "relu")
    ),
    "PRP": convolutional(
        lambda units, seed: PRPDense(units, "relu", seed=seed)
    ),
    "PRP, rank 4": convolutional(
        lambda units, seed: PRPDense(units, "relu", seed=seed, residual_rank=4)
    ),
}


@functools.cache
def digits():
    return datasets.load("digits")


# %% [markdown]
# A graph layer multiplies by the graph, then by a matrix, learned or random.
# Each seed has its own graph of 400 nodes, of which 40 have a label.


# %%
def communities(seed, nodes=400, kinds=4, features=32):
    """Normalised graph, features and kinds of the nodes."""
    rng = np.random.default_rng(seed)
    kind = np.arange(nodes) % kinds
    same = kind[:, None] == kind
    upper = np.triu(rng.random((nodes, nodes)) < np.where(same, 0.05, 0.01), 1)
    graph = upper + upper.T + np.eye(nodes)
    graph /= np.sqrt(np.outer(graph.sum(0), graph.sum(0)))
    means = rng.normal(size=(kinds, features))
    x = means[kind] + 4 * rng.normal(size=(nodes, features))
    return graph.astype("float32"), x.astype("float32"), kind


class Neighbours(keras.layers.Layer):
    """Multiplies by a fixed graph; the batch is all nodes."""

    def __init__(self, graph):
        super().__init__()
        self.graph = graph

    def call(self, inputs):
        return ops.matmul(self.graph, inputs)


def graph_net(make, seed):
    graph, x, kind = communities(seed)
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:], batch_size=len(x)),
            Neighbours(graph),
            make(64, "relu", seed),
            Neighbours(graph),
            make(4, None, seed + 10),
        ]
    )
    labelled = np.arange(len(x)) < 40
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE), loss)
    model.fit(
        x,
        kind,
        len(x),
        20 if tutorial.FAST else 200,
        sample_weight=labelled.astype("float32"),
        shuffle=False,
        verbose=0,
    )
    found = model.predict(x, batch_size=len(x), verbose=0).argmax(-1)
    return {
        "accuracy": float(np.mean(found[~labelled] == kind[~labelled])),
        "trained_numbers": numbers(model),
    }


GRAPH = {
    "Dense": lambda units, activation, seed: keras.layers.Dense(
        units, activation
    ),
    "PRP": lambda units, activation, seed: PRPDense(
        units, activation, seed=seed
    ),
    "PRP, rank 4": lambda units, activation, seed: PRPDense(
        units, activation, seed=seed, residual_rank=4
    ),
}


def graphs(results):
    for variant, make in list(GRAPH.items())[CHOSEN]:
        for seed in range(SEEDS):
            results.row(
                lambda m=make, s=seed: graph_net(m, s),
                question="graph",
                variant=variant,
                seed=seed,
            )


# %% [markdown]
# <!-- [[[cog
# accuracies("graph")
# ]]] -->
# <!-- [[[end]]] -->
#
# **Verdict on graphs: not as it stands.** With few labels and noisy features
# PRP is well below Dense on average and varies far more from graph to graph; a
# path of rank 4 does not make up for it.
#
# <!-- [[[cog
# accuracies("rnn")
# ]]] -->
# <!-- [[[end]]] -->
#
# **Verdict on recurrent networks: yes, with a path of rank 4.** Orthogonal
# matrices keep the state's length. PRP alone is four points below Dense with a
# sixth of the numbers; with the path, a point and a half with a third.
#
# <!-- [[[cog
# accuracies("cnn")
# ]]] -->
# <!-- [[[end]]] -->
#
# **Verdict on convolutional networks: yes.** With PRP in the place of the
# layers that mix channels the network was better than with Dense, over all
# seeds: a small set, on which fewer trainable parameters overfit less.
#
# ## A table instead of images
#
# The breast cancer data of scikit-learn: 30 measurements of 569 tumours, a
# third held out, another split for each seed.


# %%
def tumours(seed):
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=1 / 3, random_state=seed, stratify=y
    )
    mean, std = x_train.mean(0), x_train.std(0)
    x_train, x_test = (
        ((part - mean) / std).astype("float32") for part in (x_train, x_test)
    )
    return (x_train, y_train.astype("int32")), (x_test, y_test)


TABLE = {
    "Dense": dense_net((64, 64)),
    "PRP": prp_net((64, 64)),
    "PRP, rank 1": prp_net((64, 64), residual_rank=1),
    "low rank 1": low_rank_net(1, (64, 64)),
    "one linear layer": dense_net(()),
}

# %% [markdown]
# <!-- [[[cog
# accuracies("table")
# ]]] -->
# <!-- [[[end]]] -->
#
# **Verdict: no loss, and no hard test.** PRP is as good as Dense with a
# fifteenth of its numbers, but one linear layer is as good as both.


# %%
def main():
    results = tutorial.Results(
        "07_ablations",
        epochs=EPOCHS,
        images=IMAGES,
        learning_rate=RATE,
    )
    attention(results)
    ask(results, "table", TABLE, tumours, 30 if not tutorial.FAST else 1, 32)
    graphs(results)
    questions = {"residual": RESIDUAL, "depth": DEPTH, "families": FAMILIES}
    for question, variants in list(questions.items())[CHOSEN]:
        ask(results, question, variants, lambda seed: mnist())
    share(results)
    activations(results)
    ask(results, "rnn", RNN, lambda seed: digits(), 3 * EPOCHS, 64)
    ask(results, "cnn", CNN, lambda seed: digits(), 2 * EPOCHS, 64)


if __name__ == "__main__":
    main()
