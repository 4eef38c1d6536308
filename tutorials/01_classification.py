# ---
# title: Classify images with a random matrix
# author: The keras_randproj authors
# date: 2026/11/26
# description: From a Dense network to one with random matrices, in steps.
# ---

# %% [markdown]
# You will replace the layers of a small classifier one step at a time, and
# see after each what it costs in accuracy and what it saves in parameters.
# It takes a few minutes on a CPU and downloads nothing: the images come with
# scikit-learn.
#
# ## The data
#
# 1,437 images of handwritten digits to train on, 360 to test, each of 8 x 8
# pixels between 0 and 1.

# %%
import math
import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # Or "torch", "tensorflow".

import keras
from matplotlib.figure import Figure

from keras_randproj import PRPDense
from keras_randproj.demo import datasets
from keras_randproj.demo import tutorial

(x_train, y_train), (x_test, y_test) = datasets.load("digits")
print(x_train.shape, x_test.shape, x_train.max())

# %% [markdown]
# ## A Dense network first
#
# Two hidden layers of 512 and 256 units. `accuracy_of` trains any list of
# layers in the same way, so that the layers are all that differs.


# %%
def accuracy_of(*layers, epochs=15, rate=5e-3):
    """Test accuracy and number of trainable parameters of a network."""
    model = keras.Sequential([keras.Input((64,)), *layers])
    schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * 45)
    model.compile(
        keras.optimizers.Adam(schedule),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x_train, y_train, 32, epochs, verbose=0)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    trainable = sum(math.prod(w.shape) for w in model.trainable_weights)
    return accuracy, trainable


# %%
Dense = keras.layers.Dense
keras.utils.set_random_seed(0)
found = {
    "Dense": accuracy_of(Dense(512, "relu"), Dense(256, "relu"), Dense(10))
}
print("Dense: {:.1%} with {:,} parameters".format(*found["Dense"]))

# %% [markdown]
# ## The same with random matrices
#
# `PRPDense` takes the place of `Dense`. Each layer has a random matrix, which
# follows from its seed, and trains a factor for each input, and a factor and
# a bias for each unit.

# %%
found["gaussian"] = accuracy_of(
    PRPDense(512, "relu", seed=1),
    PRPDense(256, "relu", seed=2),
    PRPDense(10, seed=3),
)
print("PRP: {:.1%} with {:,} parameters".format(*found["gaussian"]))

# %% [markdown]
# **Notice** how many parameters are gone, and that the network learns all the
# same: random directions carry most of what the next layer needs, and the
# trained factors choose among them. What is missing is what a trained matrix
# would have added.
#
# ## More matrices in each layer
#
# `depth=k` puts k random matrices behind each other in one layer, with trained
# factors between them. With the Hadamard matrix each takes O(d log d) time and
# no memory, so that depth is cheap.

# %%
for depth in (1, 2, 3, 5):
    options = {"projection": "hadamard", "depth": depth}
    name = f"hadamard, depth {depth}"
    found[name] = accuracy_of(
        PRPDense(512, "relu", seed=1, **options),
        PRPDense(256, "relu", seed=2, **options),
        PRPDense(10, seed=3, **options),
    )
    print("{}: {:.1%} with {:,} parameters".format(name, *found[name]))

# %% [markdown]
# **Notice** that the second and third matrix help most. On 360 test images one
# image is 0.3 %, so that smaller differences say nothing.
#
# ## A Dense layer where it counts
#
# A last layer of ten units has few parameters in any form. A `Dense` one there
# is worth its cost, and so is a learned low-rank path beside a random matrix:
# `residual_rank=4` adds a product of rank 4.

# %%
options = {"projection": "hadamard", "depth": 3, "residual_rank": 4}
found["rank 4, Dense head"] = accuracy_of(
    PRPDense(512, "relu", seed=1, **options),
    PRPDense(256, "relu", seed=2, **options),
    Dense(10),
)
print("{:.1%} with {:,} parameters".format(*found["rank 4, Dense head"]))

# %% [markdown]
# ## The picture

# %%
figure = Figure(figsize=(5.4, 4), layout="constrained")
axes = figure.add_subplot()
for name, (accuracy, trainable) in found.items():
    colour = "#80868f" if name == "Dense" else "#3949ab"
    axes.plot(trainable, 100 * accuracy, "o", color=colour)
    axes.annotate(
        name,
        (trainable, 100 * accuracy),
        (6, 6 if name == "gaussian" else -12),
        textcoords="offset points",
        fontsize=9,
    )
axes.margins(y=0.15)
axes.set(
    xscale="log",
    xlim=(1.8e3, 1.2e6),
    xlabel="trainable parameters",
    ylabel="test accuracy, %",
)
figure.savefig(tutorial.picture("01_digits.png"), dpi=110)

# %% [markdown]
# ![Accuracy on the digits against parameters](../images/01_digits.png)
#
# ## The learning rate
#
# `accuracy_of` used 5e-3 for all networks. The factors are of order 1, where a
# dense kernel has entries of order `1/sqrt(inputs)`, and want steps about ten
# times as large; `PRPDense` scales them by `lr_multiplier=10`, so that one rate
# serves both. [Which learning rate?](../explain/learning_rates.md) shows how to
# find it, with this picture for MNIST:
#
# ![Loss against learning rate](../images/01_learning_rates.png)
#
# ## MNIST and Fashion-MNIST
#
# The same steps on 60,000 images of 28 x 28 pixels, several seeds each, by
# `python experiments/classification.py` (a download of 11 and 30 MB, hours on a
# CPU; a run that was stopped goes on where it was).
#
# ![Accuracy against trainable parameters on MNIST](../images/01_mnist.svg)
#
# ![The same on Fashion-MNIST](../images/01_fashion_mnist.svg)
#
# [All rows](../results.md#mnist-and-fashion-mnist) are on the results page. A
# network of low rank with as few parameters as PRP reaches 42 % on MNIST and is
# below the figure.
#
# ## Exercises
#
# 1. Replace only the first layer. How much of the saving is in it, and how much
#    of the loss?
# 2. Double the units of both hidden layers of the gaussian network. What does
#    it gain, and what does it add to the file?
# 3. Train the gaussian network with `lr_multiplier=1.0`, the form of the paper,
#    at the same rate, and at a rate of 5e-2.
