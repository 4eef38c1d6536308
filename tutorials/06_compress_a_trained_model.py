# ---
# title: Compressing a trained model
# author: The keras_randproj authors
# date: 2026/11/26
# description: A layer of a trained classifier in closed form, without labels.
# ---

# %% [markdown]
# You have a trained model and want it smaller. You will put random features in
# the place of one of its layers, fit them to what the layer computed, and fold
# the next layer into the result: no labels, no backpropagation, seconds. It
# takes a minute on a CPU and downloads nothing.
#
# ## A trained model

# %%
import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # Or "torch", "tensorflow".

import keras
import numpy as np

from keras_randproj import distill
from keras_randproj import merge
from keras_randproj.demo import datasets
from keras_randproj.transfer import to_eugen

(x_train, y_train), (x_test, y_test) = datasets.load("digits")
keras.utils.set_random_seed(0)
teacher = keras.Sequential(
    [
        keras.Input((64,)),
        keras.layers.Dense(256, "relu", name="hidden_1"),
        keras.layers.Dense(256, "relu", name="hidden_2"),
        keras.layers.Dense(10, name="head"),
    ]
)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
teacher.compile("adam", loss)
teacher.fit(x_train, y_train, 32, 15, verbose=0)


def accuracy(model):
    logits = model.predict(x_test, verbose=0)
    return np.mean(logits.argmax(-1) == y_test)


print(f"teacher: {accuracy(teacher):.1%}")

# %% [markdown]
# ## Fit random features to a layer
#
# An `EUGenDense` computes random features of its input, products of up to
# `order` random projections, and a trained linear head on them. `distill`
# builds the same model with `hidden_2` replaced by one, and finds the head by
# least squares on what the teacher computes. The images are all it needs.

# %%
student, reports = distill(
    teacher,
    x_train,
    {"hidden_2": to_eugen(num_features=64, order=2, seed=7)},
    verbose=0,
)
print(reports[0])
print(f"student: {accuracy(student):.1%}")

# %% [markdown]
# **Notice** the rivals in the report. A matrix of low rank with as many stored
# numbers has a smaller error, as it knows the trained kernel. The student is no
# gain yet: its head still has 256 outputs.
#
# ## Fold the next layer in
#
# The layer after the random features is linear, and so is their head: `merge`
# multiplies the two. What is left maps 128 features to 10 classes.

# %%
first, eugen, head = student.layers
merged = keras.Sequential([keras.Input((64,)), first, merge(eugen, head)])


def parameters(layers):
    return sum(
        int(np.prod(w.shape)) for k in layers for w in k.trainable_weights
    )


print(f"teacher's last two layers: {parameters(teacher.layers[1:]):,}")
print(f"merged: {parameters(merged.layers[1:]):,}, {accuracy(merged):.1%}")

# %% [markdown]
# **Notice** that the accuracy did not change: merging is exact. 1,290
# parameters and a seed stand for the two layers.
#
# ## The rival
#
# Cut the kernel to the best matrix of a given rank, by a singular value
# decomposition. It keeps the layer's activation, so that nothing can be merged.

# %%
kernel, bias = teacher.get_layer("hidden_2").get_weights()
u, s, v = np.linalg.svd(kernel, full_matrices=False)
for rank in (2, 4, 8, 16):
    cut = keras.models.clone_model(teacher)
    cut.set_weights(teacher.get_weights())
    low_rank = (u[:, :rank] * s[:rank]) @ v[:rank]
    cut.get_layer("hidden_2").set_weights([low_rank, bias])
    stored = rank * sum(kernel.shape) + len(bias) + parameters([head])
    print(f"rank {rank}: {accuracy(cut):.1%} with {stored:,} parameters")

# %% [markdown]
# **Notice** who wins where. In stored parameters the merged layer is several
# times smaller than a matrix of low rank of the same accuracy. In memory and
# in multiplications it is not, as its two random matrices have 257 x 64
# entries: the seed saves bytes, not work.
#
# ## On MNIST
#
# The same for a classifier of MNIST, by
# `python experiments/compress_a_trained_model.py` (a download of 11 MB, some
# minutes). Bytes are those that a file holds of the second hidden layer and the
# last one.
#
# <!-- [[[cog
# again("docs/results.md", "hidden_2 and head")
# ]]] -->
# <!-- [[[end]]] -->
#
# `convert` replaces layers inside a model of keras-hub as well. Trainable
# parameters of a small BERT whose feed-forward layers are replaced by
# `PRPDense`, before any training:
#
# <!-- [[[cog
# rows = Results("experiments/compress_a_trained_model").rows
# table(rows.dropna(subset="trainable"), {
#     "model": "{model}",
#     "trainable parameters": "{trainable:,}",
# })
# ]]] -->
# <!-- [[[end]]] -->
#
# ## Exercises
#
# 1. How few features keep 97 %? Try 16, 32 and 128, and `order=1` and `3`.
# 2. Fit with 200 images instead of all. What do error and accuracy say?
# 3. Replace `hidden_1` instead. Why is that harder to make smaller?
