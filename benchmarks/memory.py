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
import numpy as np

from benchmarks.models import rows_of
from benchmarks.models import stacked

SIZE, BATCH, LAYERS = 4096, 256, 3
FAMILIES = ("hadamard", "gaussian", "Dense")
# Rows and columns of a P of 8 GiB in float32, and some of its rows.
HUGE = (2**16, 2**15)
CHOSEN = (0, 12345, 2**16 - 1)


def rows():
    """Peaks of training, and of a P that is never in memory."""
    found = {name: _in_a_process(name) for name in (*FAMILIES, "nothing")}
    dense = found["Dense"] - found["nothing"]
    for family in FAMILIES[:2]:
        ours = found[family] - found["nothing"]
        yield _row(f"peak memory of training, {LAYERS} x {family}", ours, dense)
    ours = _in_a_process("seed") - found["nothing"]
    row = _row(
        'forward and backward, storage="seed"', ours, 4 * HUGE[0] * HUGE[1]
    )
    yield {**row, "d": HUGE[0], "batch": len(CHOSEN), "baseline": "P itself"}


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


def _in_a_process(name):
    command = [sys.executable, "-m", "benchmarks.memory", name]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def _train(family, d, batch, layers):
    model = stacked(d, None if family == "Dense" else family, layers)
    x = rows_of(d, batch)
    for _ in range(2):
        model.train_on_batch(x, x)


def _regenerate():
    """Rows of P by one-hot inputs, checked, and a gradient."""
    from keras_randproj import PRPDense
    from keras_randproj import config
    from keras_randproj import projections

    config.set_max_elements(HUGE[0] * HUGE[1])
    layer = PRPDense(
        HUGE[1],
        projection="rademacher",
        storage="seed",
        seed=7,
        lr_multiplier=1,
    )
    x = np.zeros((len(CHOSEN), HUGE[0]), "float32")
    x[np.arange(len(CHOSEN)), CHOSEN] = 1
    model = keras.Sequential([keras.Input(HUGE[:1]), layer])
    y = model.predict_on_batch(x) * HUGE[0] ** 0.5
    for row, i in zip(y, CHOSEN, strict=True):
        wanted = projections.entries("rademacher", 7, (i, i + 1), (0, HUGE[1]))
        np.testing.assert_allclose(row, wanted[0], rtol=1e-6)
    model.compile("sgd", "mse")
    model.train_on_batch(x, np.zeros((len(CHOSEN), HUGE[1]), "float32"))


def main(name):
    if name == "seed":
        _regenerate()
    elif name == "nothing":
        _train("Dense", 1, 1, 1)
    else:
        _train(name, SIZE, BATCH, LAYERS)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main(sys.argv[1])
