"""How fast is a projection of many features to few beside scikit-learn's?"""

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
        model = keras.Sequential([keras.Input((FEATURES,)), layer])
        ours = compiled.inference(model, x)
        for baseline in fitted:
            yield {
                "question": f"transform to {COMPONENTS}, {family}",
                "d": FEATURES,
                "batch": ROWS,
                "dtype": "float32",
                "baseline": f"sklearn {type(baseline).__name__}",
                **compare(ours, lambda b=baseline: b.transform(x)),
            }
