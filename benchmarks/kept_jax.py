"""Memory of training on JAX: `python -m benchmarks.kept_jax`.

Bytes for each entry of a kernel of that size, as XLA plans them for the
gradients of the inputs and of the trainable variables: of the layer's weights,
of what the program needs for a time, and of the gradients that come out.
"""

import argparse
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
from keras import ops

import keras_randproj
from experiments import results_file

SIZE, BATCH = 1024, 64
POLICIES = "float32", "mixed_bfloat16"
CASES = (
    ("gaussian", "dense"),
    ("rademacher", "dense"),
    ("sparse_ternary", "dense"),
    ("orthogonal", "dense"),
    ("rademacher", "packed"),
    ("hadamard", "dense"),
)


def layers(policy):
    """Name and layer, Keras's first."""
    yield "keras Dense", keras.layers.Dense(SIZE, dtype=policy)
    for family, storage in CASES:
        layer = keras_randproj.PRPDense(
            SIZE, projection=family, storage=storage, seed=1, dtype=policy
        )
        name = family if family == "hadamard" else f"{family}, {storage}"
        yield name, layer


def planned(layer):
    """Bytes of weights, of XLA's temporary memory and of its results."""
    layer.build((None, SIZE))
    groups = layer.trainable_variables, layer.non_trainable_variables
    trained, fixed = ([v.value for v in group] for group in groups)

    def loss(trained, x, fixed):
        return ops.sum(layer.stateless_call(trained, fixed, x)[0])

    step = jax.jit(jax.grad(loss, argnums=(0, 1)))
    x = ops.ones((BATCH, SIZE))
    plan = step.lower(trained, x, fixed).compile().memory_analysis()
    weights = sum(array.nbytes for array in (*trained, *fixed))
    return weights, plan.temp_size_in_bytes, plan.output_size_in_bytes


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kept_jax")
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args()
    rows = []
    for policy in POLICIES:
        for name, layer in layers(policy):
            names = "weights", "temporary", "gradients"
            found = (round(size / SIZE**2, 2) for size in planned(layer))
            row = {"question": name, "policy": policy}
            rows.append(row | dict(zip(names, found, strict=True)))
            print(*rows[-1].values(), sep="\t", flush=True)
    if options.json:
        what = "python -m benchmarks.kept_jax --json FILE"
        where = [results_file.where()]
        sizes = {"size": SIZE, "batch": BATCH}
        results_file.write(options.json, what, where, rows, **sizes)


if __name__ == "__main__":
    main()
