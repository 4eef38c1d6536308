"""What is compared: our forms, PEFT's methods, and training all weights.

All start from the same weights and the same classifier, which they train too.
"""

from dataclasses import dataclass
from typing import Any

from experiments import adapters_rivals as rivals
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
BIAS = Modulation(alpha=False, scale=False)
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
# Where nothing multiplies the learning rate of vectors.
HIGH_RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
FULL_RATES = (2e-5, 5e-5, 1e-4, 2e-4, 4e-4)


@dataclass(frozen=True)
class Method:
    """How the base is adapted.

    Args:
        rules: Function of a seed, the rules of `attach`; `None` to train all
            weights.
        rates: Learning rates that are tried.
        peft: `None` for the package's own, or PEFT's config and arguments.
    """

    rules: Any = None
    rates: tuple[float, ...] = RATES
    peft: tuple[str, dict] | None = None


def _all(form, patterns=DENSE):
    return dict.fromkeys(patterns, form)


def _update(size, rank=4):
    return Method(lambda s: _all(SeededUpdate(size, rank, seed=s)))


OURS = {
    "SeededUpdate 1,000": _update(1000),
    "SeededUpdate 3,500": _update(3500),
    "SeededUpdate 5,000": _update(5000),
    "SeededUpdate 15,000": _update(15000),
    "SeededLowRank 64": Method(
        lambda s: _all(SeededLowRank(64, seed=s), QUERY_VALUE)
    ),
    "Modulation, as IA3": Method(
        lambda s: {"*key": OUT, "*value": OUT, "output_*": IN}
    ),
    "Modulation, as BitFit": Method(lambda s: _all(BIAS)),
    "Modulation": Method(lambda s: _all(Modulation())),
    "LowRank 1": Method(lambda s: _all(LowRank(1), QUERY_VALUE)),
    "LowRank 8, as Keras": Method(lambda s: _all(LowRank(8), QUERY_VALUE)),
}
# The same layers as Keras's LoRA, for what a training step takes.
ON_SAME_LAYERS = {
    "SeededUpdate 3,500, query and value": Method(
        lambda s: _all(SeededUpdate(3500, 4, seed=s), QUERY_VALUE)
    ),
    "Modulation, query and value": Method(
        lambda s: _all(Modulation(), QUERY_VALUE)
    ),
}
# The layers of transformers' BertModel.
ON_QUERY_VALUE = {"target_modules": ["query", "value"]}
ON_DENSE = {"target_modules": ["query", "key", "value", "dense"]}


def _lora(rank):
    return Method(
        lambda s: _all(rivals.LoRA(rank), QUERY_VALUE),
        peft=("LoraConfig", {"r": rank, "lora_alpha": rank, **ON_QUERY_VALUE}),
    )


def _unilora(size):
    arguments = {"r": 4, "theta_d_length": size, **ON_DENSE}
    return Method(
        lambda s: _all(rivals.UniLoRA(size, 4, seed=s)),
        HIGH_RATES,
        ("UniLoraConfig", arguments),
    )


PEFT = {
    "PEFT LoRA 1": _lora(1),
    "PEFT LoRA 2": _lora(2),
    "PEFT LoRA 4": _lora(4),
    "PEFT LoRA 8": _lora(8),
    "PEFT VeRA 256": Method(
        lambda s: _all(
            rivals.VeRA(256, seed=s, lr_multiplier=1.0), QUERY_VALUE
        ),
        HIGH_RATES,
        ("VeraConfig", {"r": 256, **ON_QUERY_VALUE}),
    ),
    "PEFT IA3": Method(
        lambda s: {
            "*key": rivals.IA3(),
            "*value": rivals.IA3(),
            "*attention_output": rivals.IA3(feedforward=True),
            "output_*": rivals.IA3(feedforward=True),
        },
        HIGH_RATES,
        (
            "IA3Config",
            {
                "target_modules": ["key", "value", "output.dense"],
                "feedforward_modules": ["output.dense"],
            },
        ),
    ),
    "PEFT RandLoRA 32": Method(
        lambda s: _all(rivals.RandLoRA(32, seed=s), QUERY_VALUE),
        (3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
        ("RandLoraConfig", {"r": 32, **ON_QUERY_VALUE}),
    ),
    "PEFT UniLoRA 1,000": _unilora(1000),
    "PEFT UniLoRA 5,000": _unilora(5000),
    "PEFT UniLoRA 15,000": _unilora(15000),
}
# What takes longest or matters most comes first, if time is short.
FIRST = (
    "SeededUpdate 5,000",
    "SeededUpdate 15,000",
    "PEFT LoRA 8",
    "PEFT UniLoRA 5,000",
    "PEFT UniLoRA 15,000",
    "PEFT VeRA 256",
    "SeededLowRank 64",
    "Modulation, as IA3",
    "PEFT IA3",
    "SeededUpdate 1,000",
    "PEFT UniLoRA 1,000",
    "PEFT LoRA 1",
)
ALL = {"full": Method(rates=FULL_RATES), **OURS, **PEFT}
METHODS = {name: ALL[name] for name in ("full", *FIRST, *ALL)}
