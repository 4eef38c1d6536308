"""Layers of float64 compute in float64, against NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import PRPDense

BACKEND = keras.backend.backend()
if BACKEND == "jax":
    pytest.skip("JAX has none unless it is told", allow_module_level=True)

KINDS = {
    "dense": {},
    "seed": {"storage": "seed"},
    "packed": {"storage": "packed", "projection": "rademacher"},
    "hadamard": {"projection": "hadamard", "depth": 2},
    "portable": {"projection": "hadamard", "implementation": "reference"},
    "residual": {"residual_rank": 2},
}


def call(layer, x):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x, "float64")))


@pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_differences(kind, turned, rng):
    layer = PRPDense(11, seed=3, dtype="float64", **KINDS[kind])
    layer.build((None, 7))
    if turned:
        layer = layer.transposed()
        layer.build((None, 11))
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    x = rng.normal(size=(3, layer.input_spec.axes[-1]))
    alphas = [layer.alpha, *layer.inner_alphas]
    y = x
    for alpha, projection in zip(alphas, layer.projections, strict=True):
        alpha = ops.convert_to_numpy(alpha.value) * layer.lr_multiplier
        y = (y * alpha) @ projection.materialize()
    y = y * ops.convert_to_numpy(layer.scale.value) * layer.lr_multiplier
    y = y + ops.convert_to_numpy(layer.bias.value)
    if layer.residual_rank:
        a, b = layer.residual_a.value, layer.residual_b.value
        y = y + x @ ops.convert_to_numpy(a) @ ops.convert_to_numpy(b)
    found = call(layer, x)
    assert found.dtype == "float64"
    np.testing.assert_allclose(found, y, rtol=0, atol=1e-11)
    # Of finite differences nothing is left where products are float32.
    step = 1e-7
    difference = (call(layer, x + step) - found) / step
    wanted = call(layer, x + 1) - found
    np.testing.assert_allclose(difference, wanted, rtol=0, atol=1e-4)


def test_dense_of_keras_beside_it(rng):
    """On PyTorch it computes float64 in float32."""
    dense = keras.layers.Dense(5, dtype="float64")
    x = rng.normal(size=(3, 7))
    y = call(dense, x)
    wanted = x @ ops.convert_to_numpy(dense.kernel.value)
    assert (np.abs(y - wanted).max() > 1e-11) == (BACKEND == "torch")
