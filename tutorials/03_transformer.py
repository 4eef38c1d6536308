# ---
# title: Transformers around fixed matrices
# author: The keras_randproj authors
# date: 2026/11/26
# description: A model that writes characters, with random matrices inside.
# ---

# %% [markdown]
# You will train a small transformer that guesses the next character of a text,
# first with trained matrices, then with random ones, and let it write. It takes
# two minutes on a CPU and downloads nothing: the text is the language reference
# that every Python has for `help()`.
#
# ## The text

# %%
import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # Or "torch", "tensorflow".

import pydoc_data.topics

import keras
import numpy as np

from keras_randproj import PRPTransformerBlock
from keras_randproj import report

text = "".join(pydoc_data.topics.topics.values())
text = "".join(c for c in text if c.isascii()).lower()
characters = sorted(set(text))
tokens = np.array([characters.index(c) for c in text], "int32")
print(f"{len(tokens):,} characters, {len(characters)} different ones")

# %% [markdown]
# A window is 48 characters, and its answer the same, one character further. The
# last tenth of the text is held out.

# %%
LENGTH, WIDTH = 48, 64


def windows(part, count):
    starts = np.random.default_rng(0).integers(0, len(part) - LENGTH, count)
    rows = part[starts[:, None] + np.arange(LENGTH + 1)]
    return rows[:, :-1], rows[:, 1:]


cut = len(tokens) * 9 // 10
train_set = windows(tokens[:cut], 16 * 500)
held_out = windows(tokens[cut:], 500)

# %% [markdown]
# ## The model
#
# An embedding, a pattern that tells places apart, two blocks that look back but
# not ahead (`causal=True`), and a head. What the blocks are made of is an
# argument.

# %%
places = np.random.default_rng(1).normal(0, 0.3, (LENGTH, WIDTH))


def language_model(**block):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((LENGTH,), dtype="int32")
    x = keras.layers.Embedding(len(characters), WIDTH)(inputs)
    x = x + places.astype("float32")
    for seed in (1, 2):
        x = PRPTransformerBlock(
            4, 4 * WIDTH, causal=True, projection_seed=seed, **block
        )(x)
    x = keras.layers.LayerNormalization()(x)
    return keras.Model(inputs, keras.layers.Dense(len(characters))(x))


def train(model):
    """Trains in place and prints the loss of the held-out text."""
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, 500)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss)
    model.fit(*train_set, 16, verbose=0)
    found = model.evaluate(*held_out, 100, verbose=0)
    total = report.summary(model)[-1]
    print(f"loss {found:.2f} with {total.trainable:,} trainable parameters")
    return model


# %% [markdown]
# Before training, each character is as likely as another.

# %%
print(f"guessing: {np.log(len(characters)):.2f}")
dense = train(language_model(attention="dense", feed_forward="dense"))

# %% [markdown]
# ## Random attention
#
# The four matrices of each attention now follow from a seed. Three Hadamard
# matrices behind each other take no memory at all; `lr_multiplier=30` lets
# their vectors learn faster than the rest.

# %%
options = {"projection": "hadamard", "depth": 3, "lr_multiplier": 30.0}
attention = train(
    language_model(
        attention="prp", feed_forward="dense", attention_options=options
    )
)

# %% [markdown]
# ## Everything random
#
# The same for the feed-forward parts. What is trained beside vectors are the
# embedding, the norms and the head.

# %%
everything = train(
    language_model(
        attention="prp",
        feed_forward="prp",
        attention_options=options,
        feed_forward_options=options,
    )
)

# %% [markdown]
# **Notice** where the parameters are: attention has a third of those of a
# block, and the feed-forward part the rest. So the second step saves most.
# After only 500 steps of training it costs little more than the first.
#
# ## Let it write
#
# The model gives a logit for each character; one is drawn, appended, and the
# window moves on. (The [attention page](../api/attention.md) shows how to keep
# keys and values, so that a character costs one step and not a whole window.)


# %%
def write(model, prompt, count):
    rng = np.random.default_rng(0)
    found = [characters.index(c) for c in prompt]
    for _ in range(count):
        window = np.zeros((1, LENGTH), "int32")
        recent = found[-LENGTH:]
        window[0, : len(recent)] = recent
        logits = model.predict_on_batch(window)[0, len(recent) - 1]
        odds = np.exp((logits - logits.max()) / 0.6)
        found.append(int(rng.choice(len(odds), p=odds / odds.sum())))
    return "".join(characters[c] for c in found)


print(write(attention, "the class ", 120))

# %% [markdown]
# 500 steps are enough to learn how long words are and what they are made of,
# and not enough to spell them.
#
# ## On Shakespeare
#
# Four blocks of width 128, 2,000 steps, with nanoGPT's settings, by
# `python experiments/character_gpt.py` (a download of 1 MB, hours on a CPU):
#
# <!-- [[[cog
# rows = Results("experiments/character_gpt").rows.query("question == 'loss'")
# by = rows.groupby("variant", sort=False)
# found = by[["trainable", "attention", "file_bytes"]].first()
# found = found.join(by.loss.agg(loss=spread(3), seeds="size")).reset_index()
# table(found, {
#     "4 blocks, width 128": "{variant}",
#     "held-out loss": "{loss}",
#     "seeds": "{seeds}",
#     "trainable parameters": "{trainable:,}",
#     "of attention": "{attention:,}",
#     "file, bytes": "{file_bytes:,}",
# })
# ]]] -->
# <!-- [[[end]]] -->
#
# * **Random attention works.** With three Hadamard matrices in place of each of
#   its four, attention trains a twenty-fifth of the parameters, holds no matrix
#   in memory, and the loss rises by 0.03.
# * **Everything random works too**: an eleventh of all parameters, for 0.15.
# * **EUGen feed-forwards** ([Efficient, Unified and General dense
#   layers](https://arxiv.org/abs/2410.09771)) in two of four blocks cost 0.02.
#   In three of four they save 40 % of all parameters, and cost 0.04 to 0.06.
# * **Speed** is on the [results page](../results.md#transformers). At this
#   width Hadamard matrices are many small operations: a step takes up to three
#   times as long on PyTorch, and 1.1 to 1.7 times as long on JAX.
#
# A file of 808,650 bytes, trained on PyTorch, wrote this on JAX:
#
# ```text
# Tho me we horrant, my to godd, is and the least with in to helt,
# Wih queears and to feens.
# ```
#
# ## Exercises
#
# 1. Make attention random in one of the two blocks only. Which one?
# 2. Train for 2,000 steps. Does the distance to the dense model grow or shrink?
# 3. Save `everything` and open the file on another backend. Does it write the
#    same text?
