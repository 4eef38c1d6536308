"""How long does a training step take: `train_on_batch`, Adam, squared error?

Of one layer and of three: the first Dense of a model needs no gradient of its
input, where PRPDense takes that of alpha from it.
"""

import numpy as np

from benchmarks.models import rows_of
from benchmarks.models import stacked
from benchmarks.timing import compare

CASES = [
    ("hadamard", 1024, 1),
    ("hadamard", 1024, 3),
    ("hadamard", 2048, 1),
    ("hadamard", 4096, 1),
    ("hadamard", 4096, 3),
    ("gaussian", 2048, 1),
    ("gaussian", 2048, 3),
    ("gaussian", 4096, 1),
    ("gaussian", 4096, 3),
]
BATCH = 256


def rows():
    """One row a family, size and number of layers."""
    for family, d, layers in CASES:
        x = rows_of(d, BATCH)
        y = np.flip(x, axis=1).copy()
        ours, dense = stacked(d, family, layers), stacked(d, None, layers)
        yield {
            "question": f"training step, {layers} x {family}",
            "d": d,
            "batch": BATCH,
            "dtype": "float32",
            "baseline": "keras.layers.Dense",
            **compare(
                lambda m=ours, x=x, y=y: m.train_on_batch(x, y),
                lambda m=dense, x=x, y=y: m.train_on_batch(x, y),
                warmup=3,
            ),
        }
