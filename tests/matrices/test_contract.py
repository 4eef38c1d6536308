"""Entries of every family against the oracle, wherever they are asked for."""

import numpy as np
import oracle
import pytest

from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.matrices.count_sketch import columns
from keras_randproj.matrices.count_sketch import counts

pytestmark = pytest.mark.one_backend

SIGNED = (*oracle.TILED, "hadamard")
SHAPES = [
    (1, 1),
    (1, 7),
    (7, 1),
    (13, 5),
    (16, 16),
    (5, 40),
    (37, 64),
    (64, 37),
    (33, 101),
]


def build(family, shape, seed, **kwargs):
    layer = projections.get(family, units=shape[1], seed=seed, **kwargs)
    layer.build((None, shape[0]))
    return layer


@pytest.mark.parametrize("family", SIGNED)
@pytest.mark.parametrize("seed", oracle.SEEDS)
@pytest.mark.parametrize(
    "corner",
    [(0, 0), (13, 5), (2**31 - 3, 2**32 - 3), (5, 2**33 + 1), (2**36 + 1, 3)],
)
def test_entries_are_the_contracts(family, seed, corner):
    rows, cols = ((start, start + 18) for start in corner)
    found = projections.entries(family, seed, rows, cols)
    assert found.dtype == "float32"
    # The oracle is in float64: one rounding to float32 lies between.
    np.testing.assert_allclose(
        found, oracle.block(family, seed, rows, cols), rtol=2**-23
    )


@pytest.mark.parametrize("family", SIGNED)
def test_streams_differ(family):
    first, second = (
        projections.entries(family, 7, (0, 20), (0, 20), stream=s)
        for s in (0, 5)
    )
    np.testing.assert_allclose(
        second, oracle.block(family, 7, (0, 20), (0, 20), 5), rtol=2**-23
    )
    assert (first != second).any()


@pytest.mark.parametrize("density", [1e-9, 1 / 128, 0.1, 0.3, 0.5, 1, 1.0])
def test_densities_of_sparse_ternary(density):
    spans = (0, 40), (0, 40)
    found = projections.entries("sparse_ternary", 3, *spans, density=density)
    wanted = oracle.block("sparse_ternary", 3, *spans, density=density)
    np.testing.assert_allclose(found, wanted, rtol=2**-23)


@pytest.mark.parametrize("family", SIGNED)
def test_a_block_alone_is_that_of_the_whole(family, rng):
    whole = projections.entries(family, 11, (0, 70), (0, 90))
    for _ in range(20):
        top, left = rng.integers(0, 60), rng.integers(0, 80)
        rows = (top, top + rng.integers(0, 11))
        cols = (left, left + rng.integers(0, 11))
        part = projections.entries(family, 11, rows, cols)
        np.testing.assert_array_equal(part, whole[slice(*rows), slice(*cols)])


@pytest.mark.parametrize("family", oracle.TILED)
def test_a_bigger_matrix_begins_with_the_smaller(family):
    small, large = (
        build(family, shape, seed=5).held.natural()
        for shape in ((30, 20), (61, 45))
    )
    np.testing.assert_array_equal(large[:30, :20], small)


@pytest.mark.parametrize("family", oracle.FAMILIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_materialize_is_the_oracles_matrix(family, shape):
    found = build(family, shape, seed=2**40 + 3).materialize()
    wanted = oracle.matrix(family, 2**40 + 3, shape)
    assert found.dtype == "float64"
    assert found.shape == shape
    # Entries are rounded to float32; those of orthogonal, from such a
    # matrix, amplify that by its condition.
    exact = family != "orthogonal"
    np.testing.assert_allclose(
        found, wanted, rtol=2**-22 if exact else 0, atol=0 if exact else 1e-4
    )


@pytest.mark.parametrize("family", oracle.TILED)
def test_strips_made_by_threads_join(family):
    shape = (2100, 1031)
    whole = build(family, shape, seed=1).held.natural()
    for rows in ((0, 3), (1010, 1030), (2090, 2100)):
        part = projections.entries(family, 1, rows, (0, 1031))
        np.testing.assert_array_equal(whole[slice(*rows)], part)


@pytest.mark.parametrize("shape", [(64, 64), (13, 32), (5, 24), (1, 3)])
def test_hadamard_rows_are_orthogonal(shape):
    p = build("hadamard", shape, seed=3).materialize()
    wanted = np.eye(shape[0]) * shape[1] / shape[0]
    np.testing.assert_allclose(p @ p.T, wanted, atol=1e-12)


@pytest.mark.parametrize("shape", [(64, 64), (64, 13), (16, 1), (1, 1)])
def test_hadamard_columns_are_orthonormal(shape):
    p = build("hadamard", shape, seed=3).materialize()
    np.testing.assert_allclose(p.T @ p, np.eye(shape[1]), atol=1e-12)


@pytest.mark.parametrize("shape", [(40, 40), (40, 7), (7, 40), (1, 5), (5, 1)])
def test_orthogonal_is_orthogonal(shape):
    p = build("orthogonal", shape, seed=3).materialize()
    gram = p.T @ p if shape[0] >= shape[1] else p @ p.T
    size = max(shape) / shape[0]
    np.testing.assert_allclose(gram, np.eye(min(shape)) * size, atol=1e-12)


def test_hadamard_keeps_its_order_where_outputs_are_added():
    """Groups that are full do not depend on how many follow."""
    few = build("hadamard", (16, 32), seed=9).held.natural()
    many = build("hadamard", (16, 45), seed=9).held.natural()
    np.testing.assert_array_equal(many[:, :32], few)


@pytest.mark.parametrize(
    "arguments",
    [
        {"rows": (3, 2)},
        {"rows": (-1, 2)},
        {"cols": (5, 4)},
        {"seed": -1},
        {"seed": 2**64},
        {"seed": 1.0},
        {"seed": True},
        {"family": "normal"},
        {"family": "orthogonal"},
    ],
)
def test_entries_refuses(arguments):
    good = {"family": "gaussian", "seed": 1, "rows": (0, 2), "cols": (0, 2)}
    with pytest.raises(ValueError, match="Received"):
        projections.entries(**{**good, **arguments})


@pytest.mark.parametrize(("seed", "cols"), [(0, 1), (1, 7), (2**64 - 1, 32)])
def test_count_sketch(seed, cols):
    wanted = [oracle.count_sketch_row(seed, cols, i) for i in range(3 * cols)]
    for start, stop in ((0, 3 * cols), (cols // 2, 2 * cols + 1), (2, 2)):
        found = columns(seed, cols, (start, stop))
        assert list(zip(*found, strict=True)) == wanted[start:stop]
    shape = (2 * cols + cols // 2, cols)
    matrix = matrices.get("count_sketch").matrix(seed, shape)
    held = (matrix != 0).sum(0)
    np.testing.assert_array_equal(counts(seed, shape), held)
    unit = matrix / np.sqrt(cols * held)
    np.testing.assert_allclose(unit.T @ unit, np.eye(cols), atol=1e-12)


def test_kept_outputs_are_shared_and_cannot_be_written():
    found = matrices.Hadamard().positions(3, (5, 6))
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1


@pytest.mark.parametrize(("rows", "groups"), [((0, 7), 1), ((0, 8), 2)])
def test_groups_reach_to_the_last_chosen_row(rows, groups):
    assert matrices.Hadamard().choose(rows).layout((5, 2)) == (8, groups)
