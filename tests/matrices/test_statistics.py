"""Moments, correlations and distortion of every family against theory.

Bounds are five standard errors, derived for each statistic; the seeds are
fixed, so a test that passes once passes always.
"""

import math

import numpy as np
import oracle
import pytest

from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.matrices import derive_seed

pytestmark = pytest.mark.one_backend

SIDE = 1024
ENTRIES = SIDE * SIDE
# Fourth and eighth moments of an entry: the standard error of a kurtosis is
# sqrt((m8 - m4**2) / entries). Sparse ternary has 43 of 128 levels nonzero.
NONZERO = 43 / 128
MOMENTS = {
    "gaussian": (3.0, 105.0),
    "orthogonal": (3.0, 105.0),
    "rademacher": (1.0, 1.0),
    "hadamard": (1.0, 1.0),
    "sparse_ternary": (1 / NONZERO, 1 / NONZERO**3),
}
SQUARE = [f for f in oracle.FAMILIES if f not in oracle.TILED]


def _natural(family, shape, seed):
    layer = projections.get(family, units=shape[1], seed=seed)
    layer.build((None, shape[0]))
    return layer.held.natural()


@pytest.fixture(scope="module", params=oracle.FAMILIES)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def matrix(family):
    return _natural(family, (SIDE, SIDE), seed=2024)


def test_moments(family, matrix):
    fourth, eighth = MOMENTS[family]
    error = 1 / math.sqrt(ENTRIES)
    assert abs(matrix.mean()) < 5 * error
    # The table of the gaussian family, and a QR, lack the farthest tails.
    spread = 5 * error * math.sqrt(fourth - 1) + 1e-6
    assert abs((matrix**2).mean() - 1) < spread
    assert abs((matrix**3).mean()) < 5 * error * math.sqrt(15) + 1e-6
    spread = 5 * error * math.sqrt(eighth - fourth**2) + 5e-3
    assert abs((matrix**4).mean() - fourth) < spread


def test_rows_and_columns_are_uncorrelated(family, matrix):
    pairs = SIDE * (SIDE - 1) / 2
    for side in (matrix, matrix.T):
        gram = (side @ side.T) / SIDE
        off = gram[np.triu_indices(SIDE, 1)]
        if family in SQUARE:
            assert np.abs(off).max() < 1e-9
            continue
        # d c^2 has mean 1 and, over many pairs, a variance of 2.
        mean = (off**2).mean() * SIDE
        assert abs(mean - 1) < 5 * math.sqrt(2 / pairs) + 5e-3
        # The largest of N normals stays below sqrt(2 ln N), and some.
        assert np.abs(off).max() < 1.3 * math.sqrt(2 * math.log(pairs) / SIDE)


def test_entries_at_any_small_distance_are_uncorrelated(family, matrix):
    if family == "hadamard":
        return _hadamard_signs_are_uncorrelated()
    for down in range(17):
        for right in range(17):
            if down or right:
                a = matrix[down:, right:]
                b = matrix[: SIDE - down, : SIDE - right]
                assert abs((a * b).mean()) < 5.5 / math.sqrt(a.size)
    return None


def _hadamard_signs_are_uncorrelated():
    signs = projections.entries("hadamard", 3, (0, SIDE), (0, SIDE))
    for shift in range(1, 17):
        for a, b in (
            (signs[shift:], signs[:-shift]),
            (signs[:, shift:], signs[:, :-shift]),
        ):
            assert abs((a * b).mean()) < 5 / math.sqrt(a.size)


@pytest.mark.parametrize(
    "other", [2025, 2024 + 2**32, derive_seed(2024, 0), derive_seed(2024, 1)]
)
def test_seeds_give_unrelated_matrices(family, matrix, other):
    second = _natural(family, (SIDE, 64), other)
    first = matrix[:, :64]
    # Structured families repeat signs: as few as SIDE of them are free.
    free = first.size if family in oracle.TILED else SIDE
    assert abs((first * second).mean()) < 5 / math.sqrt(free)


def test_distortion_follows_johnson_and_lindenstrauss(family):
    """|Px|^2 / |x|^2 over 500 matrices of 64 x 32: 10^6 entries."""
    dim, units, draws = 64, 32, 500
    rng = np.random.default_rng(5)
    x = rng.normal(size=dim)
    x /= np.linalg.norm(x)
    law = matrices.get(family)
    ratios = []
    for k in range(draws):
        y = x @ law.matrix(derive_seed(99, k), (dim, units))
        ratios.append((y**2).sum() / units)
    fourths = (x**4).sum()
    rest = (dim - units) / (dim - 1)
    variance = {
        # Independent entries of kurtosis k: (2 + (k - 3) sum x^4) / m.
        **{
            name: (2 + (MOMENTS[name][0] - 3) * fourths) / units
            for name in oracle.TILED
        },
        # m of n outputs without replacement, of lengths that add up to n.
        "hadamard": 2 * (1 - fourths) / units * rest,
        # A Beta distribution: m of n squares of a random unit vector.
        "orthogonal": 2 * (dim - units) / (units * (dim + 2)),
    }[family]
    assert abs(np.mean(ratios) - 1) < 5 * math.sqrt(variance / draws)
    # Excess kurtosis of a sum of m squares is at most 12 / m and a bit.
    error = variance * math.sqrt((2 + 15 / units) / draws)
    assert abs(np.var(ratios) - variance) < 5 * error


def test_the_share_of_zeros_is_the_density():
    for density in (1 / 128, 0.25, 1.0):
        found = projections.entries(
            "sparse_ternary", 5, (0, SIDE), (0, SIDE), density=density
        )
        error = math.sqrt(density * (1 - density) / ENTRIES)
        assert abs((found != 0).mean() - density) <= 5 * error
        assert abs((found**2).mean() - 1) < 5 * error / density + 1e-5
