"""Does another split of the Hadamard transform make it faster?

On torch's CPU kernel a row compares three products with two, on JAX a part of
the second product as sums with the whole product, at the widths around the one
where the kernel changes from the one to the other.
"""

import keras
import numpy as np

from benchmarks import compiled
from benchmarks.models import rows_of
from benchmarks.models import stacked
from benchmarks.timing import compare
from keras_randproj import projections

ORDERS = (1024, 2048, 4096, 8192, 16384, 32768)
BATCH = 256


def rows():
    """One row a width, on torch and JAX."""
    backend = keras.backend.backend()
    compared = {"torch": _products, "jax": _sums}.get(backend)
    for order in ORDERS if compared else ():
        question, baseline, *calls = compared(order, rows_of(order, BATCH))
        yield {
            "question": f"{question}, hadamard",
            "d": order,
            "batch": BATCH,
            "dtype": "float32",
            "baseline": baseline,
            **compare(*calls),
        }


def _products(order, x):
    import torch

    from keras_randproj.kernels.torch_cpu import blocks

    layer = projections.get("hadamard", units=order, seed=0)
    x = torch.from_numpy(x)
    layer(x)
    chosen = blocks.SPLIT

    def run(split):
        blocks.SPLIT = split
        with torch.no_grad():
            layer(x)
        blocks.SPLIT = chosen

    return "three factors", "two factors", lambda: run(2), lambda: run(np.inf)


def _sums(order, x):
    from keras_randproj.kernels import hadamard

    chosen = hadamard.SUMS_FROM
    calls = []
    for least in (1, np.inf):
        hadamard.SUMS_FROM = least
        calls.append(compiled.inference(stacked(order, "hadamard"), x))
        calls[-1]()
    hadamard.SUMS_FROM = chosen
    return "sums in the second factor", "products alone", *calls
