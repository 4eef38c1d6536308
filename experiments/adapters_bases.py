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
from experiments.adapters_methods import ON_SAME_LAYERS
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
            method: A name of ours, "full", "Keras LoRA 8" or that with
                ", dense layers".
            seed: Integer.
        """
        keras.utils.set_random_seed(seed)
        model = self.model()
        bare(model, self.start)
        ours = OURS | ON_SAME_LAYERS
        if method in ours:
            adapters.attach(model, {**ours[method].rules(seed), "head": HEAD})
        elif method.startswith("Keras LoRA 8"):
            # It cannot be taken off again.
            _enable_lora(model, method.endswith("dense layers"))

        def forward(tokens):
            return model(tokens, training=True)[:, 0]

        return Trainee(forward, [v.value for v in model.trainable_variables])


def bare(model, weights):
    """Has the base be as it was, without adapters."""
    with contextlib.suppress(ValueError):
        adapters.detach(model)
    model.trainable = True
    model.set_weights(weights)


def _enable_lora(model, everywhere):
    """Keras's LoRA of rank 8, and nothing else trains.

    It is on query and value, or on all dense layers of the encoder.
    """
    attention = keras.layers.MultiHeadAttention
    for layer in model.layers:
        found = []
        if isinstance(layer, attention):
            found = [layer._query_dense, layer._value_dense]
            if everywhere:
                found += [layer._key_dense, layer._output_dense]
        elif everywhere and isinstance(layer, keras.layers.Dense):
            found = [layer] if layer.name != "head" else []
        for dense in found:
            dense.enable_lora(8)
    for variable in model.trainable_variables:
        lora = "lora_kernel" in variable.path
        variable.trainable = lora or variable.path.startswith("head/")
