# ---
# title: Files that hold a seed
# author: The keras_randproj authors
# date: 2026/11/26
# description: What a file holds, how it is checked, and what clients send.
# ---

# %% [markdown]
# You will save a model, look inside its file, damage the file and see it
# refused, and let two clients train one model by sending each other a few
# kilobytes. It takes a minute on a CPU and downloads nothing.
#
# ## A model and its Dense twin

# %%
import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # Or "torch", "tensorflow".

import tempfile

import h5py
import keras
import numpy as np

from keras_randproj import PRPDense
from keras_randproj import files
from keras_randproj.demo import datasets

(x_train, y_train), (x_test, y_test) = datasets.load("digits")


def network(layer):
    model = keras.Sequential(
        [keras.Input((64,)), layer, keras.layers.Dense(10)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
    return model


def random_network():
    layer = PRPDense(512, "relu", projection="hadamard", depth=3, seed=7)
    return network(layer)


# %% [markdown]
# ## What a file holds
#
# `model.save` writes a `.keras` file, which is a zip archive. The weights in it
# are an HDF5 file, with a group for each layer.

# %%
folder = tempfile.mkdtemp()
path = os.path.join(folder, "weights.weights.h5")
model = random_network()
model.save_weights(path)
with h5py.File(path) as file:
    file["layers/prp_dense"].visititems(
        lambda name, item: print(name, getattr(item, "shape", ""))
    )

# %% [markdown]
# **Notice** that there is no matrix. `alpha`, `scale` and `bias` are what was
# trained; `projection` has the recipe of a matrix: kind, seed, shape, and the
# digest that the regenerated matrix must have.
#
# ## How many bytes?

# %%
for name, net in {
    "Dense": network(keras.layers.Dense(512, "relu")),
    "random": random_network(),
}.items():
    path = os.path.join(folder, f"{name}.keras")
    # Without the optimizer: what one would ship.
    keras.Sequential([keras.Input((64,)), *net.layers]).save(path)
    saved = os.path.getsize(path)
    print(f"{name}: {saved:,} bytes, {files.compact(path):,} compressed")

# %% [markdown]
# **Notice** that both networks are small, so that the container counts:
# `files.compact` compresses it, and Keras loads the result as it is. These
# networks are not trained yet, so that their vectors compress better than those
# of a trained one.
#
# ## Is the file whole?
#
# `verify` regenerates each matrix and compares digests, without building the
# model. `keras-randproj verify FILE` is the same in a shell.

# %%
for verdict in files.verify(path):
    print(verdict.text())

# %% [markdown]
# Now change one bit of one seed. The file says one matrix and has the digest of
# another:

# %%
broken = os.path.join(folder, "broken.weights.h5")
model.save_weights(broken)
with h5py.File(broken, "r+") as file:
    seed = file["layers/prp_dense/projection/vars/seed"]
    seed[()] = seed[()] ^ np.uint64(1)

print([verdict.ok for verdict in files.verify(broken)])
try:
    model.load_weights(broken)
except ValueError as error:
    said = str(error)
    print(said[said.index("Layer '") :][:160])

# %% [markdown]
# **Notice** that loading refuses the file, too, and says which layer it is.
# What no digest protects are the trained vectors: whoever can write the file
# can change them. [What does a file hold?](../files.md) has the whole list.
#
# ## Two clients and a server
#
# The matrices follow from seeds that all have, so only vectors need to travel.
# Each client trains on its half of the images, sends what it learned, and the
# server takes the mean.


# %%
def values(net):
    return [keras.ops.convert_to_numpy(w) for w in net.trainable_weights]


def assign(net, arrays):
    for weight, array in zip(net.trainable_weights, arrays, strict=True):
        weight.assign(array)


keras.utils.set_random_seed(0)
server, clients, sent = random_network(), [], 0
for _ in range(2):
    clients.append(random_network())
for turn in range(5):
    received = []
    for k, client in enumerate(clients):
        assign(client, values(server))
        client.fit(x_train[k::2], y_train[k::2], 32, 2, verbose=0)
        received.append(values(client))
        sent += 2 * sum(array.nbytes for array in received[-1])
    assign(server, [np.mean(v, 0) for v in zip(*received, strict=True)])
    _, accuracy = server.evaluate(x_test, y_test, verbose=0)
    print(f"round {turn + 1}: {accuracy:.1%}, {sent:,} bytes sent so far")

# %% [markdown]
# ## On MNIST, beside Dense
#
# The same with 60,000 images, by `python experiments/seed_only_files.py` (a
# download of 11 MB, some minutes).
#
# <!-- [[[cog
# again("docs/results.md", "hidden layer")
# ]]] -->
# <!-- [[[end]]] -->
#
# The file of one backend opens on the others. The largest difference of outputs
# after loading is rounding:
#
# <!-- [[[cog
# rows = Results("experiments/seed_only_files").rows
# table(rows.query("question == 'opened on'"), {
#     "opened on": "{model}",
#     "largest difference": "{largest_difference:.1e}",
# })
# ]]] -->
# <!-- [[[end]]] -->
#
# ## Exercises
#
# 1. Most of what the clients send is the `Dense` head. Replace it by a
#    `PRPDense`. What happens to the bytes, and to the accuracy?
# 2. Save the model on one backend and load it on another: set `KERAS_BACKEND`
#    in a second process.
# 3. Change one bit of `alpha` in the file. Does `verify` notice? Should it?
