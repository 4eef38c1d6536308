"""What launches of ours hand to a compiled kernel, beside Triton's own.

Run by `test_launches.py` in a process without Triton's interpreter. Each
launch of a layer, forward and back, is repeated with the same tensors: as
Triton does it, and by the launcher that has seen it before.
"""

import json
import os
from unittest import mock

os.environ["KERAS_BACKEND"] = "torch"
os.environ.pop("TRITON_INTERPRET", None)

import torch
from triton.compiler import LazyDict

from benchmarks.no_gpu import no_gpu
from keras_randproj import PRPDense
from keras_randproj.kernels.triton.launcher import Launcher

SIZE = 16
CASES = {
    "mixed": ({"dtype": "mixed_bfloat16"}, {}),
    "depth": ({"depth": 2, "units": 9, "use_bias": False}, {"rows": 1}),
    "unaligned": ({}, {"start": 1}),
    "all gradients at once": (
        {"units": 256, "dtype": "bfloat16"},
        {"size": 256},
    ),
    "from a seed": (
        {"projection": "sparse_ternary", "storage": "seed"},
        {"rows": 1},
    ),
    "signs packed first": (
        {"projection": "rademacher", "storage": "seed", "dtype": "bfloat16"},
        {"rows": 8},
    ),
    "in splits": (
        {"projection": "gaussian", "storage": "seed", "dtype": "bfloat16"},
        {"rows": 8, "size": 256},
    ),
    "gradients from a seed": (
        {"projection": "gaussian", "storage": "seed"},
        {"rows": 2},
    ),
    "in chunks": (
        {"projection": "sparse_ternary", "storage": "seed"},
        {"rows": 129},
    ),
}
# Of these the launches of the backward pass are looked at.
BACKWARD = "all gradients at once", "gradients from a seed"


def given(case, rows=3, size=SIZE, start=0):
    options, _ = CASES[case]
    layer = PRPDense(
        **{"units": SIZE, "projection": "hadamard", "seed": 1} | options,
        implementation="triton",
    )
    x = torch.ones(rows * size + start)[start:].view(rows, size)
    return layer, x.requires_grad_()


def same(one, other):
    """Arguments are compared by what they are; numbers and names by value."""
    if isinstance(one, tuple) and type(one) is type(other):
        pairs = zip(one, other, strict=True)
        return all(same(*pair) for pair in pairs)
    if isinstance(one, LazyDict):
        one, other = one.data, other.data
    plain = isinstance(one, (int, float, str, dict))
    return type(one) is type(other) and (
        one == other if plain else one is other
    )


def record(driver, case):
    """For each launch of a layer whether its repetitions are the same."""
    layer, x = given(case, **CASES[case][1])
    seen = []
    start = Launcher.__call__

    def run(launcher, *tensors):
        seen.append((launcher, tensors))
        start(launcher, *tensors)

    with mock.patch.object(Launcher, "__call__", run):
        y = layer(x)
        if case in BACKWARD:
            seen.clear()
            y.sum().backward()
    told = []
    for launcher, tensors in seen:
        driver.launched.clear()
        launcher.kernel[launcher.grid](
            *tensors, **launcher.arguments, **launcher.options
        )
        compiles = mock.patch.object(
            Launcher, "_compile", autospec=True, side_effect=Launcher._compile
        )
        with compiles as compiled:
            launcher(*tensors)
        # An address that is not aligned and another dtype, by this launcher.
        # Sums on tensor cores bear no other inputs than ours.
        names = launcher.kernel.arg_names
        where = names.index("y") if "y" in names else 0
        y = tensors[where]
        slid = y.new_empty(y.numel() + 1)[1:]
        for other in (slid.view(y.shape), y.double()):
            changed = *tensors[:where], other, *tensors[where + 1 :]
            launcher(*changed)
            launcher(*changed)
            launcher.kernel[launcher.grid](
                *changed, **launcher.arguments, **launcher.options
            )
        a, b, *rest = driver.launched
        told.append(
            {
                "case": case,
                "kernel": launcher.kernel.__name__,
                "remembered": not compiled.called,
                "same": same(a, b),
                "unaligned": same(rest[0], rest[2]) and same(rest[1], rest[2]),
                "double": same(rest[3], rest[5]) and same(rest[4], rest[5]),
                "others": len({id(launch[4]) for launch in driver.launched}),
            }
        )
    return told


def main():
    with no_gpu() as driver:
        told = [each for case in CASES for each in record(driver, case)]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
