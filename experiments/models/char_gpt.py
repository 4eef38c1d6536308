"""A character GPT of nanoGPT's shape around any stack of blocks."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("tutorials")
class CharGPT(keras.Model):
    """Token and position embeddings, blocks, a norm and the tied head.

    Args:
        vocabulary_size: Positive integer.
        length: Positive integer, the longest sequence.
        width: Positive integer, size of the features.
        blocks: List of `PRPTransformerBlock`, causal.
    """

    def __init__(self, vocabulary_size, length, width, blocks, **kwargs):
        super().__init__(**kwargs)
        self.length = length
        self.width = width
        normal = keras.initializers.RandomNormal(stddev=0.02)
        self.tokens = keras.layers.ReversibleEmbedding(
            vocabulary_size,
            width,
            embeddings_initializer=normal,
            name="tokens",
        )
        self.positions = keras.layers.Embedding(
            length, width, normal.clone(), name="positions"
        )
        self.blocks = list(blocks)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, name="norm")

    def build(self, input_shape):
        features = (*input_shape[:2], self.width)
        self.tokens.build(input_shape)
        self.positions.build(input_shape)
        for block in self.blocks:
            if not block.built:
                block.build(features)
        self.norm.build(features)

    def call(self, tokens, caches=None, index=None, training=None):
        """Logits; with `caches`, of tokens from position `index` on, and
        the caches updated."""
        first = 0 if index is None else index
        positions = first + ops.arange(tokens.shape[1], dtype="int32")
        x = self.tokens(tokens) + self.positions(positions)
        kept = []
        for k, block in enumerate(self.blocks):
            if caches is None:
                x = block(x, training=training)
            else:
                x, cache = block(
                    x, cache=caches[:, k], cache_update_index=index
                )
                kept.append(cache)
        logits = self.tokens(self.norm(x), reverse=True)
        return logits if caches is None else (logits, ops.stack(kept, 1))

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.tokens.input_dim,
            "length": self.length,
            "width": self.width,
            "blocks": [
                keras.saving.serialize_keras_object(b) for b in self.blocks
            ],
        }

    @classmethod
    def from_config(cls, config):
        blocks = keras.saving.deserialize_keras_object(config["blocks"])
        return cls(**{**config, "blocks": blocks})


class Decoder:
    """Draws one character after the other, keeping keys and values.

    Args:
        model: A built `CharGPT`.
        batch_size: Positive integer.
    """

    def __init__(self, model, batch_size=1):
        self.model = model
        caches = [b.make_cache(batch_size, model.length) for b in model.blocks]
        self.empty = ops.convert_to_numpy(ops.stack(caches, 1))
        token = keras.Input(batch_shape=(batch_size, 1), dtype="int32")
        index = keras.Input(batch_shape=(batch_size,), dtype="int32")
        cache = keras.Input(batch_shape=self.empty.shape)
        self.step = keras.Model(
            (token, cache, index), _Step(model)(token, cache, index)
        )

    def sample(self, prompt, count, temperature=0.8, seed=0):
        """`count` more tokens after a prompt.

        Args:
            prompt: List of tokens, not empty.
            count: Integer; the context starts anew from its second half
                when it is full.
            temperature: Positive float.
            seed: Integer.

        Returns:
            List of `len(prompt) + count` tokens.
        """
        rng = np.random.default_rng(seed)
        found = list(prompt)
        length = self.model.length
        caches, place = self.empty, 0
        pending = found[-length // 2 :]
        for _ in range(count):
            if place == length:
                caches, place = self.empty, 0
                pending = found[-length // 2 :]
            for token in pending:
                logits, caches = self._advance(token, caches, place)
                place += 1
            scaled = logits[0, -1].astype("float64") / temperature
            odds = np.exp(scaled - scaled.max())
            pending = [int(rng.choice(len(odds), p=odds / odds.sum()))]
            found += pending
        return found

    def _advance(self, token, caches, place):
        rows = len(caches)
        return self.step.predict_on_batch(
            [
                np.full((rows, 1), token, "int32"),
                caches,
                np.full((rows,), place, "int32"),
            ]
        )


class _Step(keras.layers.Layer):
    """One decoding step, as a layer of a Functional model."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def call(self, token, cache, index):
        return self.model(token, caches=cache, index=index[0])
