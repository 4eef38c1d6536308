"""Layers that end in the teacher's own activation."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import EUGenDense
from keras_randproj import distill
from keras_randproj import distill_layer
from keras_randproj import merge
from keras_randproj.transfer import feed_forwards
from keras_randproj.transfer import to_eugen

GAUSSIAN = {"projection": "gaussian", "seed": 3}
AUTO = {"keep_activation": "auto", "verbose": 0}


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def relu(x):
    return np.maximum(x, 0)


def teacher_of(layer, *others, shape=(6,)):
    model = keras.Sequential([keras.Input(shape), layer, *others])
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


@pytest.fixture
def x(rng):
    return rng.normal(size=(500, 6)).astype("float32")


def held_out(count):
    return np.arange(9, count, 10)


def relative(found, wanted):
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


def test_the_linear_part_is_fitted_and_the_activation_stays(x):
    """Against least squares in NumPy on what goes into the ReLU."""
    model = teacher_of(keras.layers.Dense(4, "relu", name="hidden"))
    rules = {"hidden": to_eugen(3, order=1, **GAUSSIAN)}
    student, (report,) = distill(model, x, rules, ridge=0, **AUTO)
    new = student.get_layer("hidden")
    assert report.keeps_activation
    assert "teacher's own activation" in str(report)
    assert new.activation is keras.activations.relu
    assert new.features.feature_activation is keras.activations.linear
    kernel, bias = model.layers[0].get_weights()
    matrix = numpy_of(new.features(np.eye(6, dtype="float32")))
    inner = np.c_[x @ matrix, np.ones(len(x))].astype("float64")
    out = held_out(len(x))
    head = np.linalg.lstsq(
        np.delete(inner, out, 0), np.delete(x @ kernel + bias, out, 0)
    )[0]
    wanted = relu(inner @ head)
    np.testing.assert_allclose(numpy_of(student(x)), wanted, atol=1e-4)
    error = relative(wanted[out], relu(x @ kernel + bias)[out])
    assert report.error == pytest.approx(error, rel=1e-3)


@pytest.mark.parametrize("kept", [False, "auto"])
def test_what_is_better_on_held_out_rows_stays(kept, x):
    """Signs of what goes into a step are lost; its mean is not."""
    layer = keras.layers.Dense(40, "hard_sigmoid", name="hidden")
    model = teacher_of(layer)
    layer.kernel.assign(100 * layer.kernel)
    rules = {"hidden": to_eugen(1, order=1, **GAUSSIAN)}
    student, (report,) = distill(
        model, x, rules, keep_activation=kept, verbose=0
    )
    assert not report.keeps_activation
    _, (other,) = distill(model, x, rules, keep_activation=True, verbose=0)
    assert other.keeps_activation
    assert other.error > report.error
    assert other.mean_error == pytest.approx(report.mean_error)
    following = keras.layers.Dense(2)
    following.build((None, 40))
    merge(student.get_layer("hidden"), following)


def test_chosen_rows_and_directions_store_no_more(x):
    model = teacher_of(keras.layers.Dense(20, "relu", name="hidden"))
    # 3 rows of order 2 take 123 numbers, of order 1 there are 5 for 105.
    rules = {"hidden": to_eugen(3, feature_activation="relu", **GAUSSIAN)}
    options = {"neurons": True, "pool": 40, **AUTO}
    student, (report,) = distill(model, x, rules, **options)
    assert report.keeps_activation
    assert report.stored <= 3 * (1 + 2 * 20) + 20
    assert report.error < 0.5
    new = student.get_layer("hidden")
    assert new.features.num_neurons == 0
    copy = EUGenDense.from_config(new.get_config())
    copy.build((None, 6))
    copy.set_weights(new.get_weights())
    np.testing.assert_allclose(numpy_of(copy(x)), numpy_of(new(x)), atol=1e-5)
    # The rivals are those of the whole layer, and its best one is compared.
    _, (best,) = distill(model, x, rules, method="best", **options)
    errors = best.error, best.low_rank_error, best.neurons_error
    assert best.method == ("eugen", "low_rank", "neurons")[np.argmin(errors)]


def test_a_block_keeps_what_follows_it(x):
    model = teacher_of(
        keras.layers.Dense(16, "relu", name="inner"),
        keras.layers.Dense(3, "relu"),
    )
    rules = {"inner": feed_forwards(200, seed=3)}
    _, (imitated,) = distill(model, x, rules, keep_activation=False, verbose=0)
    student, (report,) = distill(model, x, rules, **AUTO)
    assert report.keeps_activation
    assert report.error < imitated.error
    new = student.get_layer("inner")
    assert new.features.feature_activation is keras.activations.relu
    assert relative(numpy_of(student(x)), numpy_of(model(x))) < report.error * 2


@pytest.mark.parametrize("kind", ["conv", "einsum"])
def test_layers_that_are_dense_up_to_their_axes(kind, rng):
    x = rng.normal(size=(80, 3, 2, 6)).astype("float32")
    layer = {
        "conv": lambda: keras.layers.Conv2D(5, 1, activation="relu", name="it"),
        "einsum": lambda: keras.layers.EinsumDense(
            "abcd,de->abce",
            (None, None, 5),
            activation="relu",
            bias_axes="e",
            name="it",
        ),
    }[kind]()
    model = teacher_of(layer, shape=(3, 2, 6))
    rules = {"it": to_eugen(6, order=1, **GAUSSIAN)}
    student, (report,) = distill(model, x, rules, **AUTO)
    # As many rows as inputs are any linear map.
    assert report.keeps_activation
    assert report.error < 1e-4
    np.testing.assert_allclose(
        numpy_of(student(x)), numpy_of(model(x)), atol=1e-2
    )


def test_a_linear_layer_gets_linear_features(x):
    model = teacher_of(keras.layers.Dense(4, name="hidden"))
    rules = {"hidden": to_eugen(6, feature_activation="relu", **GAUSSIAN)}
    student, (report,) = distill(model, x, rules, **AUTO)
    assert not report.keeps_activation
    assert report.error < 1e-4
    assert student.get_layer("hidden").features.order == 1


def test_a_layer_with_an_activation_of_its_own(x):
    teacher = keras.layers.Dense(4, "tanh")
    teacher.build((None, 6))
    eugen = EUGenDense(
        4, 6, 1, activation="tanh", norm_feature=False, **GAUSSIAN
    )
    report = distill_layer(eugen, teacher, x, verbose=0)
    assert report.keeps_activation
    assert report.error < 1e-4
    tuned = distill_layer(eugen, teacher, x, epochs=1, verbose=0)
    assert tuned.fine_tuned_error < 0.05
    for wrong in (keras.layers.Dense(4, "relu"), lambda x: ops.tanh(x[:, :4])):
        with pytest.raises(ValueError, match="an output activation"):
            distill_layer(eugen, wrong, x, verbose=0)
    with pytest.raises(ValueError, match="keep_activation='no'"):
        distill(
            teacher_of(teacher),
            x,
            {"*": to_eugen(3)},
            keep_activation="no",
            verbose=0,
        )
