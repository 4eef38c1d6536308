"""How fast is a projection of many features to few beside scikit-learn's?

Ours is a call of the layer on a tensor: eager on torch, where a compiler would
keep arrays of the whole batch, and compiled on JAX and TensorFlow.
"""

import keras
from sklearn.random_projection import GaussianRandomProjection
from sklearn.random_projection import SparseRandomProjection

from benchmarks import compiled
from benchmarks.models import rows_of
from benchmarks.timing import compare
from keras_randproj import projections

ROWS, FEATURES, COMPONENTS = 1000, 16384, 512
BASELINES = (SparseRandomProjection, GaussianRandomProjection)


def rows():
    """One row a family and scikit-learn's class."""
    x = rows_of(FEATURES, ROWS)
    fitted = [b(COMPONENTS, random_state=0).fit(x) for b in BASELINES]
    for family in ("hadamard", "sparse_ternary"):
        layer = projections.get(family, units=COMPONENTS, seed=0)
        ours = call_of(layer, x)
        for baseline in fitted:
            yield {
                "question": f"transform to {COMPONENTS}, {family}",
                "d": FEATURES,
                "batch": ROWS,
                "dtype": "float32",
                "baseline": f"sklearn {type(baseline).__name__}",
                **compare(ours, lambda b=baseline: b.transform(x)),
            }


def call_of(layer, x):
    """A callable that projects x and waits for the result."""
    if keras.backend.backend() != "torch":
        model = keras.Sequential([keras.Input(x.shape[1:]), layer])
        return compiled.inference(model, x)
    import torch

    tensor = torch.from_numpy(x)

    def run():
        with torch.no_grad():
            return layer(tensor)

    return run
