"""A file written on another backend, in another process, read here."""

import os
import subprocess
import sys

import keras
import numpy as np
import oracle
import pytest

BACKENDS = ("tensorflow", "jax", "torch")
HERE = keras.backend.backend()
SIZE = 4096
LIMIT = 70_000
# A QR of order 4096 takes minutes on two cores.
SIZES = dict.fromkeys(oracle.FAMILIES, SIZE) | {"orthogonal": 256}

WRITER = """
import sys
import keras, numpy as np
import keras_randproj
families, folder = sys.argv[1].split(","), sys.argv[2]
for item in families:
    family, size = item.split(":")
    size = int(size)
    layer = keras_randproj.PRPDense(size, projection=family, seed=2**40 + 1)
    model = keras.Sequential([keras.Input((size,)), layer])
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    model.save(f"{folder}/{family}.keras")
    x = rng.normal(size=(2, size)).astype("float32")
    last = layer.projection.materialize()[-3:]
    np.savez(f"{folder}/{family}.npz", x=x, y=model.predict(x, verbose=0),
        p=last, digest=layer.projection.digest())
"""


@pytest.fixture(scope="module", params=[b for b in BACKENDS if b != HERE])
def folder(request, tmp_path_factory):
    """Files of every family, written by the other backend."""
    path = tmp_path_factory.mktemp(request.param)
    items = ",".join(f"{family}:{size}" for family, size in SIZES.items())
    subprocess.run(
        [sys.executable, "-c", WRITER, items, str(path)],
        env={**os.environ, "KERAS_BACKEND": request.param},
        check=True,
    )
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
