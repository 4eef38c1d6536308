"""Keras counts up the names of layers: the same code gives other paths."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_randproj import adapters

from . import models

RULES = {"*": [adapters.Modulation(), adapters.SeededUpdate(20, 2, seed=3)]}


def unnamed(weights=None):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(4, "relu"),
            layers.Dense(4, "tanh"),
            layers.Dense(4),
        ]
    )
    if weights is not None:
        model.set_weights(weights)
    return model


@pytest.fixture
def trained(rng, tmp_path):
    """A function that trains weights and writes the adapter's file."""

    def train(name, weights=None):
        model = unnamed(weights)
        weights = model.get_weights()
        adapters.attach(model, RULES)
        models.learn(model, rng)
        adapters.save(model, tmp_path / name)
        return model, weights, tmp_path / name

    return train


def test_the_same_code_run_again(trained, rng):
    model, weights, path = trained("a.safetensors")
    again = unnamed(weights)
    assert again.layers[0].path != model.layers[0].path
    adapters.load(again, path)
    x = rng.normal(size=(3, 4)).astype("float32")
    np.testing.assert_allclose(
        models.predict(again, x), models.predict(model, x), atol=1e-6
    )
    with pytest.raises(ValueError, match="other weights"):
        adapters.load(unnamed(), path)


def test_a_name_that_was_counted_and_is_another_layers(trained, rng):
    """`dense_1` was the second layer, and is the first one now."""
    model, weights, path = trained("a.safetensors")
    names = [layer.name for layer in model.layers]
    shifted = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(4, "relu", name=names[1]),
            layers.Dense(4, "tanh", name=names[2]),
            layers.Dense(4, name=names[0]),
        ],
        name=model.name,
    )
    shifted.set_weights(weights)
    adapters.load(shifted, path)
    x = rng.normal(size=(3, 4)).astype("float32")
    np.testing.assert_allclose(
        models.predict(shifted, x), models.predict(model, x), atol=1e-6
    )


def test_the_same_weights_twice(trained, rng):
    weights = unnamed().get_weights()
    weights[2:4] = weights[:2]
    model, _, path = trained("a.safetensors", weights)
    again = unnamed(weights)
    with pytest.raises(ValueError, match="2 layers that may be"):
        adapters.load(again, path)
    x = rng.normal(size=(3, 4)).astype("float32")
    adapted = models.predict(model, x)
    adapters.detach(model)
    adapters.load(model, path)
    np.testing.assert_allclose(models.predict(model, x), adapted, atol=1e-6)


def test_tenants_of_other_counts_share_a_bank(trained, rng):
    first, weights, path = trained("a.safetensors")
    second, _, other = trained("b.safetensors", weights)
    bank = adapters.AdapterBank(unnamed(weights), {"a": path, "b": other})
    x = rng.normal(size=(2, 4)).astype("float32")
    wanted = [models.predict(m, x)[k] for k, m in enumerate((first, second))]
    found = keras.ops.convert_to_numpy(bank(x, ["a", "b"]))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
