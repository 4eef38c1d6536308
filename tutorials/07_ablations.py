# ---
# title: Open questions, answered small
# author: The keras_randproj authors
# date: 2026/11/26
# description: What the papers left open, asked of small networks.
# ---

# %% [markdown]
# The papers behind this package end with questions. Does a learned low-rank
# path beside the random matrix help? How many layers can be replaced? What
# happens away from images? You will ask one of them yourself, in a way that you
# can reuse, and then read the answers to the others. It takes two minutes on a
# CPU and downloads nothing. Small answers can change at scale.
#
# ## How to ask
#
# A question is a set of networks that differ in one thing. Each is trained with
# several seeds, of its initial values and of its matrices, since one run can be
# lucky.

# %%
import math
import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # Or "torch", "tensorflow".

import keras
import numpy as np

from keras_randproj import PRPDense
from keras_randproj.demo import datasets

(x_train, y_train), (x_test, y_test) = datasets.load("digits")


def ask(networks, seeds=3, epochs=6):
    for name, layers in networks.items():
        found = []
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            model = keras.Sequential([keras.Input((64,)), *layers(seed)])
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.Adam(3e-3), loss)
            model.fit(x_train, y_train, 32, epochs, verbose=0)
            answers = model.predict(x_test, 360, verbose=0).argmax(-1)
            found.append(100 * np.mean(answers == y_test))
        size = sum(math.prod(w.shape) for w in model.trainable_weights)
        print(
            f"{name}: {np.mean(found):.1f} ± {np.std(found):.1f} % ({size:,})"
        )


# %% [markdown]
# ## Does a low-rank path help?
#
# `residual_rank=r` adds a learned matrix of rank r to the random one. Such a
# layer trains exactly as many parameters as a low-rank layer of rank r + 1.
# Which is the better use of them?


# %%
def prp(rank):
    options = {"residual_rank": rank}
    return lambda seed: [
        PRPDense(128, "relu", seed=2 * seed, **options),
        PRPDense(10, seed=2 * seed + 1, **options),
    ]


def low_rank(rank):
    return lambda seed: [
        keras.layers.Dense(rank, use_bias=False),
        keras.layers.Dense(128, "relu"),
        keras.layers.Dense(rank, use_bias=False),
        keras.layers.Dense(10),
    ]


for rank in (0, 4):
    ask(
        {
            f"PRP, rank {rank}": prp(rank),
            f"low rank {rank + 1}": low_rank(rank + 1),
        }
    )

# %% [markdown]
# **Notice** that PRP wins at equal parameters, and by the more the fewer there
# are. On MNIST, with 6,000 images and one hidden layer more:
#
# <!-- [[[cog
# mnist = Results("experiments/ablations")
# elsewhere = Results("experiments/architectures")
#
# def percent(values):
#     return spread(2)(100 * values)
#
# def answers(question, run=mnist, measure="accuracy", unit="accuracy, %"):
#     rows = run.rows[run.rows.question == question]
#     by = rows.groupby("variant", sort=False)
#     found = by[["trainable"]].first()
#     found["answer"] = by[measure].agg(percent)
#     table(found.reset_index(), {
#         "network": "{variant}",
#         "trainable parameters": "{trainable:,}",
#         unit: "{answer}",
#     })
#
# answers("residual")
# ]]] -->
# <!-- [[[end]]] -->
#
# ## Do structured matrices serve as well, and is depth worth it?
#
# <!-- [[[cog
# answers("depth")
# ]]] -->
# <!-- [[[end]]] -->
#
# **Yes, and yes.** One Hadamard matrix is about as good as the gaussian one of
# the table before ("PRP"). Two in a row gain far more than another family does,
# at less than twice the parameters, and a third gains two points more. Three
# gaussian matrices, which are held in memory, are no better.
#
# ## Does the distribution of the entries matter?
#
# <!-- [[[cog
# answers("families")
# ]]] -->
# <!-- [[[end]]] -->
#
# **Hardly.** Gaussian, signs, one entry in three, and orthogonal columns are
# within a point of each other. One entry in sixteen is too sparse for layers as
# narrow as these.
#
# ## How many layers can be EUGens?
#
# A network with four hidden layers is trained; then its last one, two, three or
# four are replaced in closed form, without labels and without training
# afterwards.
#
# <!-- [[[cog
# answers("share")
# ]]] -->
# <!-- [[[end]]] -->
#
# **Half of them, from the end.** Each further layer costs more than the one
# before. The first, which takes the pixels, costs most.
#
# ## Which activations can a EUGen replace?
#
# A EUGen without an inner activation is a polynomial of its input. "Error" is
# that of the best polynomial of degree 2 for the activation; the accuracies are
# those of a network with one hidden layer, trained and then distilled.
#
# <!-- [[[cog
# rows = mnist.rows[mnist.rows.question == "activation"]
# by = rows.groupby("variant", sort=False)
# table(
#     by[["polynomial_error"]].first().join(by.agg(
#         trained=("teacher_accuracy", percent),
#         distilled=("accuracy", percent),
#     )).reset_index(),
#     {
#         "activation": "{variant}",
#         "error, degree 2": "{polynomial_error:.3f}",
#         "trained, %": "{trained}",
#         "distilled, %": "{distilled}",
#     },
# )
# ]]] -->
# <!-- [[[end]]] -->
#
# **The activation hardly matters.** The polynomial's error for tanh is six
# times that for the sigmoid, and the distilled networks are still within a
# point of each other. The ten points that they lose are lost to having few
# random features of the pixels.
#
# ## What happens away from images?
#
# A graph of four communities with noisy features and few labels:
#
# <!-- [[[cog
# answers("graph", elsewhere)
# ]]] -->
# <!-- [[[end]]] -->
#
# **Not as it stands.** PRP is well below Dense and varies far more from graph
# to graph; a path of rank 4 does not make up for it.
#
# A recurrent network that reads an image row by row:
#
# <!-- [[[cog
# answers("rnn", elsewhere)
# ]]] -->
# <!-- [[[end]]] -->
#
# **Yes, with a path of rank 4.** It is then a point and a half below Dense,
# with a third of the parameters.
#
# A table, 30 measurements of 569 tumours:
#
# <!-- [[[cog
# answers("table", elsewhere)
# mnist.source("Mean and standard deviation over three seeds")
# elsewhere.source()
# ]]] -->
# <!-- [[[end]]] -->
#
# **No loss, and no hard test**: PRP is as good as Dense with a fifteenth of its
# parameters, but one linear layer is as good as both.
#
# Random attention has its answer in the [transformer
# tutorial](03_transformer.md), mixing channels at random in the
# [convolutional](09_convolutions.md) one. The scripts take hours on a CPU and
# 11 MB of MNIST; a run that was stopped goes on where it was.
#
# ## Exercises
#
# 1. Ask with 10 seeds. Which differences above were luck?
# 2. Ask about `lr_multiplier`: 1, 3, 10 and 30, with all else equal.
# 3. Ask about your own data: replace `datasets.load`.
