"""How much memory does a P of 8 GiB take with `storage="seed"`?

Forward, checked against the contract's entries, and backward, in a process of
its own: its peak above what it held after the same with a small P.
"""

import time

import keras
import numpy as np

from benchmarks.memory import peak_of
from experiments.process_memory import memory
from keras_randproj import PRPDense
from keras_randproj import config
from keras_randproj import projections

ROWS, COLS = 2**16, 2**15
# Rows of P that one-hot inputs ask for.
CHOSEN = (0, 12345, 2**16 - 1)
SEED = 7


def rows():
    """One row."""
    start = time.perf_counter()
    ours = peak_of("it", module="benchmarks.seeded")
    seconds = time.perf_counter() - start
    whole = 4 * ROWS * COLS
    yield {
        "question": 'forward and backward, storage="seed"',
        "d": ROWS,
        "batch": len(CHOSEN),
        "dtype": "float32",
        "ours_ms": None,
        "baseline": "P itself",
        "baseline_ms": None,
        "ratio": whole / ours,
        "peak_bytes": ours,
        "baseline_bytes": whole,
        "process_seconds": seconds,
    }


def main():
    _forward_and_backward(64, 32, (0, 63))
    before = memory("VmRSS")
    config.set_max_elements(ROWS * COLS)
    _forward_and_backward(ROWS, COLS, CHOSEN)
    print(memory("VmHWM") - before)


def _forward_and_backward(rows, cols, chosen):
    layer = PRPDense(cols, projection="rademacher", storage="seed", seed=SEED)
    model = keras.Sequential([keras.Input((rows,)), layer])
    model.compile("sgd", "mse")
    x = np.zeros((len(chosen), rows), "float32")
    x[np.arange(len(chosen)), chosen] = 1
    y = model.predict_on_batch(x) * rows**0.5
    for row, i in zip(y, chosen, strict=True):
        wanted = projections.entries("rademacher", SEED, (i, i + 1), (0, cols))
        np.testing.assert_allclose(row, wanted[0], rtol=1e-5)
    model.train_on_batch(x, np.zeros((len(chosen), cols), "float32"))


if __name__ == "__main__":
    main()
