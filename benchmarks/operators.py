"""Operators that a layer's call issues: `python -m benchmarks.operators`.

On torch each costs the host microseconds, however fast its kernel is. They
are counted as a dispatch mode sees them, without views, of a call in float32
and in mixed_bfloat16. Where there is no GPU, kernels run in an interpreter.
"""

import argparse
import os
from pathlib import Path
from unittest import mock

os.environ["KERAS_BACKEND"] = "torch"
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

import keras
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._python_dispatch import _disable_current_modes

import keras_randproj
from experiments import results_file
from keras_randproj.kernels.triton import hadamard

SIZE, BATCH, HEADS = 64, 4, 2
# Arguments of PRPDense, and its implementation.
OURS = {
    "hadamard": ({"projection": "hadamard"}, "triton"),
    "hadamard, rows chosen": (
        {"projection": "hadamard", "units": SIZE // 2},
        "triton",
    ),
    "hadamard, depth 3": ({"projection": "hadamard", "depth": 3}, "triton"),
    "hadamard, reference": ({"projection": "hadamard"}, "reference"),
    "rademacher, seed": (
        {"projection": "rademacher", "storage": "seed"},
        "triton",
    ),
    "hadamard, depth 3, reference": (
        {"projection": "hadamard", "depth": 3},
        "reference",
    ),
    "gaussian": ({"projection": "gaussian"}, "reference"),
    "gaussian, depth 3": ({"projection": "gaussian", "depth": 3}, "reference"),
    "rademacher": ({"projection": "rademacher"}, "reference"),
    "sparse_ternary": ({"projection": "sparse_ternary"}, "reference"),
    "orthogonal": ({"projection": "orthogonal"}, "reference"),
    "rademacher, packed": (
        {"projection": "rademacher", "storage": "packed"},
        "triton",
    ),
    "sparse_ternary, packed": (
        {"projection": "sparse_ternary", "storage": "packed"},
        "triton",
    ),
}


class Counter(TorchDispatchMode):
    """The operators that ran, views left out."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if not func.is_view:
            self.names.append(func.name())
        return func(*args, **(kwargs or {}))


def layers(policy):
    """Name and layer, Keras's first."""
    yield "keras Dense", keras.layers.Dense(SIZE, dtype=policy)
    for name, (arguments, implementation) in OURS.items():
        arguments = {"units": SIZE, "seed": 1} | arguments
        layer = keras_randproj.PRPDense(
            **arguments, implementation=implementation, dtype=policy
        )
        yield name, layer


def attentions(policy):
    for name, kind, given in (
        ("keras MultiHeadAttention", keras.layers.MultiHeadAttention, {}),
        (
            "PRPMultiHeadAttention",
            keras_randproj.PRPMultiHeadAttention,
            {"projection": "hadamard", "seed": 1, "implementation": "triton"},
        ),
    ):
        yield name, kind(HEADS, SIZE // HEADS, dtype=policy, **given)


def count(call):
    """Names of the operators of a call after the first."""
    counter = Counter()
    launch = hadamard.launch

    def launch_once(*arguments, **options):
        """A launch is one, whatever an interpreter does for it."""
        counter.names.append("hadamard")
        with _disable_current_modes():
            return launch(*arguments, **options)

    with torch.no_grad(), mock.patch.object(hadamard, "launch", launch_once):
        call()
        counter.names.clear()
        with counter:
            call()
    return counter.names


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operators")
    parser.add_argument("--json", help="file to write")
    parser.add_argument("--names", action="store_true", help="print them")
    options = parser.parse_args()
    rows: dict = {}
    x = keras.ops.ones((BATCH, SIZE))
    sequence = keras.ops.ones((BATCH, 8, SIZE))
    for policy in ("float32", "mixed_bfloat16"):
        calls = [(name, lambda f=f: f(x)) for name, f in layers(policy)]
        calls += [
            (name, lambda f=f: f(sequence, sequence))
            for name, f in attentions(policy)
        ]
        for name, call in calls:
            found = count(call)
            rows.setdefault(name, {})[policy] = len(found)
            if options.names:
                print(name, policy, *found, sep="\n  ")
    for name, found in rows.items():
        print(f"{name:26}", *(f"{k} {v:3}" for k, v in found.items()))
    if options.json:
        what = "python -m benchmarks.operators --json FILE"
        counted = [{"question": k, **v} for k, v in rows.items()]
        where = [results_file.where()]
        results_file.write(Path(options.json), what, where, counted)


if __name__ == "__main__":
    main()
