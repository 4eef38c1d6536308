"""MiniLM with adapters, Keras's LoRA or nothing frozen.

Each method makes a function from token ids to logits and names its trainable
parameters, for `experiments.adapters_serving`.
"""

import contextlib
from dataclasses import dataclass
from typing import Any

import keras

from experiments import adapters_data
from experiments.adapters_methods import HEAD
from experiments.adapters_methods import OURS
from keras_randproj import adapters


@dataclass
class Trainee:
    """What is trained.

    Args:
        forward: Function from token ids to logits `(batch,)`.
        parameters: List of torch parameters.
    """

    forward: Any
    parameters: list


class Bases:
    """The base models, made once a process.

    Args:
        folder: `Path` that `adapters_data.prepare` wrote.
        device: String, torch's.
        length: How many tokens a sentence has; `None` for any number.
    """

    def __init__(self, folder, device, length=None):
        self.folder, self.device, self.length = folder, device, length
        self.keras = None
        self.start: list = []

    def model(self):
        """The Keras model with a classifier of zeros, as it was."""
        if self.keras is None:
            encoder = adapters_data.encoder(self.folder, self.length)
            head = keras.layers.Dense(
                1, kernel_initializer="zeros", name="head"
            )
            self.keras = keras.Model(
                encoder.input, head(encoder.output), name="classifier"
            )
            self.start = self.keras.get_weights()
        return self.keras

    def trainee(self, method, seed):
        """A method at its start.

        Args:
            method: A name of ours, "full" or "Keras LoRA 8".
            seed: Integer.
        """
        keras.utils.set_random_seed(seed)
        model = self.model()
        bare(model, self.start)
        if method in OURS:
            adapters.attach(model, {**OURS[method].rules(seed), "head": HEAD})
        elif method == "Keras LoRA 8":
            _enable_lora(model)  # It cannot be taken off again.

        def forward(tokens):
            return model(tokens, training=True)[:, 0]

        return Trainee(forward, [v.value for v in model.trainable_variables])


def bare(model, weights):
    """Has the base be as it was, without adapters."""
    with contextlib.suppress(ValueError):
        adapters.detach(model)
    model.trainable = True
    model.set_weights(weights)


def _enable_lora(model):
    """Keras's LoRA of rank 8 on query and value, and nothing else trains."""
    attention = keras.layers.MultiHeadAttention
    for layer in model.layers:
        if isinstance(layer, attention):
            for dense in (layer._query_dense, layer._value_dense):
                dense.enable_lora(8)
    for variable in model.trainable_variables:
        lora = "lora_kernel" in variable.path
        variable.trainable = lora or variable.path.startswith("head/")
