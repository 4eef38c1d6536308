"""Tiny Shakespeare as characters."""

from dataclasses import dataclass

import numpy as np
import tensorflow_datasets as tfds


@dataclass(frozen=True)
class Text:
    """A text as integers.

    Args:
        characters: String, character of each token.
        train: Integer array.
        validation: Integer array.
    """

    characters: str
    train: np.ndarray
    validation: np.ndarray

    def windows(self, count, length, seed):
        """Random windows of the training part, and what follows each."""
        rng = np.random.default_rng(seed)
        starts = rng.integers(0, len(self.train) - length, count)
        rows = starts[:, None] + np.arange(length + 1)
        found = self.train[rows]
        return found[:, :-1], found[:, 1:]

    def held_out(self, length):
        """All windows of the validation part, side by side."""
        count = (len(self.validation) - 1) // length
        inputs = self.validation[: count * length]
        targets = self.validation[1 : count * length + 1]
        return inputs.reshape(count, length), targets.reshape(count, length)

    def encode(self, text):
        """Tokens of a string."""
        return [self.characters.index(c) for c in text]

    def decode(self, tokens):
        """The string of tokens."""
        return "".join(self.characters[t] for t in tokens)


def load():
    """The text, its first 90 % for training and the rest held out."""
    parts = tfds.load("tiny_shakespeare", split=["train", "validation", "test"])
    text = b"".join(
        next(iter(tfds.as_numpy(part)))["text"] for part in parts
    ).decode()
    characters = "".join(sorted(set(text)))
    place = {c: k for k, c in enumerate(characters)}
    tokens = np.array([place[c] for c in text], "int32")
    cut = int(0.9 * len(tokens))
    return Text(characters, tokens[:cut], tokens[cut:])
