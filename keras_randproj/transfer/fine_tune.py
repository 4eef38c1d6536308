"""Training of one layer on the rows that it was fitted to."""

from typing import Any

import keras
import numpy as np


class _Trainer(keras.Model):
    """Trains one layer without making it part of another model's graph."""

    def __init__(self, layer):
        super().__init__(name="fine_tuning")
        self.layer = layer

    def call(self, inputs):
        return self.layer(inputs)


def fine_tune(layer: Any, batches: Any, options: Any) -> None:
    """Trains a layer with Adam and the Huber loss.

    Args:
        layer: A built layer; where it is frozen, it is again at the end.
        batches: Iterable of inputs, targets, weights or `None`, and more.
        options: `fit.Options`: `epochs` and `learning_rate` count.
    """
    found = [(x, y, _weights(x, w)) for x, y, w, *_ in batches]
    x, y, weights = (np.concatenate(p) for p in zip(*found, strict=True))
    weighted = bool(np.any(weights != 1))
    trainable = layer.trainable
    trainer = _Trainer(layer)
    # A frozen layer is one not to be trained later.
    if not trainable:
        layer.trainable = True
    trainer.compile(
        optimizer=keras.optimizers.Adam(options.learning_rate),
        loss=keras.losses.Huber(),
    )
    trainer.fit(
        x,
        y,
        batch_size=128,
        epochs=options.epochs,
        verbose=0,
        sample_weight=weights if weighted else None,
    )
    if not trainable:
        layer.trainable = False


def _weights(x, weights):
    return np.ones(len(x)) if weights is None else weights
