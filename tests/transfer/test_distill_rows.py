"""Which rows count: masks and weights; and layers that are dense in effect."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import distill
from keras_randproj import distill_layer
from keras_randproj.transfer import to_eugen

OPTIONS = {"seed": 1, "projection": "gaussian"}


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.fixture
def padded(rng):
    """Sequences of which the last half is padding, and which rows are real."""
    x = rng.normal(size=(60, 8, 6)).astype("float32")
    real = np.arange(8) < rng.integers(2, 8, size=(60, 1))
    x[~real] = 0
    return x, real


class Shout(keras.layers.Layer):
    """Makes padding huge behind the mask."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        there = ops.any(ops.not_equal(inputs, 0), axis=-1, keepdims=True)
        return ops.where(there, inputs, 1e6)


def model_of(*layers):
    teacher = keras.layers.Dense(5, "tanh", name="dense")
    return keras.Sequential([keras.Input((8, 6)), *layers, teacher])


def test_padding_behind_a_mask_has_no_part(padded):
    x, real = padded
    model = model_of(keras.layers.Masking(), Shout(name="shout"))
    rules = {"dense": to_eugen(10, **OPTIONS)}
    _, (report,) = distill(model, x, rules, verbose=0)
    assert report.rows + report.held_out_rows == real.sum()
    alone = to_eugen(10, **OPTIONS)(model.get_layer("dense"))
    wanted = distill_layer(alone, model.get_layer("dense"), x[real], verbose=0)
    assert report.error == pytest.approx(wanted.error, rel=1e-3)
    assert report.mean_error == pytest.approx(wanted.mean_error, rel=1e-4)
    assert report.low_rank_error == pytest.approx(
        wanted.low_rank_error, rel=1e-2
    )


@pytest.mark.one_backend
def test_padding_that_weighs_nothing_has_no_part(padded):
    x, real = padded
    model = model_of(Shout(name="shout"))
    rules = {"dense": to_eugen(10, **OPTIONS)}
    data = [(x[:30], None, real[:30]), (x[30:], None, real[30:])]
    _, (report,) = distill(model, data, rules, verbose=0)
    assert report.rows + report.held_out_rows == real.sum()
    assert report.error < 0.9 * report.mean_error


@pytest.mark.one_backend
def test_weights_are_repetitions(rng):
    """A row that weighs 3 counts as three rows do."""
    x = rng.normal(size=(400, 6)).astype("float32")
    y = np.tanh(x @ rng.normal(size=(6, 4))).astype("float32")
    weights = rng.integers(0, 4, size=400)
    heads = []
    for data in (
        (x, y, weights.astype("float32")),
        (np.repeat(x, weights, axis=0), np.repeat(y, weights, axis=0)),
    ):
        eugen = to_eugen(10, **OPTIONS)(keras.layers.Dense(4))
        distill_layer(
            eugen, None, data, ridge=0.1, validation_split=0, verbose=0
        )
        heads.append(numpy_of(eugen.kernel))
    np.testing.assert_allclose(*heads, rtol=1e-3, atol=1e-4)


def test_weights_that_do_not_fit(padded):
    x, _ = padded
    rules = {"dense": to_eugen(10, **OPTIONS)}
    for weights in (np.ones((60, 7)), -np.ones(60)):
        with pytest.raises(ValueError, match="Sample weights and masks"):
            distill(model_of(), [(x, None, weights)], rules, verbose=0)


def test_a_layer_behind_a_pooling(padded):
    """Weights of steps say whether a sequence counts."""
    x, real = padded
    real = real & (np.arange(60) < 40)[:, None]
    pool = keras.layers.GlobalAveragePooling1D()
    rules = {"dense": to_eugen(4, **OPTIONS)}
    _, (report,) = distill(model_of(pool), [(x, None, real)], rules, verbose=0)
    assert report.rows + report.held_out_rows == 40


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(5, 1, activation="relu", name="dense"),
        pytest.param(
            keras.layers.EinsumDense("abcd,de->abce", (7, 7, 5), name="dense"),
            marks=pytest.mark.one_backend,
        ),
        keras.layers.EinsumDense("abcd,cdef->abef", (7, 2, 3), name="dense"),
    ],
    ids=["conv", "einsum", "einsum of two axes"],
)
def test_layers_that_are_dense_in_effect(layer, rng):
    x = rng.normal(size=(20, 7, 7, 4)).astype("float32")
    model = keras.Sequential([keras.Input((7, 7, 4)), layer])
    rules = {"dense": to_eugen(20, order=1, **OPTIONS)}
    student, (report,) = distill(model, x, rules, verbose=0)
    assert report.error < 0.95 * report.mean_error
    wanted, found = numpy_of(model(x)), numpy_of(student(x))
    assert found.shape == wanted.shape
    error = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
    assert error == pytest.approx(report.error, rel=0.3)


def test_frozen_layers_stay_frozen_and_names_stay():
    inputs = keras.Input((6,))
    first = keras.layers.Dense(6, "tanh", name="mine")
    last = keras.layers.Dense(2, name="own head")
    model = keras.Model(inputs, last(first(inputs)), name="my model")
    first.trainable = False
    x = np.random.default_rng(0).normal(size=(300, 6)).astype("float32")
    rules = {"mine": to_eugen(8, **OPTIONS)}
    student, _ = distill(model, x, rules, pool=32, verbose=0)
    assert student.name == "my model"
    assert [w.path for w in student.trainable_weights] == [
        w.path for w in last.weights
    ]
