"""Stages of a layer: their sizes, storages and implementations."""

import keras
import numpy as np
import oracle
import pytest
from keras import ops

from keras_randproj import PRPDense
from keras_randproj import kernels
from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.matrices import packing
from keras_randproj.matrices import tiles


@pytest.mark.parametrize("storage", ["dense", "seed"])
@pytest.mark.parametrize("shape", [(9, 4), (4, 9)])
def test_two_stages_of_a_stored_family(shape, storage, rng):
    """Between them lie as many features as the larger side has."""
    inputs, units = shape
    layer = PRPDense(units, depth=2, seed=3, storage=storage)
    x = rng.normal(size=(2, inputs)).astype("float32")
    found = ops.convert_to_numpy(layer(x))
    first, second = (oracle.derived_seed(3, k) for k in range(2))
    wanted = x @ oracle.matrix("gaussian", first, (inputs, 9))
    wanted = wanted @ oracle.matrix("gaussian", second, (9, units))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("storage", ["dense", "seed", "packed"])
def test_every_stage_has_the_storage(storage):
    layer = PRPDense(5, "relu", projection="rademacher", depth=3, seed=1)
    config = {**layer.get_config(), "storage": storage}
    again = PRPDense.from_config(config)
    again.build((None, 7))
    name = {"dense": "matrix", "seed": "key", "packed": "words"}[storage]
    assert [p.storage for p in again.projections] == [storage] * 3
    assert [list(p.held.weights) for p in again.projections] == [[name]] * 3


def test_stages_keep_their_implementations(rng, monkeypatch):
    """Each run of equal ones is one call."""
    calls = []
    modulate = kernels.modulate

    def noted(operands, x, alphas, scale, bias, implementation):
        calls.append((len(operands), implementation, scale is None))
        return modulate(operands, x, alphas, scale, bias, implementation)

    names = ["reference", "reference", "portable", None]
    given = [
        projections.Hadamard(8, seed=k, implementation=name)
        for k, name in enumerate(names)
    ]
    layer = PRPDense(8, projection=given, depth=4)
    x = rng.normal(size=(2, 8)).astype("float32")
    layer(x)
    monkeypatch.setattr(kernels, "modulate", noted)
    found = ops.convert_to_numpy(layer(x))
    assert calls == [
        (2, "reference", True),
        (1, "portable", True),
        (1, None, False),
    ]
    wanted = x
    for k in range(4):
        wanted = wanted @ oracle.matrix("hadamard", k, (8, 8))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("family", ["rademacher", "sparse_ternary"])
def test_packed_matrices_of_several_strips(family, monkeypatch):
    """Strips on several threads fill the same words as one."""
    spec = matrices.get(family).spec()
    each = 32 // packing.digit_bits(spec)
    lines = 0, -(-200 // each)
    whole = packing.pack(spec, 7, 200, lines, (0, 9))
    monkeypatch.setattr(tiles, "STRIP_ENTRIES", 64 * 9)
    parts = packing.pack(spec, 7, 200, lines, (0, 9))
    np.testing.assert_array_equal(parts, whole)
    entries = oracle.block(family, 7, (0, 200), (0, 9))
    word = whole.view("uint32")[150 // each, 4]
    code = int(word) >> (150 % each) * (32 // each) & (1 if each == 32 else 3)
    sign = {0: 1, 1: -1} if each == 32 else {0: 0, 1: 1, 2: -1}
    assert np.sign(entries[150, 4]) == sign[code]


def test_wide_blocks_are_made_in_parts(monkeypatch):
    spec = matrices.Gaussian().spec()
    whole = tiles.block(spec, 7, (1, 6), (3, 90))
    digest = tiles.digest(spec, 11, (5, 90))
    monkeypatch.setattr(tiles, "WIDEST_STRIP", 16)
    np.testing.assert_array_equal(tiles.block(spec, 7, (1, 6), (3, 90)), whole)
    tiles.digest.cache_clear()
    assert tiles.digest(spec, 11, (5, 90)) == digest
    assert digest == oracle.digest("gaussian", 11, (5, 90))


def test_rows_are_chosen_in_parts(monkeypatch):
    from keras_randproj.matrices import hadamard

    shape = 100, 37
    wanted = oracle.hadamard_positions(5, shape)
    monkeypatch.setattr(hadamard, "CHOICE_BLOCK", 8)
    hadamard.chosen_positions.cache_clear()
    found = hadamard.chosen_positions(5, shape)
    np.testing.assert_array_equal(found, wanted)


def test_a_projection_of_a_list_too_short_is_refused():
    matrix = projections.Gaussian(5, seed=1)
    with pytest.raises(ValueError, match="one projection for each of the 2"):
        PRPDense(5, projection=[matrix], depth=2)
    layer = PRPDense(5, projection=[matrix])
    layer(keras.ops.ones((2, 5)))
    assert layer.seed == 1
