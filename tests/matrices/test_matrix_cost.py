"""What a matrix costs to make, counted by hand: limits go by it."""

import pytest

from keras_randproj import matrices

pytestmark = pytest.mark.one_backend


@pytest.mark.parametrize(
    ("family", "shape", "expected"),
    [
        (matrices.Gaussian(), (3, 5), 15),
        (matrices.Rademacher(), (5, 3), 15),
        (matrices.SparseTernary(), (3, 5), 15),
        (matrices.Orthogonal(), (3, 5), 15),
        # Signs of a row each, and the outputs.
        (matrices.Hadamard(), (5, 8), 5 + 8),
        # Two groups of order 8, and the order in which they are chosen.
        (matrices.Hadamard(), (5, 11), 2 * 5 + 11 + 8),
    ],
    ids=str,
)
def test_the_cost_of_a_matrix(family, shape, expected):
    assert family.cost(shape) == expected
