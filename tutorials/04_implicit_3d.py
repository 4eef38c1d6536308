# ---
# title: A scene in a small network
# author: The keras_randproj authors
# date: 2026/11/26
# description: A picture, then a scene, held by a network with random layers.
# ---

# %% [markdown]
# A network can be a picture: it takes the place of a pixel and answers with its
# brightness. You will store a photograph in such a network, with trained and
# with random matrices, and then replace a trained layer in closed form. It
# takes two minutes on a CPU and downloads nothing: the photograph comes with
# scikit-learn.
#
# ## The photograph

# %%
import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # Or "torch", "tensorflow".

import keras
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_sample_image

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import distill
from keras_randproj import report
from keras_randproj.demo import tutorial
from keras_randproj.transfer import to_eugen

grey = load_sample_image("china.jpg")[:384, 128:512].mean(-1) / 255
image = grey.reshape(64, 6, 64, 6).mean((1, 3))
steps = np.linspace(-1, 1, 64)
places = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1)
places = places.reshape(-1, 2).astype("float32")
pixels = image.reshape(-1, 1).astype("float32")
print(places.shape, pixels.shape)

# %% [markdown]
# ## A network of sines
#
# Between the layers stand sines, which follow fine detail better than ReLU. The
# first layer is fast and always trained; `hidden` makes the two in the middle.
# Functions of one's own are registered, so that Keras can copy and save the
# layers that use them.


# %%
@keras.saving.register_keras_serializable("tutorials")
def sine(x):
    return keras.ops.sin(x)


@keras.saving.register_keras_serializable("tutorials")
def fast_sine(x):
    return keras.ops.sin(30 * x)


def network(hidden):
    keras.utils.set_random_seed(0)
    first = keras.layers.Dense(
        128,
        fast_sine,
        kernel_initializer=keras.initializers.RandomUniform(-0.5, 0.5),
    )
    return keras.Sequential(
        [keras.Input((2,)), first, hidden(1), hidden(2), keras.layers.Dense(1)]
    )


def quality(model):
    """Peak signal-to-noise ratio in decibels: 6 more halve the error."""
    found = model.predict(places, 1024, verbose=0)
    return -10 * np.log10(np.mean((found - pixels) ** 2))


def train(model):
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, 60 * 16)
    model.compile(keras.optimizers.Adam(schedule), "mse")
    model.fit(places, pixels, 256, 60, verbose=0)
    total = report.summary(model)[-1]
    print(
        f"{quality(model):.1f} dB, {total.trainable:,} trainable parameters, "
        f"{total.file:,} bytes"
    )
    return model


# %% [markdown]
# ## Three kinds of hidden layer
#
# Trained matrices first:

# %%
spread = keras.initializers.VarianceScaling(2.0, "fan_in", "uniform")
models = {
    "Dense": train(
        network(
            lambda k: keras.layers.Dense(128, sine, kernel_initializer=spread)
        )
    )
}

# %% [markdown]
# Random matrices with trainable vectors around them:

# %%
options = {"projection": "hadamard", "scale_initializer": "ones", "depth": 3}
models["PRP"] = train(network(lambda k: PRPDense(128, sine, seed=k, **options)))

# %% [markdown]
# Random features under the sine, and a trained matrix that combines them:

# %%
models["EUGen"] = train(
    network(lambda k: EUGenDense(128, 32, 1, feature_activation=sine, seed=k))
)

# %%
figure = Figure(figsize=(6, 1.8), layout="constrained")
shown = {"photograph": image}
for name, model in models.items():
    shown[name] = model.predict(places, 1024, verbose=0).reshape(64, 64)
for k, (name, picture) in enumerate(shown.items()):
    axes = figure.add_subplot(1, 4, k + 1)
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes.set_title(name, fontsize=10)
    axes.axis("off")
figure.savefig(tutorial.picture("04_photograph.png"), dpi=110)

# %% [markdown]
# ![The photograph, and what each network holds](../images/04_photograph.png)
#
# **Notice** the bytes beside the decibels. The PRP network keeps the photograph
# recognizable in an eighteenth of the bytes, at a lower quality than Dense; the
# EUGen network lies between them in bytes, but not in quality.
#
# ## Replace a trained layer in closed form
#
# `distill` fits random features to what a trained layer computes, by least
# squares. It needs places and no pixels.

# %%
layer = models["Dense"].layers[1]
rule = to_eugen(num_features=64, order=1, feature_activation=sine, seed=7)
student, _ = distill(models["Dense"], places, {layer.name: rule}, verbose=0)
print(f"trained {quality(models['Dense']):.1f} dB")
print(f"distilled {quality(student):.1f} dB")

# %% [markdown]
# **Notice** that this fails here. What the layer computes has fine detail, and
# 64 random features are too few to follow it. Training afterwards recovers a
# part, as the next section shows.
#
# ## A scene in three dimensions
#
# A neural radiance field is a network from a point in space to its colour and
# density; a picture is what its rays gather on their way. By
# `python experiments/implicit_scene.py` (no download, half an hour on a CPU)
# the last three of four hidden layers are replaced, in a scene of spheres and a
# box whose true pictures are known:
#
# <!-- [[[cog
# again("docs/results.md", "layers 2 to 4")
# ]]] -->
# <!-- [[[end]]] -->
#
# ![A view that was held out, by each network](../images/04_scene.png)
#
# Above: the scene, Dense, EUGen, low rank. Below: Dense distilled to EUGens,
# and trained on; Dense cut by SVD, and trained on.
#
# * Trained from scratch, three EUGens cost 0.6 dB and have the smallest file.
#   Plain low-rank layers with as many trainable parameters are better here, and
#   need fewer products.
# * The closed form alone is not enough: three replaced layers in a row add up
#   to a blurred scene, and an SVD of the same matrices keeps far more. Trained
#   on, both recover, the SVD almost fully.
#
# The EUGen paper finds EUGens ahead of low-rank layers, in wider networks and
# with trained matrices; this page does not show that.
#
# ## Exercises
#
# 1. Train the distilled network for five epochs. Where does it end?
# 2. Double `num_features`. What happens to the quality, and to the bytes?
# 3. Give the PRP network `residual_rank=4`. Is it worth its bytes?
