"""Distilling whole models: order, inputs, shared layers, generators."""

import keras
import numpy as np
import pytest
from keras import ops
from representatives import run_everywhere

from keras_randproj import convert
from keras_randproj import distill
from keras_randproj import distill_layer
from keras_randproj.transfer import to_eugen


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.fixture
def model():
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, "gelu", name="first"),
            keras.layers.Dense(8, "gelu", name="second"),
            keras.layers.Dense(3, name="head"),
        ]
    )


@pytest.fixture
def x(rng):
    return rng.normal(size=(400, 6)).astype("float32")


RULES = {"first": to_eugen(10, seed=1), "second": to_eugen(12, seed=2)}


@pytest.mark.parametrize(
    "inputs", run_everywhere(["student"], ["student", "teacher"])
)
def test_each_layer_is_fitted_on_what_it_gets(inputs, model, x):
    """Against `distill_layer` on arrays recorded by hand."""
    student, reports = distill(model, x, RULES, inputs=inputs, verbose=0)
    assert [r.layer.split("/")[-1] for r in reports] == ["first", "second"]
    first, second, _ = model.layers
    hidden = numpy_of(first(x))
    targets = numpy_of(second(hidden))
    given = hidden
    if inputs == "student":
        given = numpy_of(student.get_layer("first")(x))
    by_hand = to_eugen(12, seed=2)(second)
    distill_layer(by_hand, None, (given, targets), verbose=0)
    # Equal functions; near-singular heads may differ in directions of noise.
    found = numpy_of(student.get_layer("second")(given))
    np.testing.assert_allclose(
        found, numpy_of(by_hand(given)), rtol=1e-2, atol=1e-3
    )
    wanted, got = numpy_of(model(x)), numpy_of(student(x))
    assert np.linalg.norm(got - wanted) < 0.6 * np.linalg.norm(wanted)


def test_the_teacher_is_left_as_it_is(model, x):
    before = numpy_of(model(x))
    distill(model, x, RULES, verbose=0)
    np.testing.assert_array_equal(numpy_of(model(x)), before)
    assert "call" not in vars(model.get_layer("first"))


@pytest.mark.one_backend
def test_layers_are_fitted_in_the_order_in_which_they_run(x):
    a = keras.Input((6,))
    late = keras.layers.Dense(6, "tanh", name="a_late")
    early = keras.layers.Dense(6, "tanh", name="z_early")
    model = keras.Model(a, late(early(a)))
    rules = [(keras.layers.Dense, to_eugen(8))]
    _, reports = distill(model, x, rules, verbose=0)
    assert [r.layer for r in reports] == ["z_early", "a_late"]


class Backwards(keras.Model):
    """Makes its layers in another order than it runs them."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.last = keras.layers.Dense(3, "tanh", name="last")
        self.inner = [
            keras.layers.Dense(6, "tanh", name=f"inner_{k}") for k in range(2)
        ]
        self.first = keras.layers.Dense(6, "tanh", name="first")

    def call(self, inputs):
        x = self.first(inputs)
        for layer in reversed(self.inner):
            x = layer(x)
        return self.last(x)

    def get_config(self):
        return super().get_config()


def test_layers_of_a_subclassed_model_are_fitted_in_running_order(x):
    model = Backwards()
    wanted = numpy_of(model(x))
    rules = [(keras.layers.Dense, to_eugen(12, seed=1))]
    student, reports = distill(model, x, rules, verbose=0)
    names = [report.layer.split("/")[-1] for report in reports]
    assert names == ["first", "inner_1", "inner_0", "last"]
    # Each on what the ones before it give when they are fitted.
    found = numpy_of(student(x))
    assert np.linalg.norm(found - wanted) < 0.6 * np.linalg.norm(wanted)


@pytest.mark.one_backend
def test_a_shared_layer_sees_the_rows_of_all_its_calls(x):
    a, b = keras.Input((6,)), keras.Input((6,))
    shared = keras.layers.Dense(5, "tanh", name="shared")
    model = keras.Model([a, b], shared(a) + shared(b))
    _, (report,) = distill(
        model, [x, 2 * x], {"shared": to_eugen(8)}, verbose=0
    )
    assert report.rows + report.held_out_rows == 800


def test_convert_with_data_is_the_same(model, x):
    student, _ = distill(model, x, RULES, verbose=0)
    converted = convert(model, RULES, data=x, verbose=0)
    np.testing.assert_allclose(
        numpy_of(student(x)), numpy_of(converted(x)), rtol=1e-4, atol=1e-4
    )


# What data each backend takes, `test_distill_layer.py` asks.
@pytest.mark.one_backend
def test_lists_and_generators_of_batches(model, x):
    wanted = [report.error for report in distill(model, x, RULES, verbose=0)[1]]
    batches = [x[k : k + 100] for k in range(0, 400, 100)]
    for data in (batches, iter(batches), [(b, None) for b in batches]):
        _, reports = distill(model, data, RULES, verbose=0)
        assert [r.rows for r in reports] == [360, 360]
        errors = [report.error for report in reports]
        np.testing.assert_allclose(errors, wanted, rtol=1e-3)


def test_bad_arguments(model, x):
    with pytest.raises(ValueError, match="inputs='both'"):
        distill(model, x, RULES, inputs="both", verbose=0)
    x[3, 2] = np.nan
    with pytest.raises(ValueError, match="rows 3 of the data"):
        distill(model, x, RULES, verbose=0)
