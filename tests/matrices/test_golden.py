"""Digests that never change, made by an oracle that is not the package."""

import hashlib
import json
from pathlib import Path

import numpy as np
import oracle
import pytest

from keras_randproj import projections
from keras_randproj.matrices.gaussian import TABLE_FILE

GOLDEN = json.loads(
    Path(__file__).parents[1].joinpath("golden", "digests.json").read_text()
)
TABLE_DIGEST = "65561716612ffbcbfd947ed80353b542"


def _name(row):
    return f"{row['family']}-{row['seed']}-{row['shape']}-{row['options']}"


@pytest.mark.parametrize("row", GOLDEN, ids=_name)
def test_digest(row):
    rows, cols = row["shape"]
    layer = projections.get(
        row["family"], units=cols, seed=row["seed"], **row["options"]
    )
    layer.build((None, rows))
    assert layer.digest() == row["digest"]
    first = layer.materialize().ravel()[:4]
    # Float32 entries; orthogonal amplifies their rounding.
    tolerance = 1e-4 if row["family"] == "orthogonal" else 2**-22
    np.testing.assert_allclose(
        first, row["first"], rtol=tolerance, atol=tolerance / 100
    )


def test_every_family_and_seed_is_golden():
    found = {(row["family"], row["seed"]) for row in GOLDEN}
    wanted = {(f, s) for f in oracle.FAMILIES for s in oracle.SEEDS}
    assert wanted <= found


def test_the_gaussian_table():
    table = np.load(TABLE_FILE)
    assert table.dtype == "<f4"
    wanted = np.array(oracle.quantiles())
    # Half a unit in the last place, and the oracle's own rounding.
    np.testing.assert_allclose(table, wanted, rtol=2**-24 * 1.001, atol=0)
    found = hashlib.blake2b(table.tobytes(), digest_size=16).hexdigest()
    assert found == TABLE_DIGEST
