"""Wrong arguments: a ValueError that says what was received."""

import keras
import numpy as np
import pytest

from keras_randproj import PRPDense
from keras_randproj import PRPMultiHeadAttention
from keras_randproj import config
from keras_randproj import projections

WRONG = [
    *[("units", v) for v in (0, -1, 2.0, True, None, "8")],
    *[("depth", v) for v in (0, -1, 1.0, True, None)],
    *[("residual_rank", v) for v in (-1, 0.5, True, None)],
    *[("seed", v) for v in (-1, 2**64, 1.0, True, "1")],
    *[("storage", v) for v in ("disk", None, 1)],
    *[("implementation", v) for v in ("fast", 1)],
    *[("projection", v) for v in ("normal", 3, None, keras.layers.Dense(3))],
    *[("lr_multiplier", v) for v in (0, -1.0, float("inf"), float("nan"))],
    *[("lr_multiplier", v) for v in (True, "10", None)],
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_refused(name, value):
    with pytest.raises(ValueError, match=rf"`{name}` .*Received: {name}="):
        PRPDense(**{"units": 4, name: value})


@pytest.mark.parametrize(
    "arguments",
    [
        {"projection": projections.Gaussian(units=5)},
        {"projection": projections.Gaussian(units=4), "depth": 2},
        {"projection": [projections.Gaussian(units=4)] * 3, "depth": 2},
        {
            "projection": ["gaussian", projections.Gaussian(4)],
            "depth": 2,
        },
        {"projection": []},
        {"projection": projections.Gaussian(units=4), "seed": 3},
        {"projection": "orthogonal", "storage": "seed"},
        {"activation": "no_such"},
        {"alpha_initializer": "no_such"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_combinations_refused(arguments):
    with pytest.raises(
        ValueError, match=r"Received|[Uu]n(known|recognized)|Could not"
    ):
        PRPDense(4, **arguments)


@pytest.mark.parametrize("shape", [(), (3,), (None, None), (2, 3, None)])
def test_shapes_refused_with_nothing_half_built(shape):
    layer = PRPDense(4)
    with pytest.raises(ValueError, match="Received: input_shape"):
        layer.build(shape)
    assert not layer.built
    assert layer.weights == []


def test_an_undefined_last_dimension():
    with pytest.raises(ValueError, match="last dimension is defined"):
        PRPDense(4)(keras.Input((None,)))


def test_rank_one():
    with pytest.raises(ValueError, match="min_ndim=2, found ndim=1"):
        PRPDense(4)(np.zeros(3, "float32"))


def test_another_last_dimension_after_build():
    layer = PRPDense(4)
    layer(np.zeros((2, 3), "float32"))
    for shape in ((2, 5), (2, 3, 4)):
        with pytest.raises(ValueError, match="expected axis -1"):
            layer(np.zeros(shape, "float32"))


def test_no_projection_before_build():
    layer = PRPDense(4, name="enc")
    assert not hasattr(layer, "projection")
    # torch's modules put their own words in place of ours.
    with pytest.raises(AttributeError, match="projection"):
        _ = layer.projection
    with pytest.raises(ValueError, match=r"`transposed.*needs a built layer"):
        layer.transposed()


def test_built_twice():
    """Keras locks a built layer: it is not silently built again."""
    layer = PRPDense(4, seed=1)
    layer.build((None, 3))
    weights = [w.path for w in layer.weights]
    with pytest.raises(ValueError, match="cannot add"):
        layer.build((None, 3))
    assert [w.path for w in layer.weights] == weights


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"projection": "hadamard"},
        {"storage": "seed"},
        {"depth": 2},
        {"residual_rank": 1001},
    ],
    ids=str,
)
def test_too_many_entries_are_refused(options, monkeypatch):
    monkeypatch.setattr(config, "_max_elements", 10**6)
    monkeypatch.setattr(projections.Projection, "build", None)
    units = 10 if "residual_rank" in options else 1001
    layer = PRPDense(units, **options)
    with pytest.raises(ValueError, match="more than the limit of 1000000"):
        layer.build((None, 1000))
    assert layer.weights == []


@pytest.mark.parametrize(
    "arguments", [{"units": 3}, {"seed": 3}, {"depth": 1}, {"storage": "seed"}]
)
def test_transposed_fixes_arguments(arguments):
    layer = PRPDense(4)
    layer.build((None, 3))
    with pytest.raises(ValueError, match=r"`transposed\(\)` takes units"):
        layer.transposed(**arguments)
    with pytest.raises(ValueError, match="4 columns and needs one with 5"):
        layer.transposed()(np.zeros((1, 5), "float32"))


def test_options_of_a_kernel_say_what_to_do():
    with pytest.raises(ValueError, match=r"trains no kernel.*alpha_init"):
        PRPDense(4, kernel_initializer="zeros", name="enc")
    with pytest.raises(ValueError, match=r"trains no kernel.*alpha_init"):
        PRPMultiHeadAttention(2, 4, kernel_regularizer="l2")
