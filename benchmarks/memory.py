"""How much memory does training take above the interpreter's?

Each model trains in a process of its own, whose peak is compared with that of
a process which trains a model of one number. `python -m benchmarks.memory
NAME` is such a process.
"""

import json
import resource
import subprocess
import sys

import keras

from benchmarks.models import rows_of
from benchmarks.models import stacked

SIZE, BATCH, LAYERS = 4096, 256, 3
# The last has no matrix at all: what is left is what no layer can save.
FAMILIES = ("hadamard", "gaussian", "vector")


def rows():
    """Peaks of training."""
    found = {name: peak_of(name) for name in (*FAMILIES, "Dense", "nothing")}
    dense = found["Dense"] - found["nothing"]
    for family in FAMILIES:
        ours = found[family] - found["nothing"]
        yield _row(f"peak memory of training, {LAYERS} x {family}", ours, dense)


def _row(question, ours, baseline):
    return {
        "question": question,
        "d": SIZE,
        "batch": BATCH,
        "dtype": "float32",
        "ours_ms": None,
        "baseline": "keras.layers.Dense",
        "baseline_ms": None,
        "ratio": baseline / ours,
        "peak_bytes": ours,
        "baseline_bytes": baseline,
    }


def peak_of(name, module="benchmarks.memory"):
    """Peak bytes of a process."""
    command = [sys.executable, "-m", module, name]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def _train(family, d, batch, layers):
    model = stacked(d, None if family == "Dense" else family, layers)
    x = rows_of(d, batch)
    for _ in range(2):
        model.train_on_batch(x, x)


def main(name):
    # Saving loads TensorFlow wherever it is installed: not a model's memory.
    keras.saving.serialize_keras_object(keras.layers.Dense(1))
    if name == "nothing":
        _train("Dense", 1, 1, 1)
    else:
        _train(name, SIZE, BATCH, LAYERS)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main(sys.argv[1])
