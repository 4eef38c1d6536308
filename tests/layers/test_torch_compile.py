"""`torch.compile` takes each layer whole: a break costs more than the layer."""

import keras
import numpy as np
import pytest

import keras_randproj

if keras.backend.backend() != "torch":
    pytest.skip("torch's compiler", allow_module_level=True)

import torch

pytestmark = pytest.mark.gpu


def prp(projection, **options):
    return keras_randproj.PRPDense(5, projection=projection, seed=1, **options)


def eugen(**options):
    return keras_randproj.EUGenDense(5, num_features=4, seed=1, **options)


LAYERS = {
    "gaussian": lambda: prp("gaussian", residual_rank=2),
    "rademacher, packed": lambda: prp("rademacher", storage="packed"),
    "rademacher, seed": lambda: prp("rademacher", storage="seed"),
    "hadamard": lambda: prp("hadamard", depth=3),
    "eugen, orthogonal": lambda: eugen(order=2),
    "eugen, modulated": lambda: eugen(modulation=True, projection="hadamard"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_whole(name):
    layer = LAYERS[name]()
    x = np.random.default_rng(0).normal(size=(2, 3, 6)).astype("float32")
    model = keras.Sequential([keras.Input(x.shape[1:]), layer])
    x = keras.ops.convert_to_tensor(x)
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    with torch.no_grad():
        found = compiled(x, training=False)
        torch.testing.assert_close(found, model(x, training=False))
