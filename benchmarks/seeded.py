"""How much memory does a P of 8 GiB take with `storage="seed"`?

Forward, checked against the contract's entries, and backward, in a process of
its own; its peak is taken above that of a process which trains one number.
"""

import resource
import time

import keras
import numpy as np

from benchmarks.memory import peak_of
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
    peak = peak_of("it", module="benchmarks.seeded")
    seconds = time.perf_counter() - start
    ours, whole = peak - peak_of("nothing"), 4 * ROWS * COLS
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
    config.set_max_elements(ROWS * COLS)
    layer = PRPDense(COLS, projection="rademacher", storage="seed", seed=SEED)
    model = keras.Sequential([keras.Input((ROWS,)), layer])
    model.compile("sgd", "mse")
    x = np.zeros((len(CHOSEN), ROWS), "float32")
    x[np.arange(len(CHOSEN)), CHOSEN] = 1
    y = model.predict_on_batch(x) * ROWS**0.5
    for row, i in zip(y, CHOSEN, strict=True):
        wanted = projections.entries("rademacher", SEED, (i, i + 1), (0, COLS))
        np.testing.assert_allclose(row, wanted[0], rtol=1e-5)
    model.train_on_batch(x, np.zeros((len(CHOSEN), COLS), "float32"))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main()
