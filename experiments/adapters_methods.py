"""What is compared: our forms, PEFT's methods, Keras's LoRA, full training.

Each method makes a torch module from token ids to logits, names its trainable
parameters, and says how many bytes its file takes. All start from the same
weights and the same classifier, and train the classifier too.
"""

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import torch

from experiments import adapters_data
from keras_randproj import adapters
from keras_randproj.adapters import FullRank
from keras_randproj.adapters import LowRank
from keras_randproj.adapters import Modulation
from keras_randproj.adapters import SeededLowRank
from keras_randproj.adapters import SeededUpdate

# Patterns of MiniLM's dense layers.
ATTENTION = ("*query", "*key", "*value", "*attention_output")
DENSE = (*ATTENTION, "intermediate_*", "output_*")
QUERY_VALUE = ("*query", "*value")
HEAD = [FullRank(), Modulation(alpha=False, scale=False)]
OUT = Modulation(alpha=False, bias=False)
IN = Modulation(scale=False, bias=False)
# The same layers in transformers' BertModel.
BERT_QUERY_VALUE = ["query", "value"]
BERT_DENSE = ["query", "key", "value", "dense"]
RATES = (5e-4, 2e-3, 8e-3)
FULL_RATES = (3e-5, 1e-4, 3e-4)


def _all(form, patterns=DENSE):
    return dict.fromkeys(patterns, form)


OURS = {
    "SeededUpdate 1,000": lambda s: _all(SeededUpdate(1000, 4, seed=s)),
    "SeededUpdate 3,500": lambda s: _all(SeededUpdate(3500, 4, seed=s)),
    "SeededUpdate 5,000": lambda s: _all(SeededUpdate(5000, 4, seed=s)),
    "SeededUpdate 15,000": lambda s: _all(SeededUpdate(15000, 4, seed=s)),
    "SeededLowRank 64": lambda s: _all(SeededLowRank(64, seed=s), QUERY_VALUE),
    "Modulation, as IA3": lambda s: {
        "*key": OUT,
        "*value": OUT,
        "output_*": IN,
    },
    "Modulation": lambda s: _all(Modulation()),
    "LowRank 1": lambda s: _all(LowRank(1), QUERY_VALUE),
}
PEFT = {
    "PEFT LoRA 1": ("LoraConfig", {"r": 1, "lora_alpha": 1}),
    "PEFT LoRA 2": ("LoraConfig", {"r": 2, "lora_alpha": 2}),
    "PEFT LoRA 4": ("LoraConfig", {"r": 4, "lora_alpha": 4}),
    "PEFT LoRA 8": ("LoraConfig", {"r": 8, "lora_alpha": 8}),
    "PEFT VeRA 256": ("VeraConfig", {"r": 256}),
    "PEFT IA3": (
        "IA3Config",
        {
            "target_modules": ["key", "value", "output.dense"],
            "feedforward_modules": ["output.dense"],
        },
    ),
    "PEFT RandLoRA 32": ("RandLoraConfig", {"r": 32}),
    "PEFT UniLoRA 5,000": (
        "UniLoraConfig",
        {"r": 4, "theta_d_length": 5000, "target_modules": BERT_DENSE},
    ),
}
METHODS = ("full", *OURS, *PEFT, "Keras LoRA 8")


@dataclass
class Trainee:
    """What is trained.

    Args:
        forward: Function from token ids to logits `(batch,)`.
        parameters: List of torch parameters.
        save: Function of a folder that returns the bytes of the file, for
            32-bit numbers.
        reload: Function without arguments, or `None`: has the model hold the
            numbers of its int8 file, and returns the bytes of that.
    """

    forward: Any
    parameters: list
    save: Any
    reload: Any = None


def rates(method):
    """The learning rates that are tried."""
    return FULL_RATES if method == "full" else RATES


