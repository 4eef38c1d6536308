"""What a call costs the host on torch: `python -m benchmarks.host`.

On a GPU small layers are bound by what the host does before it launches a
kernel. Here kernels are compiled for a GPU and never launched, and tensors
are on the CPU: what is left is Python and torch's own overhead. Processor
time is compared, of rounds that take turns; the fastest round counts, as
others are disturbed by whatever else the machine does.
"""

import argparse
import cProfile
import os
import pstats
import time
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch

import keras_randproj
from benchmarks.no_gpu import no_gpu
from experiments import results_file

# Of Dense few features, whose product costs a CPU little; of ours an order
# whose gradients are one kernel, as those of larger ones are.
DENSE_SIZE, SIZE, BATCH = 64, 256, 1
ROUNDS, CALLS = 200, 10
POLICIES = "float32", "mixed_bfloat16"
PASSES = "forward", "training"


def layers(policy):
    yield (
        "keras Dense",
        keras.layers.Dense(DENSE_SIZE, dtype=policy),
        DENSE_SIZE,
    )
    for name, depth in (("hadamard", 1), ("hadamard, depth 3", 3)):
        layer = keras_randproj.PRPDense(
            SIZE,
            projection="hadamard",
            depth=depth,
            seed=1,
            implementation="triton",
            dtype=policy,
        )
        yield name, layer, SIZE


def calls(layer, size):
    """A forward pass without gradients, and one with them, back and all."""
    x = torch.ones(BATCH, size)
    given = torch.ones(BATCH, size, requires_grad=True)
    upstream = torch.ones_like(layer(x))

    def forward():
        with torch.no_grad():
            layer(x)

    def training():
        layer(given).backward(upstream)
        given.grad = None
        for weight in layer.trainable_weights:
            weight.value.grad = None

    return forward, training


def count(call):
    """How many functions a call calls, of Python's and built in."""
    profile = cProfile.Profile()
    profile.runcall(call)
    return pstats.Stats(profile).total_calls


def measured():
    """Rows of the results, with the processor time of calls in turn."""
    found: dict = {}
    for policy in POLICIES:
        for name, layer, size in layers(policy):
            for way, call in zip(PASSES, calls(layer, size), strict=True):
                call()
                found[policy, way, name] = call, []
    for _ in range(ROUNDS):
        for call, times in found.values():
            call()
            start = time.process_time()
            for _ in range(CALLS):
                call()
            times.append((time.process_time() - start) / CALLS)
    for (policy, way, name), (call, times) in found.items():
        dense = found[policy, way, "keras Dense"][1]
        yield {
            "question": name,
            "policy": policy,
            "pass": way,
            "microseconds": round(min(times) * 1e6, 1),
            "over_dense": round(min(times) / min(dense), 2),
            "functions": count(call),
        }


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.host")
    parser.add_argument("--json", help="file to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with no_gpu() as driver:
        driver.keeps = False
        rows = list(measured())
    for row in rows:
        print(*row.values(), sep="\t")
    if options.json:
        import triton

        where = [results_file.where(triton=triton.__version__)]
        what = "python -m benchmarks.host --json FILE"
        settings = {"rounds": ROUNDS, "calls": CALLS}
        results_file.write(Path(options.json), what, where, rows, **settings)


if __name__ == "__main__":
    main()
