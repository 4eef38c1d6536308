# ---
# title: Convolutional networks
# author: The keras_randproj authors
# date: 2026/11/26
# description: Random matrices as the head and as the 1x1 layers of a CNN.
# ---

# %% [markdown]
# Convolutions of 3 x 3 pixels have few parameters. In a small network most are
# elsewhere: in the wide dense layer behind the last feature map, and in the
# layers that mix channels. You will find them, and replace them by random
# matrices one kind at a time. It takes two minutes on a CPU and downloads
# nothing.
#
# ## The data

# %%
import math
import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # Or "torch", "tensorflow".

import keras

from keras_randproj import PRPDense
from keras_randproj.demo import datasets

(x_train, y_train), (x_test, y_test) = datasets.load("digits")
x_train, x_test = (x.reshape(-1, 8, 8, 1) for x in (x_train, x_test))
print(x_train.shape, x_test.shape)

# %% [markdown]
# ## A network, and where its parameters are
#
# `mix` makes a layer that mixes the channels of each pixel, `wide` the dense
# layer of the head. All else is the same in every network of this page.


# %%
def network(mix, wide):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            mix(64),
            layers.DepthwiseConv2D(3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            wide(256),
            layers.Dense(10),
        ]
    )


def conv(units):
    return keras.layers.Conv2D(units, 1, name="mix")


def dense(units):
    return keras.layers.Dense(units, "relu", name="wide")


def trainable(layer):
    return sum(math.prod(w.shape) for w in layer.trainable_weights)


for layer in network(conv, dense).layers:
    print(f"{layer.name:20} {trainable(layer):>8,}")

# %% [markdown]
# **Notice** that the wide layer has 98 % of all parameters.
#
# ## Train it


# %%
def accuracy_of(model):
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, 8 * 45)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])
    model.fit(x_train, y_train, 32, 8, verbose=0)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{accuracy:.1%} with {trainable(model):,} trainable parameters")


accuracy_of(network(conv, dense))

# %% [markdown]
# ## A random head
#
# Three Hadamard matrices behind each other, with trainable vectors between
# them, in the place of the wide layer's kernel.


# %%
def random_wide(units):
    return PRPDense(units, "relu", projection="hadamard", depth=3, seed=1)


accuracy_of(network(conv, random_wide))

# %% [markdown]
# ## Random mixing of channels
#
# A 1x1 convolution is a dense layer on the channels of each pixel. `PRPDense`
# takes inputs of any rank and works on their last axis, so that it can stand
# there as it is.


# %%
def random_mix(units):
    return PRPDense(units, projection="hadamard", depth=3, seed=2)


accuracy_of(network(random_mix, random_wide))

# %% [markdown]
# **Notice** that the second step saves little here, as there was little left to
# save: replace first what is large. The digits are too easy to show what
# random mixing costs; the next section does.
#
# ## CIFAR-10 and Tiny ImageNet
#
# A network with three layers that mix channels, trained for four epochs on
# 10,000 images, by `python experiments/convolutions.py` (a download of 162 MB,
# hours on a CPU):
#
# <!-- [[[cog
# again("docs/results.md", "accuracy on CIFAR-10")
# ]]] -->
# <!-- [[[end]]] -->
#
# **The head can be random.** The network then trains a fifth of the parameters
# and loses less than a point on CIFAR-10; on the 50 classes of Tiny ImageNet,
# with 200 images each, it is better than Dense.
#
# **Mixing channels at random costs more**: 2 to 5 points, for a thirteenth to a
# twentieth of the parameters. A learned path of rank 4 gets little of it back.
#
# ## Exercises
#
# 1. Give the random head `depth=1`. What does it save, and what does it cost?
# 2. Add `residual_rank=4` to both random layers.
# 3. Print `trainable(layer)` for a network that you use. Which layer would you
#    replace first?
