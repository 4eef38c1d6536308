"""How fast is PRPDense beside keras.layers.Dense, layers d -> d?

Inference is compiled (see `compiled.py`); a training step is
`train_on_batch` with Adam and a mean squared error, as a user runs it, of one
layer and of three: a lone Dense needs no gradient of its input, PRPDense does.
"""

import keras
import numpy as np

from benchmarks import compiled
from benchmarks.timing import compare
from keras_randproj import PRPDense

CASES = [
    ("hadamard", 1024, 256),
    ("hadamard", 4096, 256),
    ("hadamard", 4096, 1),
    ("gaussian", 2048, 256),
    ("gaussian", 4096, 256),
]


def rows():
    """One row a family, size, batch and kind of call."""
    for family, d, batch in CASES:
        x = np.random.default_rng(0).normal(size=(batch, d)).astype("float32")
        ours = _model(d, PRPDense(d, projection=family, seed=0))
        dense = _model(d, keras.layers.Dense(d))
        case = {"d": d, "batch": batch, "dtype": "float32"}
        case["baseline"] = "keras.layers.Dense"
        yield {
            "question": f"layer inference, {family}",
            **case,
            **compare(
                compiled.inference(ours, x), compiled.inference(dense, x)
            ),
        }
        if batch > 1:
            yield {
                "question": f"layer training step, {family}",
                **case,
                **compare(_training_step(ours, x), _training_step(dense, x)),
            }
        if (d, batch) == (4096, 256):
            ours = _model(
                d, *[PRPDense(d, projection=family, seed=k) for k in range(3)]
            )
            dense = _model(d, *[keras.layers.Dense(d) for _ in range(3)])
            ours, dense = _training_step(ours, x), _training_step(dense, x)
            yield {
                "question": f"layer training step, 3 layers, {family}",
                **case,
                **compare(ours, dense, repeats=7),
            }


def _model(d, *layers):
    return keras.Sequential([keras.Input((d,)), *layers])


def _training_step(model, x):
    model.compile("adam", "mse")
    y = np.flip(x, axis=1).copy()
    return lambda: model.train_on_batch(x, y)
