"""How long does a saved model take to load, and how big is its file?"""

import os
import tempfile

import keras

from benchmarks.models import stacked
from benchmarks.timing import compare

SIZE, LAYERS = 4096, 3


def rows():
    """`keras.models.load_model`, a row a family."""
    with tempfile.TemporaryDirectory() as folder:

        def saved(family):
            path = os.path.join(folder, f"{family}.keras")
            stacked(SIZE, family, LAYERS).save(path)
            return path

        dense = saved(None)
        for family in ("hadamard", "rademacher", "gaussian"):
            ours = saved(family)
            yield {
                "question": f"load_model, {LAYERS} x {family}",
                "d": SIZE,
                "batch": 0,
                "dtype": "float32",
                "baseline": "keras.layers.Dense",
                **compare(
                    lambda ours=ours: keras.models.load_model(ours),
                    lambda: keras.models.load_model(dense),
                    repeats=5,
                    warmup=1,
                ),
                "file_bytes": os.path.getsize(ours),
                "baseline_file_bytes": os.path.getsize(dense),
            }
