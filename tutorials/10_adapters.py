# ---
# title: Adapters in kilobytes
# author: The keras_randproj authors
# date: 2026/11/26
# description: Fine-tune one trained network for four kinds of images at once.
# ---

# %% [markdown]
# You will train a network, fine-tune it for four other kinds of images by a few
# vectors each, and serve all of them from the one network, in one batch. It
# takes a minute on a CPU and downloads nothing. Writing the files needs an
# extra: `pip install 'keras-randproj[adapters]'`.
#
# ## A trained network
#
# Digits of 8 x 8 pixels. Model and layers have names of their own: an adapter's
# file finds them by these.

# %%
import os
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")  # Or "torch", "tensorflow".

import keras
import numpy as np

from keras_randproj import adapters
from keras_randproj.demo import datasets

(x_train, y_train), (x_test, y_test) = datasets.load("digits")


def compiled(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
    return model


def network(seed):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(256, "relu", name="hidden_1"),
            keras.layers.Dense(256, "relu", name="hidden_2"),
            keras.layers.Dense(10, name="head"),
        ],
        name="digits",
    )
    compiled(model).fit(x_train, y_train, 32, 10, verbose=0)
    return model


base = network(seed=1)
print(f"{base.count_params():,} parameters")
print(f"{base.evaluate(x_test, y_test, verbose=0)[1]:.1%} of digits")

# %% [markdown]
# ## Four kinds of images that it does not know

# %%
KINDS = {
    "mirrored": lambda images: images[:, :, ::-1],
    "turned": lambda images: images.transpose(0, 2, 1)[:, ::-1],
    "negative": lambda images: images.max() - images,
    "shifted": lambda images: np.roll(images, 2, axis=2),
}


def changed(x, kind):
    images = KINDS[kind](x.reshape(-1, 8, 8))
    return np.ascontiguousarray(images.reshape(-1, 64))


for kind in KINDS:
    score = base.evaluate(changed(x_test, kind), y_test, verbose=0)[1]
    print(f"{kind}: {score:.1%}")

# %% [markdown]
# ## An adapter for each
#
# `attach` freezes the network and puts forms around its layers.
# `SeededUpdate` learns one vector, here of 1,000 numbers, and spreads it over
# low-rank updates of all layers by a map that a seed gives. `Modulation` learns
# a factor for each input and output, and shifts.

# %%
form = adapters.SeededUpdate(size=1000, rank=4, seed=7)
rules = {"hidden_*": form, "head": adapters.Modulation()}
folder = tempfile.mkdtemp()
paths = {kind: os.path.join(folder, f"{kind}.safetensors") for kind in KINDS}
for kind, path in paths.items():
    adapters.attach(base, rules)
    compiled(base).fit(changed(x_train, kind), y_train, 32, 10, verbose=0)
    score = base.evaluate(changed(x_test, kind), y_test, verbose=0)[1]
    adapters.save(base, path, dtype="int8")
    adapters.detach(base)  # The network as it was, bit for bit.
    print(f"{kind}: {score:.1%} in {os.path.getsize(path):,} bytes")

# %% [markdown]
# **Notice** the size of the files: the network's weights are 340 KB. A file
# holds integers of eight bits for what was learned, and seeds for the rest.
#
# ## The wrong network
#
# A file names the weights that it was trained around by digests. Another
# network with layers of the same names and sizes gets no adapter, and no wrong
# answers:

# %%
other = network(seed=2)
try:
    adapters.load(other, paths["mirrored"])
except ValueError as error:
    print(error)

# %% [markdown]
# ## All of them in one batch
#
# A bank holds many adapters around one network. Each row of a batch names its
# own; `None` is the network itself.

# %%
bank = adapters.AdapterBank(base, paths, capacity=100)
names = [*KINDS, None]
images = [changed(x_test, kind) if kind else x_test for kind in names]
batch = np.concatenate(images)
rows = [name for name in names for _ in y_test]
found = keras.ops.convert_to_numpy(bank(batch, rows)).argmax(1)
for name, part in zip(names, np.split(found, len(names)), strict=True):
    print(f"{name}: {np.mean(part == y_test):.1%}")

# %% [markdown]
# `bank.add` and `bank.remove` change who is there, without a new program.
#
# ## Without the bank
#
# Where one adapter is all that is needed, it can be folded into the kernels:

# %%
adapters.detach(base)
adapters.load(base, paths["turned"])
adapters.merge(base)
score = compiled(base).evaluate(changed(x_test, "turned"), y_test, verbose=0)[1]
print(f"{score:.1%}", [type(layer).__name__ for layer in base.layers])

# %% [markdown]
# ## A language model, and PEFT
#
# MiniLM, which makes vectors of sentences, learns whether a movie review, an
# editorial, a product review or a tweet is positive. `python -m
# experiments.adapters --cache FOLDER` trains all methods with five seeds, on a
# GPU in minutes:
#
# <!-- [[[cog
# again("docs/api/adapters.md", "trainable parameters")
# ]]] -->
# <!-- [[[end]]] -->
#
# **No adapter gets all of it.** The best reach 80 % of what training all
# weights gains; the [reference](../api/adapters.md#how-good-it-is) compares
# them with PEFT's at the size of each one's file.
#
# ## Exercises
#
# 1. Save the adapters as float32. How much larger are the files?
# 2. Learn 200 numbers in the place of 1,000, or 5,000. What does it change?
# 3. Change one byte of a file and load it.
