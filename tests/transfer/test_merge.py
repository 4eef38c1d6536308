"""Merging keeps the function, drops the hidden width, and says when not."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import EUGenDense
from keras_randproj import merge


def make(**options):
    eugen = EUGenDense(12, 5, seed=3, bias_initializer="normal", **options)
    dense = keras.layers.Dense(4, activation="tanh", bias_initializer="normal")
    eugen.build((None, 6))
    dense.build((None, 12))
    return eugen, dense


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": 3, "feature_activation": "relu", "projection": "hadamard"},
        {"trainable_projection": True},
        {"modulation": True},
        {"use_bias": False},
    ],
)
def test_keeps_the_function(options, rng):
    eugen, dense = make(**options)
    for weight in eugen.features.trainable_weights:
        weight.assign(ops.convert_to_numpy(weight) * 1.5)
    x = rng.normal(size=(8, 6)).astype("float32")
    merged = merge(eugen, keras.layers.Dropout(0.5), dense)
    np.testing.assert_allclose(
        ops.convert_to_numpy(merged(x)),
        ops.convert_to_numpy(dense(eugen(x))),
        rtol=1e-4,
        atol=1e-5,
    )
    order = options.get("order", 2)
    assert tuple(merged.kernel.shape) == (order * 5, 4)
    assert merged.seed == eugen.seed


def test_refuses_what_is_not_linear():
    eugen, dense = make()
    with pytest.raises(ValueError, match=r"'act'.*not known to be linear"):
        merge(eugen, keras.layers.ReLU(name="act"), dense)
    with pytest.raises(ValueError, match="output activation is not linear"):
        merge(make(activation="relu")[0], dense)


def test_refuses_what_does_not_fit():
    eugen, dense = make()
    with pytest.raises(ValueError, match="must be a `Dense`"):
        merge(eugen, keras.layers.Dropout(0.1))
    with pytest.raises(ValueError, match="must be a `Dense`"):
        merge(eugen)
    with pytest.raises(ValueError, match="12 outputs"):
        merge(eugen, keras.layers.Dense(4))
    with pytest.raises(ValueError, match="built `EUGenDense`"):
        merge(dense, dense)


def test_chosen_rows_and_neurons_stay():
    options = {"projection": "gaussian", "rows": [3, 8, 40], "shift": 1.0}
    eugen = EUGenDense(
        12, 3, order=1, feature_activation="relu", num_neurons=5, **options
    )
    x = np.random.default_rng(0).normal(size=(7, 6)).astype("float32")
    dense = keras.layers.Dense(4)
    wanted = ops.convert_to_numpy(dense(eugen(x)))
    merged = merge(eugen, dense)
    found = ops.convert_to_numpy(merged(x))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert merged.features.family.rows == (3, 8, 40)
