"""Random matrices away from images: recurrent, graph and tabular networks.

    KERAS_BACKEND=jax python experiments/architectures.py

A recurrent network that reads the rows of scikit-learn's digits, a
convolutional one whose channels are mixed by PRP, a graph network on made-up
communities, and a table of measurements of tumours; three seeds each. Nothing
is downloaded; half an hour on a CPU. A run that was stopped goes on where it
was; delete experiments/results/architectures.json to start over. With
RANDPROJ_TUTORIAL_FAST=1 it takes seconds.
"""

import functools

import keras
import numpy as np
from ablations import CHOSEN
from ablations import EPOCHS
from ablations import RATE
from ablations import SEEDS
from ablations import ask
from ablations import dense_net
from ablations import low_rank_net
from ablations import numbers
from ablations import prp_net
from keras import ops

from experiments.resumable import Results
from keras_randproj import PRPDense
from keras_randproj.demo import datasets
from keras_randproj.demo import tutorial


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
        "trainable": numbers(model),
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


def main():
    results = Results("architectures", epochs=EPOCHS, learning_rate=RATE)
    ask(results, "table", TABLE, tumours, 30 if not tutorial.FAST else 1, 32)
    graphs(results)
    ask(results, "rnn", RNN, lambda seed: digits(), 3 * EPOCHS, 64)
    ask(results, "cnn", CNN, lambda seed: digits(), 2 * EPOCHS, 64)


if __name__ == "__main__":
    main()
