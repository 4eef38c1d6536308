"""How long does the host take to make a matrix from its seed?

The baseline is NumPy's own generator drawing as many entries of the same law
into float32.
"""

import numpy as np

from benchmarks.timing import compare
from keras_randproj import projections

SIZE = 4096


def rows():
    """One row a family."""
    shape = (SIZE, SIZE)
    rng = np.random.default_rng(0)
    baselines = {
        "gaussian": (
            "numpy standard_normal",
            lambda: rng.standard_normal(shape, "float32"),
        ),
        "rademacher": (
            "numpy integers",
            lambda: (1 - 2 * rng.integers(0, 2, shape, "int8")).astype("f4"),
        ),
        "sparse_ternary": (
            "numpy choice",
            lambda: rng.choice(
                np.array([-1, 0, 1], "float32"), shape, p=[1 / 6, 2 / 3, 1 / 6]
            ),
        ),
    }
    for family, (name, draw) in baselines.items():
        spec = projections.get(family).spec()
        yield {
            "question": f"generation of P, {family}",
            "d": SIZE,
            "batch": 0,
            "dtype": "float32",
            "baseline": name,
            **compare(
                lambda spec=spec: projections.tiles.matrix(spec, 0, shape),
                draw,
                repeats=7,
            ),
        }
