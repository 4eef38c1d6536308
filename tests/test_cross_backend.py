"""A file written on another backend, in another process, read here."""

import keras
import numpy as np
import oracle
import pytest

SIZE = 4096
LIMIT = 70_000
# A QR of order 4096 takes minutes on two cores.
SIZES = dict.fromkeys(oracle.FAMILIES, SIZE) | {"orthogonal": 256}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, other_backend):
    """Files of every family, written by the other backend."""
    path = tmp_path_factory.mktemp("written")
    other_backend("write", str(path), SIZES)
    return path


@pytest.mark.parametrize("family", oracle.FAMILIES)
def test_a_file_of_another_backend(family, folder):
    path = folder / f"{family}.keras"
    assert path.stat().st_size < LIMIT
    model = keras.models.load_model(path)
    there = np.load(folder / f"{family}.npz")
    # Predictions reach 30: 1e-5 of the largest.
    atol = 1e-5 * np.abs(there["y"]).max()
    y = model.predict(there["x"], verbose=0)
    np.testing.assert_allclose(y, there["y"], rtol=0, atol=atol)
    projection = model.layers[0].projection
    assert projection.digest() == str(there["digest"])
    last = projection.materialize()[-3:]
    if family == "orthogonal":
        np.testing.assert_allclose(last, there["p"], atol=1e-6)
    else:
        np.testing.assert_array_equal(last, there["p"])
