# ---
# title: An autoencoder that decodes with the encoder's matrix
# author: The keras_randproj authors
# date: 2026/11/26
# description: One random matrix to encode, and its transpose to decode.
# ---

# %% [markdown]
# An autoencoder squeezes an image through a few features and restores it. You
# will build one of PRP layers, in which encoder and decoder share their random
# matrices, see what that buys, and look at what it restores. It takes two
# minutes on a CPU and downloads nothing.
#
# ## The data, and an error to beat
#
# Images of handwritten digits, 8 x 8 pixels between 0 and 1. The error of an
# autoencoder is the mean squared difference of a pixel. A model that always
# answers with the mean image has learned nothing: its error is the one to beat.

# %%
import math
import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # Or "torch", "tensorflow".

import keras
import numpy as np
from matplotlib.figure import Figure

from keras_randproj import PRPDense
from keras_randproj import report
from keras_randproj.demo import datasets
from keras_randproj.demo import tutorial

(x_train, _), (x_test, _) = datasets.load("digits")
error = np.mean((x_test - x_train.mean(0)) ** 2)
print(f"the mean image: {error:.4f}")

# %% [markdown]
# ## A Dense autoencoder first
#
# 64 pixels, 128 features, a code of 16 numbers, and back. `train` is the same
# for all models, so that their layers are all that differs.


# %%
def train(model, rate):
    """Trains in place, prints the error, and gives restored test images."""
    schedule = keras.optimizers.schedules.CosineDecay(rate, 60 * 45)
    model.compile(keras.optimizers.Adam(schedule), "mse")
    model.fit(x_train, x_train, 32, 60, verbose=0)
    error = model.evaluate(x_test, x_test, verbose=0)
    trainable = sum(math.prod(w.shape) for w in model.trainable_weights)
    print(f"error {error:.4f} with {trainable:,} trainable parameters")
    return model.predict(x_test[:8], verbose=0)


keras.utils.set_random_seed(0)
Dense = keras.layers.Dense
layers = [Dense(128, "relu"), Dense(16, "relu"), Dense(128, "relu")]
dense = keras.Sequential(
    [keras.Input((64,)), *layers, Dense(64, activation="sigmoid")]
)
restored = {"test images": x_test[:8], "Dense": train(dense, 1e-3)}

# %% [markdown]
# ## A decoder that transposes
#
# `encoder.transposed()` is a layer that multiplies by the transpose of the
# encoder's random matrix. It has trainable vectors of its own, and no matrix
# of its own. The encoder must be built before, so that its matrix is known.

# %%
inputs = keras.Input((64,))
first = PRPDense(128, "relu", projection="orthogonal", seed=1)
second = PRPDense(16, "relu", projection="orthogonal", seed=2)
code = second(first(inputs))
wide = second.transposed("relu")(code)
outputs = first.transposed("sigmoid")(wide)
tied = keras.Model(inputs, outputs)
restored["PRP, transposed"] = train(tied, 5e-3)

# %% [markdown]
# ## The same with matrices of its own
#
# Now each layer of the decoder has another seed, and so another matrix. The
# number of trainable parameters is the same.

# %%
orthogonal = {"projection": "orthogonal"}
untied = keras.Sequential(
    [
        keras.Input((64,)),
        PRPDense(128, "relu", seed=1, **orthogonal),
        PRPDense(16, "relu", seed=2, **orthogonal),
        PRPDense(128, "relu", seed=3, **orthogonal),
        PRPDense(64, "sigmoid", seed=4, **orthogonal),
    ]
)
restored["PRP, four seeds"] = train(untied, 5e-3)

# %% [markdown]
# **Notice** that the transposed decoder has the smaller error, although it
# trains no parameter more. What a random matrix mixes, its transpose unmixes:
# for orthogonal columns, exactly. A matrix of another seed mixes once more.
#
# ## Look at what is restored

# %%
figure = Figure(figsize=(5.4, 3.2), layout="constrained")
for row, (name, images) in enumerate(restored.items()):
    axes = figure.add_subplot(len(restored), 1, row + 1)
    strip = images.reshape(-1, 8, 8).transpose(1, 0, 2).reshape(8, -1)
    axes.imshow(strip, cmap="gray", vmin=0, vmax=1)
    axes.set_title(name, fontsize=9, loc="left")
    axes.axis("off")
figure.savefig(tutorial.picture("02_digits.png"), dpi=110)

# %% [markdown]
# ![Eight test images, and what each model restores](../images/02_digits.png)
#
# ## One matrix, not two
#
# Encoder and decoder hold one matrix together, and its digest is the same in
# both. In memory that counts, as an orthogonal matrix is held there:

# %%
print(tied.layers[-1].projection.digest() == first.projection.digest())
for name, model in {"transposed": tied, "four seeds": untied}.items():
    print(f"{name}: {report.summary(model)[-1].memory:,} bytes in memory")

# %% [markdown]
# ## On MNIST
#
# The same models with 784-768-128-768-784 features, by
# `python experiments/autoencoder.py` (a download of 41 MB, some minutes):
#
# <!-- [[[cog
# again("docs/results.md", "784-768-128-768-784")
# ]]] -->
# <!-- [[[end]]] -->
#
# ![Test images of MNIST, restored](../images/02_reconstructions.png)
#
# The codes, seen along their two main directions, one colour a digit:
#
# ![Codes of test images, by three models](../images/02_codes.png)
#
# The transposed decoder's error is a fifth lower than that of separate
# matrices. Dense, with 191 times as many parameters, is far better than all.
#
# ## Where it fails: removing noise
#
# The models get images of Fashion-MNIST with normal noise, and are trained to
# return the clean ones.
#
# <!-- [[[cog
# run = Results("experiments/autoencoder")
# rows = run.rows[run.rows.question == "denoising"]
# table(rows.assign(fewer=rows.trainable.max() / rows.trainable), {
#     "784-768-128-768-784": "{model}",
#     "trainable parameters": "{trainable:,}",
#     "fewer": "{fewer:.1f}x",
#     "error": "{error:.4f}",
# })
# ]]] -->
# <!-- [[[end]]] -->
#
# ![Clothes, noisy and restored](../images/02_denoising.png)
#
# **Notice** that the PRP model's answer is further from the clean image than
# the noisy image is. With so few parameters it cannot tell clothes from noise.
#
# ## Exercises
#
# 1. Give both encoders `depth=3` and `projection="hadamard"`. Does the
#    transposed decoder keep its lead?
# 2. Make the code 32 numbers wide instead of 16. What do the errors become?
# 3. Train the untied model for twice as long. Does it catch up?
