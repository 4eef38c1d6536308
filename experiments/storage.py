"""What one layer keeps in memory, in a file and in an optimizer.

    KERAS_BACKEND=jax python -m experiments.storage

A layer of 784 inputs and 512 units, with Adam: the bytes of its trainable and
fixed weights, of Adam's moments, and of a `.keras` file of it without the
optimizer, after `files.compact`. The trained values are random, as zeros and
ones would compress to nothing.
"""

import tempfile
from pathlib import Path

import keras
import numpy as np

from experiments.results_file import where
from experiments.results_file import write
from keras_randproj import PRPDense
from keras_randproj import files

PATH = Path(__file__).parent / "results" / "storage.json"
INPUTS, UNITS = 784, 512
LAYERS = {
    "`keras.layers.Dense`": lambda: keras.layers.Dense(UNITS),
    '`"gaussian"`, `storage="dense"` (the default)': lambda: PRPDense(UNITS),
    '`"gaussian"`, `storage="seed"`': lambda: PRPDense(UNITS, storage="seed"),
    '`"rademacher"`, `storage="packed"`': lambda: PRPDense(
        UNITS, projection="rademacher", storage="packed"
    ),
    '`"hadamard"`': lambda: PRPDense(UNITS, projection="hadamard"),
    '`"hadamard"`, `depth=3`': lambda: PRPDense(
        UNITS, projection="hadamard", depth=3
    ),
}


def measure(make):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((INPUTS,)), make()])
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    adam = keras.optimizers.Adam()
    adam.build(model.trainable_variables)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        saved = path.stat().st_size
        compact = files.compact(path)
    return {
        "parameters": model.count_params(),
        "trainable": sum(w.size for w in map(_array, model.trainable_weights)),
        "memory": sum(_array(w).nbytes for w in model.weights),
        "optimizer": sum(_array(v).nbytes for v in adam.variables),
        "file": saved,
        "compact": compact,
    }


def _array(variable):
    return np.asarray(keras.ops.convert_to_numpy(variable))


def main():
    rows = [{"layer": name, **measure(make)} for name, make in LAYERS.items()]
    for row in rows:
        print(row)
    write(
        PATH,
        "python -m experiments.storage",
        [where()],
        rows,
        inputs=INPUTS,
        units=UNITS,
    )


if __name__ == "__main__":
    main()
