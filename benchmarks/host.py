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
from functools import partial
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch

import keras_randproj
from benchmarks.no_gpu import no_gpu
from experiments import results_file

# Of Dense few features, whose product costs a CPU little: its kernel has as
# many entries as ours has features, an order whose gradients are one kernel.
DENSE_SIZE, SIZE, BATCH = 16, 256, 1
# As many as in the models of `benchmarks.gpu`.
LAYERS, OUTPUTS = 3, 10
ROUNDS, CALLS = 300, 3
POLICIES = "float32", "mixed_bfloat16"


def kinds(policy):
    """Name, features and a function that makes a layer; Keras's first."""
    yield "keras Dense", DENSE_SIZE, partial(keras.layers.Dense, dtype=policy)
    ours = partial(
        keras_randproj.PRPDense,
        projection="hadamard",
        seed=1,
        implementation="triton",
        dtype=policy,
    )
    yield "hadamard", SIZE, ours
    yield "hadamard, depth 3", SIZE, partial(ours, depth=3)


def layer_calls(size, make):
    """A forward pass without gradients, and one with them, back and all."""
    layer = make(size)
    x = torch.ones(BATCH, size)
    given = torch.ones(BATCH, size, requires_grad=True)
    upstream = torch.ones_like(layer(x))
    parameters = [weight.value for weight in layer.trainable_weights]

    def forward():
        with torch.no_grad():
            layer(x)

    def training():
        layer(given).backward(upstream)
        for tensor in (given, *parameters):
            tensor.grad = None

    return {"layer, forward": forward, "layer, training": training}


def model_calls(size, make, policy):
    """What Keras's own loops do with a batch."""
    hidden = [make(size, activation="relu") for _ in range(LAYERS)]
    head = keras.layers.Dense(OUTPUTS, dtype=policy)
    model = keras.Sequential([keras.Input((size,)), *hidden, head])
    model.compile("adam", "mse")
    x, y = torch.ones(BATCH, size), torch.ones(BATCH, OUTPUTS)

    def forward():
        with torch.no_grad():
            model(x, training=False)

    return {
        "model, forward": forward,
        "model, train_on_batch": partial(model.train_on_batch, x, y),
    }


def count(call):
    """How many functions a call calls, of Python's and built in."""
    profile = cProfile.Profile()
    profile.runcall(call)
    return pstats.Stats(profile).total_calls


def measured():
    """Rows of the results, with the processor time of calls in turn."""
    found: dict = {}
    for policy in POLICIES:
        for name, size, make in kinds(policy):
            calls = layer_calls(size, make) | model_calls(size, make, policy)
            for way, call in calls.items():
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
    # Nothing is computed, and what memory held is at times slow to multiply.
    torch.set_flush_denormal(True)
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
