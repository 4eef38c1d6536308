"""PRP layers fitted in closed form, against what is known of the best."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import PRPDense
from keras_randproj import distill
from keras_randproj.transfer import to_prp


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def model_of(layer):
    return keras.Sequential([keras.Input((8,)), layer])


@pytest.fixture
def x(rng):
    return rng.normal(size=(500, 8)).astype("float32") + 1


def test_vectors_that_made_the_targets_are_found(x, rng):
    """A dense layer that is a PRP of the same seed."""
    prp = PRPDense(6, seed=5, lr_multiplier=1.0)
    prp.build((None, 8))
    alpha, scale = rng.uniform(0.5, 2, 8), rng.uniform(0.5, 2, 6)
    dense = keras.layers.Dense(6, "relu", name="dense")
    dense.build((None, 8))
    matrix = prp.projection.materialize()
    dense.kernel.assign(alpha[:, None] * matrix * scale)
    dense.bias.assign(np.arange(6))
    student, (report,) = distill(
        model_of(dense), x, {"dense": to_prp(seed=5)}, verbose=0
    )
    assert report.error < 1e-2
    assert report.method == "prp"
    assert report.low_rank_error is None or report.low_rank_error > 0.1
    found = numpy_of(student(x))
    np.testing.assert_allclose(found, numpy_of(dense(x)), atol=0.2)


def test_a_path_of_full_rank_leaves_nothing(x):
    dense = keras.layers.Dense(4, "gelu", name="dense")
    rules = {"dense": to_prp(seed=5, residual_rank=4)}
    _, (report,) = distill(model_of(dense), x, rules, verbose=0)
    assert report.error < 1e-3


def test_it_is_better_than_either_part(x):
    """A path of rank 1 beside the vectors, neither alone."""
    dense = keras.layers.Dense(8, name="dense")
    dense.build((None, 8))
    dense.kernel.assign(np.random.default_rng(3).normal(size=(8, 8)))
    errors = {}
    for rank in (0, 1):
        rules = {"dense": to_prp(seed=5, residual_rank=rank)}
        student, (report,) = distill(model_of(dense), x, rules, verbose=0)
        errors[rank] = report.error
        wanted, found = numpy_of(dense(x))[9::10], numpy_of(student(x))[9::10]
        error = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
        assert report.error == pytest.approx(error, rel=1e-3)
    assert errors[1] < 0.95 * errors[0]
    assert errors[0] < report.mean_error
