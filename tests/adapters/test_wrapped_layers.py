"""Adapters where a layer is wrapped, or its product is passed on as it is."""

import keras
import numpy as np
import pytest

from keras_randproj import adapters

FORMS = [
    adapters.Modulation(),
    adapters.SeededLowRank(4, seed=1),
    adapters.LowRank(2),
]


def learn(model, rng):
    for weight in model.trainable_weights:
        weight.assign(0.1 * rng.normal(size=weight.shape))


def test_a_wrapped_layer_is_adapted_once_in_a_file(tmp_path, rng):
    """The wrapper's config holds the layer's: both said that it has one."""
    inner = keras.layers.Dense(3, activation="relu", name="inner")
    model = keras.Sequential(
        [keras.Input((4, 6)), keras.layers.TimeDistributed(inner)]
    )
    adapters.attach(model, {"*inner": FORMS})
    learn(model, rng)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = rng.normal(size=(2, 4, 6)).astype("float32")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(loaded(x)),
        keras.ops.convert_to_numpy(model(x)),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's")
def test_memory_that_a_bank_uses_again_is_no_result(tmp_path, rng):
    """Square layers: products of one shape, and an output that is passed on."""
    import torch

    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(6, activation="gelu", name="one"),
            keras.layers.Dense(6, activation=lambda x: x, name="two"),
            keras.layers.Dense(6, activation=lambda x: x, name="three"),
        ]
    )
    x = torch.as_tensor(rng.normal(size=(3, 6)).astype("float32"))
    adapters.attach(model, {"*": FORMS})
    learn(model, rng)
    wanted = model(x).detach()
    adapters.save(model, tmp_path / "one.safetensors")
    adapters.detach(model)
    bank = adapters.AdapterBank(model, {"ann": tmp_path / "one.safetensors"})
    rows = bank.rows(["ann"] * 3)
    with torch.no_grad():
        found = bank((x, rows))
        mapped = torch.func.vmap(lambda x: bank((x, rows)))(x[None])[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mapped, wanted, rtol=1e-4, atol=1e-5)
