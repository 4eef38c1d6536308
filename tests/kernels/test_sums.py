"""A factor of the transform as a product and sums, as JAX takes it."""

import conformance
import keras
import numpy as np
import oracle
import pytest
from conformance import SEED
from conformance import Conformance
from keras import ops

from keras_randproj import projections
from keras_randproj.kernels.reference import hadamard

JAX = keras.backend.backend() == "jax"


@pytest.fixture(params=[2, 8])
def sums(request, monkeypatch):
    """Sums of so many, on every backend and from the least order."""
    asked = []

    def parts(order):
        asked.append(order)
        return request.param

    monkeypatch.setattr(hadamard, "_parts", parts)
    return asked


class Summed(Conformance):
    implementation = "reference"


@pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
@pytest.mark.parametrize("shape", [(64, 64), (128, 100), (70, 300)], ids=str)
def test_value_and_gradients(shape, turned, sums, rng):
    Summed().check("hadamard", "seed", shape, turned, "float32", rng)
    assert sums


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype, sums, rng):
    """Sums in float32, as wide as those inside of products."""
    op = conformance.operand("hadamard", "seed", (64, 64), dtype=dtype)
    p = conformance.matrix("hadamard", (64, 64))
    x = conformance.rounded(rng.normal(size=(3, 64)), dtype)
    y = hadamard.multiply(op, ops.convert_to_tensor(x, dtype), 1.0)
    y = ops.convert_to_numpy(ops.cast(y, "float32")) / 64**0.5
    # Three roundings, each of a number of order one.
    np.testing.assert_allclose(y, x @ p, atol=12 * conformance.ONE[dtype])


def test_a_layer_of_4096_against_its_matrix(rng):
    assert hadamard._parts(4096) == (4 if JAX else 1)
    assert hadamard._parts(2048) == 1
    layer = projections.get("hadamard", units=4096, seed=SEED)
    x = rng.normal(size=(2, 4096)).astype("float32")
    found = ops.convert_to_numpy(layer(x))
    signs = oracle.block("hadamard", SEED, (0, 4096), (0, 1))[:, 0]
    small = np.array(
        [[(-1.0) ** (i & j).bit_count() for i in range(64)] for j in range(64)]
    )
    grid = (x * signs / 64).reshape(2, 64, 64)
    wanted = (small @ grid @ small).swapaxes(1, 2).reshape(2, 4096)
    np.testing.assert_allclose(found, wanted, atol=2e-5)
