"""The lemma's bound: against scikit-learn's, and against distances."""

import keras
import numpy as np
import pytest

from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.matrices import min_units


@pytest.mark.parametrize("n_samples", [2, 17, 1_000, 10**6])
@pytest.mark.parametrize("eps", [0.05, 0.3, 0.9])
def test_agrees_with_scikit_learn(n_samples, eps):
    oracle = pytest.importorskip("sklearn.random_projection")
    expected = oracle.johnson_lindenstrauss_min_dim(n_samples, eps=eps)
    # scikit-learn rounds down, and so falls below the bound.
    assert min_units(n_samples, eps) == expected + 1


def test_distances_are_kept(rng):
    n_samples, eps = 40, 0.5
    x = rng.normal(size=(n_samples, 700)).astype("float32")
    units = min_units(n_samples, eps)
    project = projections.Gaussian(units, seed=3)
    y = keras.ops.convert_to_numpy(project(x)) * np.sqrt(700 / units)
    pairs = np.triu_indices(n_samples, 1)
    before = np.sum((x[:, None] - x[None]) ** 2, -1)[pairs]
    after = np.sum((y[:, None] - y[None]) ** 2, -1)[pairs]
    ratio = after / before
    assert ratio.min() > 1 - eps
    assert ratio.max() < 1 + eps


def test_one_point_needs_one_unit():
    assert min_units(1) == 1


@pytest.mark.parametrize(
    "wrong", [(0, 0.1), (10.0, 0.1), (10, 0.0), (10, 1.0), (10, "0.1")]
)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match="Received"):
        min_units(*wrong)


def test_the_inner_width_of_hadamard_stages():
    """The least power of two that holds inputs and outputs."""
    family = matrices.Hadamard()
    widths = {1: 1, 2: 2, 3: 4, 5: 8, 8: 8, 9: 16, 1023: 1024, 1025: 2048}
    for size, width in widths.items():
        assert family.inner_width(size, 1) == width
        assert family.inner_width(1, size) == width
