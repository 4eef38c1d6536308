"""EUGens against Theorems 3.1 and 3.2 of the paper, in float64 NumPy."""

import functools

import keras
import numpy as np
import pytest
from numpy.polynomial.polynomial import polyval

from keras_randproj import EUGenDense
from keras_randproj.layers import EUGenFeatures
from keras_randproj.layers.eugen.estimator import unbiased_head
from keras_randproj.matrices import derive_seed
from keras_randproj.matrices import get
from keras_randproj.transfer import activation_polynomials

SEEDS = 4000
INPUT_DIM = 6
FEATURES = 64
ORDER = 4
# Degree 4 with both signs.
COEFFICIENTS = np.array([0.3, -0.8, 0.5, 0.4, -0.2])
FOURTH_MOMENT = {"gaussian": 3.0, "rademacher": 1.0}


def problem():
    """Weights `(input_dim, units)` and inputs of a small teacher."""
    rng = np.random.default_rng(5)
    kernel = rng.normal(size=(INPUT_DIM, 3)) * 0.35
    return kernel, rng.normal(size=(2, INPUT_DIM)) * 0.7


def seed_contract(family, seed, count):
    """The matrices of a layer of this seed."""
    law = get(family)
    return [
        law.entries(
            derive_seed(derive_seed(seed, k), 0),
            (0, INPUT_DIM),
            (0, FEATURES),
        ).astype("float64")
        / np.sqrt(INPUT_DIM)
        for k in range(count)
    ]


@functools.cache
def terms(family, shared):
    """What each degree adds to the outputs, `(seeds, order, rows, units)`.

    The columns of one seed's matrix are independent, so that one draw a seed
    serves all factors.
    """
    kernel, inputs = problem()
    features = EUGenFeatures(
        FEATURES, ORDER, share_projections=shared, norm_feature=False
    )
    width = features.num_factors * FEATURES
    law = get(family)
    out, shifts = [], []
    for seed in range(SEEDS):
        wide = law.entries(seed, (0, INPUT_DIM), (0, width))
        wide = wide.astype("float64") / np.sqrt(INPUT_DIM)
        matrices = np.split(wide, features.num_factors, axis=1)
        features.matrices = lambda _, drawn=matrices: drawn
        head, shift = unbiased_head(
            features, kernel, np.zeros(kernel.shape[1]), COEFFICIENTS
        )
        shifts.append(shift)
        blocks = features.products([inputs @ m for m in matrices])
        heads = np.split(head, ORDER)
        out.append([f @ h for f, h in zip(blocks, heads, strict=True)])
    np.testing.assert_allclose(shifts, COEFFICIENTS[0])
    return np.array(out)


def estimates(family, shared, order):
    """One estimate of every output for each seed."""
    return COEFFICIENTS[0] + terms(family, shared)[:, :order].sum(axis=1)


def second_moment(family, kernel, inputs):
    """E[((g . x)(g . w))^2] of the theorem, for unit-variance entries."""
    squares = np.outer(np.sum(inputs**2, 1), np.sum(kernel**2, 0))
    excess = (FOURTH_MOMENT[family] - 3) * (inputs**2 @ kernel**2)
    return 2 * (inputs @ kernel) ** 2 + squares + excess


def variance(family, shared, order):
    """Theorem 3.2; with shared matrices the blocks also covary."""
    kernel, inputs = problem()
    mean = inputs @ kernel
    moment = second_moment(family, kernel, inputs)
    total = 0
    for i in range(1, order + 1):
        for j in range(1, order + 1):
            if i == j or shared:
                low, high = min(i, j), max(i, j)
                covariance = moment**low * mean ** (high - low)
                covariance = covariance - mean ** (i + j)
                total = total + COEFFICIENTS[i] * COEFFICIENTS[j] * covariance
    return total / FEATURES


def within(found, target):
    """Whether means lie within 4 standard errors of the target."""
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    return np.abs(found.mean(axis=0) - target) < 4 * error


