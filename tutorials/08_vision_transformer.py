# ---
# title: A vision transformer with fewer matrices
# author: The keras_randproj authors
# date: 2026/11/26
# description: A small ViT with random attention and EUGen feed-forwards.
# ---

# %% [markdown]
# A transformer block has two parts: attention, with four matrices, and a
# feed-forward part, with two. `PRPTransformerBlock` lets you choose for each
# whether its matrices are trained or random. You will build a small vision
# transformer, replace one part after the other, and see what is trained and
# what is in memory. It takes two minutes on a CPU and downloads nothing.
#
# ## The data

# %%
import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # Or "torch", "tensorflow".

import keras
import numpy as np

from keras_randproj import PRPTransformerBlock
from keras_randproj import report
from keras_randproj.demo import datasets

(x_train, y_train), (x_test, y_test) = datasets.load("digits")
x_train, x_test = (x.reshape(-1, 8, 8, 1) for x in (x_train, x_test))
print(x_train.shape, x_test.shape)

# %% [markdown]
# ## Images as sentences
#
# A convolution with a step of 2 cuts an image of 8 x 8 pixels into 16 patches
# and turns each into 64 features. A fixed pattern is added that tells the
# patches' places apart; blocks follow, the mean over all patches, and a head.

# %%
WIDTH = 64
places = np.random.default_rng(0).normal(0, 0.5, (16, WIDTH))


def vit(**block):
    """A vision transformer of two blocks."""
    keras.utils.set_random_seed(0)
    images = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(WIDTH, 2, strides=2)(images)
    x = keras.layers.Reshape((16, WIDTH))(x) + places.astype("float32")
    for seed in (1, 2):
        x = PRPTransformerBlock(4, projection_seed=seed, **block)(x)
    x = keras.layers.LayerNormalization()(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(images, keras.layers.Dense(10)(x))


# %% [markdown]
# ## Trained matrices first


# %%
def train(model):
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, 15 * 45)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(schedule), loss, metrics=["accuracy"])
    model.fit(x_train, y_train, 32, 15, verbose=0)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    total = report.summary(model)[-1]
    print(f"{accuracy:.1%} with {total.trainable:,} trainable parameters")
    return model


wide = {"intermediate_dim": 4 * WIDTH}
dense = train(vit(attention="dense", feed_forward="dense", **wide))

# %% [markdown]
# ## Attention with random matrices
#
# The matrices of queries, keys, values and outputs now follow from the block's
# seed. Their vectors want larger steps than the rest of the network:
# `lr_multiplier` scales them, here by 30.

# %%
random = {"projection": "orthogonal", "lr_multiplier": 30.0}
prp = train(
    vit(
        attention="prp",
        feed_forward="dense",
        attention_options=random,
        **wide,
    )
)

# %% [markdown]
# **Notice** that attention hardly misses its trained matrices. Most parameters
# that are left are in the feed-forward parts.
#
# ## A feed-forward part with random features
#
# A EUGen layer computes random features of its input, and trains only what
# combines them. 64 features take the place of 256 hidden units.

# %%
eugen = train(vit(attention="dense", feed_forward="eugen", intermediate_dim=64))

# %% [markdown]
# ## What is in memory?
#
# A random matrix is not trained and not in the file, but an orthogonal one is
# held in memory. `report.summary` has bytes for all three.

# %%
for name, model in {"Dense": dense, "PRP": prp, "EUGen": eugen}.items():
    total = report.summary(model)[-1]
    trained = 4 * total.trainable
    print(
        f"{name}: {trained:,} bytes trained, {total.file:,} in the file, "
        f"{total.memory:,} in memory"
    )

# %% [markdown]
# ## On CIFAR-10
#
# Six blocks on patches of 4 x 4 pixels, two passes over the training images, by
# `python experiments/vision_transformer.py` (a download of 162 MB, hours on a
# CPU):
#
# <!-- [[[cog
# again("docs/results.md", "6 layers, width 64")
# ]]] -->
# <!-- [[[end]]] -->
#
# Two passes are far from where a longer training would end, and enough to see
# that the parts hold. Attention with random matrices is level with Dense with a
# third fewer trainable parameters; its matrices are in memory ("inference
# reads" counts them), though not in the file. EUGens in every second block cost
# less than a point. The Hadamard variant was not trained: at this width its
# many small operations make it less than half as fast as Dense.
#
# ## Exercises
#
# 1. Use `projection="hadamard", depth=3` in attention. What happens to the
#    accuracy, and to the time of a step?
# 2. Combine random attention and EUGen feed-forwards in one model.
# 3. Leave `lr_multiplier` at its default of 10. What do you lose?
