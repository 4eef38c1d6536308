"""Polynomials of activations against closed forms and other fits."""

import itertools
import math

import keras
import numpy as np
import pytest
from numpy.polynomial.polynomial import polyval

from keras_randproj.transfer import activation_polynomials

NAMES = ["relu", "gelu", "softplus", "silu", "mish", "tanh", "sigmoid", "elu"]


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_relu_under_the_normal_distribution(scale):
    """The projection in closed form: E[relu], 1/2, and the second term."""
    fit = activation_polynomials("relu", 2, scale=scale)
    density = 1 / math.sqrt(2 * math.pi)
    second = density / (2 * scale)
    expected = [scale * density - second * scale**2, 0.5, second]
    np.testing.assert_allclose(fit.coefficients, expected, rtol=1e-5)
    # Parseval: what the three terms leave of E[relu^2] = scale^2 / 2.
    left = 0.5 - density**2 - 0.25 - density**2 / 2
    assert fit.error == pytest.approx(scale * math.sqrt(left), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "order"),
    [*((name, 3) for name in NAMES), ("gelu", 0), ("relu", 1), ("silu", 6)],
)
def test_nothing_fits_better_under_the_normal_distribution(name, order):
    """Against weighted least squares on a fine grid."""
    scale = 1.5
    t = scale * np.linspace(-8, 8, 40001)
    weight = np.exp(-((t / scale) ** 2) / 2)
    weight /= weight.sum()
    values = keras.ops.convert_to_numpy(
        keras.activations.get(name)(keras.ops.convert_to_tensor(t, "float32"))
    ).astype("float64")
    root = np.sqrt(weight)
    powers = np.vander(t, order + 1, increasing=True)
    best = np.linalg.lstsq(powers * root[:, None], values * root, rcond=None)
    best_error = np.linalg.norm(powers @ best[0] * root - values * root)
    fit = activation_polynomials(name, order, scale=scale)
    assert fit.error == pytest.approx(best_error, rel=1e-3)
    found = polyval(t, fit.coefficients) - values
    assert np.linalg.norm(found * root) == pytest.approx(best_error, rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_the_error_falls_with_the_order(name):
    errors = [activation_polynomials(name, k).error for k in range(9)]
    assert all(a >= b - 1e-7 for a, b in itertools.pairwise(errors))
    assert errors[8] < 0.25 * errors[0]


def test_a_polynomial_is_its_own_fit():
    def cubic(t):
        return 2.0 - t + 0.5 * t * t * t

    expected = [2.0, -1.0, 0.0, 0.5]
    for options in ({"scale": 2.0}, {"interval": (-1.0, 4.0)}):
        fit = activation_polynomials(cubic, 3, **options)
        np.testing.assert_allclose(fit.coefficients, expected, atol=1e-4)
        assert fit.error < 1e-4


def test_on_an_interval_the_largest_error_is_told():
    fit = activation_polynomials("tanh", 5, interval=(-1, 3))
    t = np.linspace(-1, 3, 1001)
    error = np.abs(polyval(t, fit.coefficients) - np.tanh(t)).max()
    assert fit.error == pytest.approx(error, rel=1e-2)
    # Chebyshev's interpolant is within a small factor of the best.
    least_squares = np.polynomial.Polynomial.fit(t, np.tanh(t), 5)
    assert fit.error < 1.5 * np.abs(least_squares(t) - np.tanh(t)).max()


@pytest.mark.parametrize(
    "activation", ["softmax", "glu", lambda t: t[:2], lambda t: t / 0.0]
)
def test_an_activation_without_a_polynomial(activation):
    with pytest.raises(ValueError, match="no polynomial is known"):
        activation_polynomials(activation, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": -1}, "order=-1"),
        ({"scale": 0.0}, "scale=0"),
        ({"scale": np.inf}, "scale=inf"),
        ({"interval": (1.0, 1.0)}, "interval"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        activation_polynomials("relu", **{"order": 2, **options})
