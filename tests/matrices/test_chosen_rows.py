"""Chosen outputs are those of the endless matrix, and nothing else."""

import hashlib

import numpy as np
import pytest

from keras_randproj import matrices

ROWS = (0, 3, 17, 18, 300)
FAMILIES = ("gaussian", "hadamard", "rademacher", "sparse_ternary")


@pytest.mark.parametrize("name", FAMILIES)
def test_they_are_columns_of_the_endless_matrix(name):
    family = matrices.get(name)
    endless = family.matrix(7, (13, 512))
    chosen = family.choose(ROWS)
    found = chosen.matrix(7, (13, len(ROWS)))
    np.testing.assert_array_equal(found, endless[:, list(ROWS)])
    part = chosen.block(7, (13, len(ROWS)), (2, 11), (1, 4))
    np.testing.assert_array_equal(part, found[2:11, 1:4].astype("float32"))


def test_one_can_be_far_away():
    last = 2**31 - 1
    chosen = matrices.get("gaussian").choose([last])
    alone = matrices.entries("gaussian", 7, (0, 9), (last, last + 1))
    np.testing.assert_array_equal(chosen.matrix(7, (9, 1)), alone)


def test_many_are_made_strip_by_strip():
    rows = np.arange(0, 40_000, 17)
    endless = matrices.entries("rademacher", 5, (0, 300), (0, 40_000))
    family = matrices.get("rademacher").choose(rows)
    found = family.matrix(5, (300, len(rows)))
    np.testing.assert_array_equal(found, endless[:, rows])


def test_the_digest_is_that_of_the_contract():
    integers = matrices.Gaussian().spec().integers
    values = matrices.Gaussian().spec().values
    entries = matrices.entries("gaussian", 7, (0, 13), (0, 301))[:, list(ROWS)]
    order = np.argsort(values)
    found = integers[order[np.searchsorted(values, entries, sorter=order)]]
    inner = hashlib.blake2b(found.astype("<u2").tobytes(), digest_size=16)
    outer = hashlib.blake2b(inner.digest(), digest_size=16)
    outer.update(np.array(ROWS, "<u4").tobytes())
    family = matrices.get("gaussian").choose(ROWS)
    assert family.digest(7, (13, len(ROWS))) == outer.hexdigest()


def test_the_digest_of_hadamard_is_that_of_the_contract():
    signs = matrices.entries("hadamard", 7, (0, 13), (0, 300 // 16 + 1))
    inner = hashlib.blake2b(signs.astype("int8").tobytes(), digest_size=16)
    outer = hashlib.blake2b(inner.digest(), digest_size=16)
    outer.update(np.array(ROWS, "<u4").tobytes())
    family = matrices.get("hadamard").choose(ROWS)
    assert family.digest(7, (13, len(ROWS))) == outer.hexdigest()


@pytest.mark.parametrize("name", FAMILIES)
def test_golden(name):
    """Frozen: files hold them."""
    golden = {
        "gaussian": "94b00372c97e56b59c25e3b9e806109e",
        "hadamard": "bc69fe9dc22f0083d6809b26dd468baf",
        "rademacher": "c4f1659326a7244187975005c2110ac1",
        "sparse_ternary": "1a641e6b0aa07327efab75f7317f0fa2",
    }
    assert matrices.get(name).choose(ROWS).digest(1, (64, 5)) == golden[name]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_choice_is_a_value(name):
    family = matrices.get(name)
    chosen = family.choose(ROWS)
    assert matrices.get(matrices.serialize(chosen)) == chosen
    assert hash(family.choose(list(ROWS))) == hash(chosen)
    assert chosen != family
    assert chosen != family.choose(range(5))
    assert family.rows is None
    assert "packed" not in chosen.storages


@pytest.mark.parametrize(
    "rows",
    [[], [3, 3], [4, 2], [-1, 2], [0.5], [2**31], [[1, 2]], [True], 5, "ab"],
    ids=repr,
)
def test_what_no_choice_is(rows):
    with pytest.raises(ValueError, match="each larger than the one"):
        matrices.get("gaussian").choose(rows)


def test_orthogonal_outputs_cannot_be_chosen():
    with pytest.raises(ValueError, match="how many there are"):
        matrices.get("orthogonal", rows=[1, 2])


@pytest.mark.parametrize("name", FAMILIES)
def test_costs_count_what_is_made(name):
    chosen = matrices.get(name).choose([10**6, 2 * 10**6])
    assert chosen.digest_cost((64, 2)) >= 128
    if name != "hadamard":
        assert chosen.digest_cost((64, 2)) <= 64 * 2 * 16
    else:  # All groups of outputs up to the last one.
        assert chosen.cost((64, 2)) > 2 * 10**6
