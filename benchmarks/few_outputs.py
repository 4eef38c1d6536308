"""Is a transform of few outputs faster where only those are computed?

`kernels.few_outputs` chooses by size: a row compares that choice with the
transform of all outputs, of which some are taken then. Near 1 the choice is
the same.
"""

import keras

from benchmarks.models import rows_of
from benchmarks.sketching import call_of
from benchmarks.timing import compare
from keras_randproj import projections
from keras_randproj.kernels.reference import few_outputs

# d, outputs, batch
SIZES = (
    (1024, 10, 4096),
    (2048, 64, 2048),
    (4096, 512, 4096),
    (8192, 256, 512),
    (16384, 512, 256),
)


def rows():
    """One row a size."""
    holder, name = few_outputs, "SHARES"
    if keras.backend.backend() == "torch":
        from keras_randproj.kernels.torch_cpu import blocks

        holder, name = blocks, "FEW"
    chosen = getattr(holder, name)
    for d, units, batch in SIZES:
        x = rows_of(d, batch)

        def ours(shares, call):
            setattr(holder, name, shares)
            call()

        calls = [_call(units, x) for _ in range(2)]
        yield {
            "question": f"{units} outputs, hadamard",
            "d": d,
            "batch": batch,
            "dtype": "float32",
            "baseline": "all outputs",
            **compare(
                lambda c=calls[0]: ours(chosen, c),
                lambda c=calls[1]: ours((), c),
            ),
        }
        setattr(holder, name, chosen)


def _call(units, x):
    return call_of(projections.get("hadamard", units=units, seed=0), x)
