"""Data and layers that one does not think of first."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import EUGenDense
from keras_randproj import distill
from keras_randproj import distill_layer
from keras_randproj.transfer import feed_forwards
from keras_randproj.transfer import to_eugen
from keras_randproj.transfer import to_prp

RULES = {"hidden": to_eugen(6, order=1, projection="gaussian", seed=1)}
PRP = {"hidden": to_prp(residual_rank=2, seed=1)}
BLOCK = {"hidden": feed_forwards(8, seed=1)}
AUTO = {"keep_activation": "auto", "verbose": 0}


def not_registered(x):
    return 1.5 * ops.tanh(x)


def model_of(activation="relu"):
    layers = [
        keras.layers.Dense(16, activation, name="hidden"),
        keras.layers.Dense(3, name="head"),
    ]
    return keras.Sequential([keras.Input((6,)), *layers])


@pytest.fixture
def x(rng):
    return rng.normal(size=(200, 6)).astype("float32")


@pytest.mark.parametrize("rules", [RULES, BLOCK], ids=["layer", "block"])
def test_empty_batches_are_nothing(rules, x):
    model = model_of()
    batches = [x[:0], x[:120], x[:0], x[120:]]
    _, (report,) = distill(model, batches, rules, verbose=0)
    _, (wanted,) = distill(model, x, rules, verbose=0)
    assert report.rows == wanted.rows
    assert report.mean_error == pytest.approx(wanted.mean_error)


def test_weights_without_targets(x):
    """The arrays of a tuple, of which one is `None`."""
    weights = np.ones(200)
    x[3], weights[3] = np.nan, 0
    _, (report,) = distill(model_of(), (x, None, weights), RULES, verbose=0)
    assert report.rows + report.held_out_rows == 199
    with pytest.raises(ValueError, match="at least one row"):
        distill(model_of(), (x, None, 0 * weights), RULES, verbose=0)


def test_a_function_of_ones_own_as_activation(x):
    model = model_of(not_registered)
    options = {"pool": 30, "neurons": True, "verbose": 0}
    student, (report,) = distill(model, x, BLOCK, **options)
    assert report.error < report.mean_error
    new = student.get_layer("hidden")
    assert new.features.feature_activation is not_registered
    _, (report,) = distill(model, x, RULES, **AUTO)
    assert report.keeps_activation


def test_chosen_rows_of_a_rule_stay_its_own(x):
    rule = to_eugen(
        3, order=2, rows=[1, 4, 7], projection="gaussian", seed=1, shift=1.0
    )
    _, (report,) = distill(model_of(), x, {"hidden": rule}, **AUTO)
    assert report.error < report.mean_error


def test_a_quantized_layer_elsewhere(x):
    """Blocks are looked for among all dense layers."""
    model = model_of()
    last = keras.layers.Dense(2, name="last")
    model = keras.Sequential([*model.layers, keras.layers.ReLU(), last])
    model(x)
    last.quantize("int8")
    student, _ = distill(model, x, BLOCK, verbose=0)
    assert student.get_layer("last").quantization_mode == "int8"
    with pytest.raises(ValueError, match="it is quantized"):
        distill(model, x, {"last": to_eugen(3)}, verbose=0)


def test_bfloat16_rows(x):
    teacher = keras.layers.Dense(8, "relu", dtype="bfloat16")
    eugen = EUGenDense(8, 30, 1, "relu", projection="gaussian", seed=1)
    report = distill_layer(eugen, teacher, x, verbose=0)
    assert report.error < report.mean_error


def test_a_prp_layer_of_few_or_bad_rows(x):
    _, (report,) = distill(model_of(), x[:3], PRP, verbose=0)
    assert (report.rows, report.held_out_rows) == (3, 3)
    with pytest.raises(ValueError, match="at least one row"):
        distill(model_of(), (x, None, np.zeros(200)), PRP, verbose=0)
    x[5, 2] = np.nan
    with pytest.raises(ValueError, match="rows 5 of the data"):
        distill(model_of(), x, PRP, verbose=0)
