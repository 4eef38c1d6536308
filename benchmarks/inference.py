"""How fast is PRPDense beside keras.layers.Dense, layers d -> d?

Compiled (see `compiled.py`), and through `predict_on_batch` as a user calls
it. The roofline is that of `report.cost`: rows say how far ours is above it.
"""

import keras
import numpy as np

from benchmarks import compiled
from benchmarks.models import rows_of
from benchmarks.models import stacked
from benchmarks.roofline import bound_ms
from benchmarks.roofline import copy_of
from benchmarks.timing import compare

SIZES = {
    "hadamard": [
        *[
            (d, batch)
            for d in (512, 1024, 2048, 4096, 8192)
            for batch in (1, 256)
        ],
        *[(4096, 16), (1024, 4096)],
    ],
    "gaussian": [(2048, 1), (2048, 256), (4096, 256)],
}
AHEAD = [(1024, 256), (4096, 1), (4096, 256), (8192, 1)]
# Inputs that take turns, so that none is still in the cache: 512 MiB with as
# many targets of a copy.
BUFFERS = 64
DENSE = "keras.layers.Dense"


def rows():
    """One row a family, size and batch, and then the other baselines."""
    for family, sizes in SIZES.items():
        for d in sorted({d for d, _ in sizes}):
            ours, dense = stacked(d, family), stacked(d, None)
            for batch in sorted(b for size, b in sizes if size == d):
                yield _compiled(ours, dense, family, d, batch)
    for d, batch in AHEAD:
        yield _ahead_of_time(d, batch)
    yield _against_nothing(4096, 1)
    yield _against_a_copy(4096, 256)
    yield _against_a_copy(4096, 256, BUFFERS)
    if keras.backend.backend() == "torch":
        yield _against_torch(4096, 256)
    for family, layers in (("hadamard", 1), ("hadamard", 3), ("gaussian", 3)):
        yield _predicted(family, 4096, 256, layers)


def _compiled(ours, dense, family, d, batch):
    x = rows_of(d, batch)
    times = compare(compiled.inference(ours, x), compiled.inference(dense, x))
    bound = bound_ms(ours.layers[-1], batch)
    return {
        "question": f"inference, {family}",
        "d": d,
        "batch": batch,
        "dtype": "float32",
        "baseline": DENSE,
        **times,
        "bound_ms": bound,
        "over_bound": times["ours_ms"] / bound,
    }


def _row(question, d, batch, baseline, *calls):
    return {
        "question": question,
        "d": d,
        "batch": batch,
        "dtype": "float32",
        "baseline": baseline,
        **compare(*calls),
    }


def _against_nothing(d, batch):
    """What a compiled call takes whatever is in the model."""
    x = rows_of(d, batch)
    empty = keras.Sequential(
        [keras.Input((d,)), keras.layers.Activation("relu")]
    )
    ours = compiled.inference(stacked(d, "hadamard"), x)
    question = "inference, hadamard, beside an empty model"
    empty = compiled.inference(empty, x)
    return _row(question, d, batch, "a model of one relu", ours, empty)


def _ahead_of_time(d, batch):
    x = rows_of(d, batch)
    ours, dense = stacked(d, "hadamard"), stacked(d, None)
    calls = compiled.ahead_of_time(ours, x), compiled.ahead_of_time(dense, x)
    question = "inference ahead of time, hadamard"
    return _row(question, d, batch, DENSE, *calls)


def _against_a_copy(d, batch, buffers=1):
    inputs = [rows_of(d, batch) for _ in range(buffers)]
    ours = compiled.inference(stacked(d, "hadamard"), *inputs)
    where = " beyond the cache" if buffers > 1 else ""
    question = f"inference, hadamard, beside a copy{where}"
    return _row(question, d, batch, "memory copy", ours, copy_of(inputs))


def _against_torch(d, batch):
    import torch

    x = torch.from_numpy(rows_of(d, batch))
    linear = torch.nn.Linear(d, d)
    ours = compiled.inference(stacked(d, "hadamard"), np.asarray(x))

    def run():
        with torch.no_grad():
            return linear(x)

    return _row("inference, hadamard", d, batch, "torch.nn.Linear", ours, run)


def _predicted(family, d, batch, layers):
    x = rows_of(d, batch)
    ours, dense = stacked(d, family, layers), stacked(d, None, layers)
    return _row(
        f"predict_on_batch, {layers} x {family}",
        d,
        batch,
        DENSE,
        lambda: ours.predict_on_batch(x),
        lambda: dense.predict_on_batch(x),
    )
