"""Does a third factor make the Hadamard transform faster?

On torch's CPU kernel: a row compares three products with two, at the widths
around the one where the kernel changes from the one to the other.
"""

import keras
import numpy as np

from benchmarks.models import rows_of
from benchmarks.timing import compare
from keras_randproj import projections

ORDERS = (1024, 2048, 4096, 8192, 16384, 32768)
BATCH = 256


def rows():
    """One row a width, on torch; none elsewhere."""
    if keras.backend.backend() != "torch":
        return
    import torch

    from keras_randproj.kernels.torch_cpu import blocks

    for order in ORDERS:
        layer = projections.get("hadamard", units=order, seed=0)
        x = torch.from_numpy(rows_of(order, BATCH))
        layer(x)
        chosen = blocks.SPLIT

        def run(split, layer=layer, x=x):
            blocks.SPLIT = split
            with torch.no_grad():
                layer(x)

        yield {
            "question": "three factors, hadamard",
            "d": order,
            "batch": BATCH,
            "dtype": "float32",
            "baseline": "two factors",
            **compare(lambda run=run: run(2), lambda run=run: run(np.inf)),
        }
        blocks.SPLIT = chosen
