"""The models that are compared, and their input."""

import keras
import numpy as np

from keras_randproj import PRPDense


def stacked(d, family, layers=1):
    """Layers d -> d: PRPDense of a family, or Dense where it is `None`.

    "vector" stands for layers that multiply by a vector and add another.
    """

    def layer(k):
        if family is None:
            return keras.layers.Dense(d)
        if family == "vector":
            return keras.layers.EinsumDense("bd,d->bd", d, bias_axes="d")
        return PRPDense(d, projection=family, seed=k)

    model = keras.Sequential([keras.Input((d,)), *map(layer, range(layers))])
    model.compile("adam", "mse")
    return model


def rows_of(d, batch):
    """float32 rows of standard normal numbers."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((batch, d), "float32")