class Bases:
    """The base models, made once a process.

    Args:
        folder: `Path` that `adapters_data.prepare` wrote.
        device: String, torch's.
    """

    def __init__(self, folder, device):
        self.folder, self.device = folder, device
        self.keras = None
        self.start: list = []

    def model(self):
        """The Keras model with a classifier of zeros, as it was."""
        if self.keras is None:
            encoder = adapters_data.encoder(self.folder)
            head = keras.layers.Dense(
                1, kernel_initializer="zeros", name="head"
            )
            self.keras = keras.Model(
                encoder.input, head(encoder.output), name="classifier"
            )
            self.start = self.keras.get_weights()
        return self.keras

    def trainee(self, method, classifier, seed):
        """A method at its start.

        Args:
            method: One of `METHODS`.
            classifier: Kernel `(384,)` and bias of the classifier.
            seed: Integer.
        """
        keras.utils.set_random_seed(seed)
        if method in PEFT:
            return _peft(self, method, classifier)
        model = self.model()
        bare(model, self.start)
        trainee = _ours(model, method, classifier, seed)
        if method == "Keras LoRA 8":
            self.keras = None  # It cannot be taken off again.
        return trainee


def bare(model, weights):
    """Has the base be as it was, without adapters."""
    with contextlib.suppress(ValueError):
        adapters.detach(model)
    model.trainable = True
    model.set_weights(weights)


def _ours(model, method, classifier, seed):
    kernel, bias = classifier
    head = model.get_layer("head")
    if method in OURS:
        rules = {**OURS[method](seed), "head": HEAD}
        adapters.attach(model, rules)
        for part in head.adapter.parts:
            for name, variable in part.variables.items():
                value = bias if name == "bias" else kernel
                variable.assign(np.reshape(value, variable.shape))
    else:
        model.trainable = True
        head.set_weights([kernel[:, None], np.reshape(bias, (1,))])
    if method == "Keras LoRA 8":
        _enable_lora(model)
    parameters = [v.value for v in model.trainable_variables]

    def forward(tokens):
        return model(tokens, training=True)[:, 0]

    def save(folder):
        if method not in OURS:
            return 4 * sum(p.numel() for p in parameters)
        path = Path(folder) / "adapter.safetensors"
        adapters.save(model, path)
        return path.stat().st_size

    def reload():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "adapter.safetensors"
            adapters.save(model, path, dtype="int8")
            adapters.detach(model)
            adapters.load(model, path)
            return path.stat().st_size

    return Trainee(forward, parameters, save, method in OURS and reload)


def _enable_lora(model):
    """Keras's LoRA of rank 8 on query and value, and nothing else trains."""
    attention = keras.layers.MultiHeadAttention
    for layer in model.layers:
        if isinstance(layer, attention):
            layer.trainable = True
            for dense in (layer._query_dense, layer._value_dense):
                dense.enable_lora(8)
    for variable in model.trainable_variables:
        lora = "lora_kernel" in variable.path
        variable.trainable = lora or variable.path.startswith("head/")


def _peft(bases, method, classifier):
    import peft
    from safetensors.torch import load_file
    from transformers import BertConfig
    from transformers import BertModel

    name, arguments = PEFT[method]
    config = BertConfig.from_pretrained(
        bases.folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    # Their generators are of the CPU.
    with torch.device("cpu"):
        bert = BertModel(config, add_pooling_layer=False)
        weights = load_file(bases.folder / "model.safetensors")
        weights = {k: v.float() for k, v in weights.items()}
        missing = bert.load_state_dict(weights, strict=False).missing_keys
        if [key for key in missing if "position_ids" not in key]:
            raise ValueError(f"BertModel lacks {missing}")
        settings = {"target_modules": BERT_QUERY_VALUE, **arguments}
        adapted = peft.get_peft_model(bert, getattr(peft, name)(**settings))
    adapted = adapted.to(bases.device)
    kernel, bias = classifier
    head = torch.nn.Linear(384, 1).to(bases.device)
    with torch.no_grad():
        head.weight.copy_(torch.tensor(kernel)[None])
        head.bias.copy_(torch.tensor(bias).reshape(1))

    def forward(tokens):
        mask = tokens != 0
        y = adapted(input_ids=tokens, attention_mask=mask)[0]
        total = (y * mask[..., None]).sum(1)
        return head(torch.nn.functional.normalize(total, dim=-1))[:, 0]

    parameters = [p for p in adapted.parameters() if p.requires_grad]
    parameters += list(head.parameters())

    def save(folder):
        adapted.save_pretrained(folder)
        size = os.path.getsize(Path(folder) / "adapter_model.safetensors")
        return size + 4 * 385

    return Trainee(forward, parameters, save)