# In float64 NumPy, whatever the backend is.
@pytest.mark.one_backend
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("family", ["gaussian", "rademacher"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_mean_and_variance(order, family, shared):
    kernel, inputs = problem()
    found = estimates(family, shared, order)
    assert np.all(
        within(found, polyval(inputs @ kernel, COEFFICIENTS[: order + 1]))
    )
    expected = variance(family, shared, order)
    ratio = found.var(axis=0, ddof=1).mean() / expected.mean()
    assert abs(ratio - 1) < 0.05, ratio


@pytest.mark.one_backend
@pytest.mark.parametrize("damage", ["sign", "exponent"])
def test_a_wrong_sign_or_exponent_is_seen(damage):
    """The bounds above are tight enough to refuse the known mistakes."""
    kernel, inputs = problem()
    wrong = COEFFICIENTS[:3].copy()
    if damage == "sign":
        wrong = np.abs(wrong)
    else:
        wrong[1:] = np.sign(wrong[1:]) / np.abs(wrong[1:])
    found = estimates("rademacher", True, 2)
    assert not np.all(within(found, polyval(inputs @ kernel, wrong)))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("family", ["gaussian", "rademacher"])
def test_the_layer_is_that_estimator(family, shared):
    kernel, inputs = problem()
    bias = np.array([0.2, -0.3, 0.0])
    dense = keras.layers.Dense(3)
    dense.build((None, INPUT_DIM))
    dense.set_weights([kernel, bias])
    eugen = EUGenDense.from_dense(
        dense,
        order=3,
        num_features=FEATURES,
        projection=family,
        coefficients=COEFFICIENTS[:4],
        seed=77,
        share_projections=shared,
    )
    matrices = seed_contract(family, 77, 3 if shared else 6)
    polynomial = np.polynomial.Polynomial(COEFFICIENTS[:4])
    expected = 0
    for unit, b in enumerate(bias):
        c = polynomial(np.polynomial.Polynomial([b, 1])).coef
        column = np.full(len(inputs), c[0])
        for i in (1, 2, 3):
            first = 0 if shared else i * (i - 1) // 2
            chosen = matrices[first : first + i]
            left = np.prod([inputs @ m for m in chosen], axis=0)
            right = np.prod([kernel[:, unit] @ m for m in chosen], axis=0)
            scale = c[i] * INPUT_DIM**i / FEATURES
            column = column + scale * (left @ right)
        expected = expected + np.outer(column, np.eye(3)[unit])
    out = keras.ops.convert_to_numpy(eugen(inputs.astype("float32")))
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_large_bias_widens_the_range_that_the_polynomial_fits(activation):
    """At zero all products are zero, and the output is f(bias)."""
    kernel, _ = problem()
    bias = np.array([6.0, 7.0, 8.0])
    dense = keras.layers.Dense(3, activation=activation)
    dense.build((None, INPUT_DIM))
    dense.set_weights([kernel, bias])
    eugen = EUGenDense.from_dense(dense, order=2, num_features=8, seed=1)
    zeros = np.zeros((1, INPUT_DIM), "float32")
    found = keras.ops.convert_to_numpy(eugen(zeros))[0]
    # Pre-activations of inputs of unit variance have this second moment.
    scale = np.sqrt(np.mean(np.sum(kernel**2, axis=0) + bias**2))
    fit = activation_polynomials(activation, 2, scale=scale)
    np.testing.assert_allclose(
        found, polyval(bias, fit.coefficients), rtol=1e-5
    )
    # So it stays near the layer, where a fit around zero is far off.
    np.testing.assert_allclose(found, bias, rtol=0.15)
    narrow = activation_polynomials(activation, 2, scale=1.0).coefficients
    assert np.all(polyval(bias, narrow) > 1.5 * bias)


@pytest.mark.one_backend
def test_orthogonal_features_have_less_variance():
    """At order 1, where the paper proves it."""
    kernel, inputs = problem()

    def spread(family):
        outputs = []
        for seed in range(300):
            features = EUGenFeatures(
                3, 1, projection=family, norm_feature=False, seed=seed
            )
            head, shift = unbiased_head(
                features, kernel, np.zeros(3), [0.0, 1.0]
            )
            matrix = features.matrices(INPUT_DIM)[0]
            outputs.append(inputs @ matrix @ head + shift)
        outputs = np.stack(outputs)
        assert np.all(within(outputs, inputs @ kernel))
        return outputs.var(axis=0).mean()

    assert spread("orthogonal") < 0.8 * spread("gaussian")
