"""Memory that a layer takes in training on torch: `python -m benchmarks.kept`.

Bytes for each entry of a kernel of that size: of the layer's weights, of what
a forward pass keeps for the backward pass beside them, and of the most that
both have at one time beside the weights, gradients of the weights included.
They are counted as operators make and free them, so they are exact and the
same on every machine.
"""

import argparse
import os
import weakref
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import keras_randproj
from experiments import results_file

SIZE, BATCH = 1024, 64
POLICIES = "float32", "mixed_bfloat16", "mixed_float16"
STORED = "gaussian", "rademacher", "sparse_ternary", "orthogonal"
PACKED = "rademacher", "sparse_ternary"


class Live(TorchDispatchMode):
    """Bytes that operators made and nothing has freed, now and at most."""

    def __init__(self):
        super().__init__()
        self.sizes = {}
        self.most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        given = set(storages((args, kwargs)))
        for key, storage in storages(made).items():
            if key not in given and key not in self.sizes:
                self.sizes[key] = storage.nbytes()
                weakref.finalize(storage, self.sizes.pop, key)
        self.most = max(self.most, sum(self.sizes.values()))
        return made


def storages(tree):
    """Memory of all tensors in a structure, each once."""
    tensors = [t for t in tree_leaves(tree) if isinstance(t, torch.Tensor)]
    found = [tensor.untyped_storage() for tensor in tensors]
    return {storage._cdata: storage for storage in found}


def layers(policy):
    """Name and layer, Keras's first."""
    yield "keras Dense", keras.layers.Dense(SIZE, dtype=policy)
    cases = [(family, "dense") for family in STORED]
    cases += [(family, "packed") for family in PACKED]
    for family, storage in [*cases, ("hadamard", "dense")]:
        layer = keras_randproj.PRPDense(
            SIZE, projection=family, storage=storage, seed=1, dtype=policy
        )
        name = family if family == "hadamard" else f"{family}, {storage}"
        yield name, layer


def measured(layer):
    """Bytes of weights, kept for the backward pass, and at most."""
    x = torch.ones(BATCH, SIZE, requires_grad=True)
    layer(x)
    weights = storages([weight.value for weight in layer.weights])
    kept = {}

    def keep(tensor):
        kept.update(storages(tensor))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        y = layer(x)
    del y
    for key in storages([x]) | weights:
        kept.pop(key, None)
    with Live() as live:
        layer(x).sum().backward()
    found = weights, kept
    return *(
        sum(s.nbytes() for s in each.values()) for each in found
    ), live.most


def rows():
    for policy in POLICIES:
        for name, layer in layers(policy):
            names = "weights", "kept", "most"
            found = (size / SIZE**2 for size in measured(layer))
            told = {k: round(v, 2) for k, v in zip(names, found, strict=True)}
            yield {"question": name, "policy": policy, **told}


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kept")
    parser.add_argument("--json", help="file to write")
    options = parser.parse_args()
    found = list(rows())
    for row in found:
        print(*row.values(), sep="\t")
    if options.json:
        what = "python -m benchmarks.kept --json FILE"
        where = [results_file.where()]
        results_file.write(
            Path(options.json), what, where, found, size=SIZE, batch=BATCH
        )


if __name__ == "__main__":
    main()
