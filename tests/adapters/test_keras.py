"""Adapters in what Keras and its backends do with models."""

import keras
import numpy as np
import pytest
from representatives import run_everywhere

from keras_randproj import adapters

from . import models

BACKEND = keras.backend.backend()
FORMS = [
    adapters.Modulation(),
    adapters.SeededLowRank(2, seed=1),
    adapters.SeededUpdate(10, 2, seed=2),
    adapters.LowRank(1),
]


class Pair(keras.Model):
    """Makes its layers itself, one of them in a list."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = keras.layers.Dense(6, "relu", name="first")
        self.others = [keras.layers.Dense(4, name="second")]

    def call(self, inputs):
        return self.others[0](self.first(inputs))


@pytest.fixture
def x(rng):
    return rng.normal(size=(5, 8)).astype("float32")


def dense():
    layers = [keras.Input((8,))]
    layers += [keras.layers.Dense(6, "gelu", name="first")]
    layers += [keras.layers.Dense(4, name="second")]
    return keras.Sequential(layers)


def test_a_subclassed_model_and_its_file(x, rng, tmp_path):
    model = Pair()
    before = models.predict(model, x)
    adapters.attach(model, {"*": FORMS})
    assert isinstance(model, Pair)
    models.learn(model, rng)
    expected = models.predict(model, x)
    model.save(tmp_path / "model.keras")
    objects = {"Pair": Pair}
    path = tmp_path / "model.keras"
    copy = keras.saving.load_model(path, custom_objects=objects)
    np.testing.assert_array_equal(models.predict(copy, x), expected)
    assert len(copy.trainable_weights) == len(model.trainable_weights)
    adapters.detach(copy)
    np.testing.assert_array_equal(models.predict(copy, x), before)
    adapters.detach(model)
    assert type(model) is Pair
    np.testing.assert_array_equal(models.predict(model, x), before)


@pytest.mark.one_backend
def test_a_backbone_of_keras_hub(rng, tmp_path):
    hub = pytest.importorskip("keras_hub")
    model = hub.models.BertBackbone(
        vocabulary_size=20,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=12,
        max_sequence_length=4,
    )
    x = {
        "token_ids": np.array([[1, 2, 3, 0]]),
        "padding_mask": np.array([[1, 1, 1, 0]]),
        "segment_ids": np.zeros((1, 4), "int32"),
    }

    def outputs(model):
        return keras.ops.convert_to_numpy(model(x)["sequence_output"])

    before = outputs(model)
    rules = {"*query": FORMS, "*feedforward*dense": adapters.Modulation()}
    adapters.attach(model, rules)
    np.testing.assert_array_equal(outputs(model), before)
    models.learn(model, rng)
    expected = outputs(model)
    assert np.abs(expected - before).max() > 1e-3
    adapters.save(model, tmp_path / "adapter.safetensors")
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(outputs(copy), expected)
    adapters.detach(copy)
    np.testing.assert_array_equal(outputs(copy), before)
    adapters.load(copy, tmp_path / "adapter.safetensors")
    np.testing.assert_allclose(outputs(copy), expected, atol=1e-5)
    adapters.merge(copy)
    np.testing.assert_allclose(outputs(copy), expected, atol=1e-4)


@pytest.mark.parametrize(
    "policy",
    [
        "mixed_bfloat16",
        "bfloat16",
        pytest.param("float16", marks=pytest.mark.one_backend),
    ],
)
def test_low_precision_bases(x, rng, policy, tmp_path):
    inputs = keras.Input((8,))
    layer = keras.layers.Dense(6, "relu", dtype=policy, name="first")
    model = keras.Model(inputs, layer(inputs))
    before = models.predict(model, x)
    adapters.attach(model, {"first": FORMS})
    np.testing.assert_array_equal(
        np.asarray(models.predict(model, x), "float32"),
        np.asarray(before, "float32"),
    )
    models.learn(model, rng)
    assert {w.dtype for w in model.trainable_weights} == {"float32"}
    adapted = np.asarray(models.predict(model, x), "float32")
    assert model(x).dtype == layer(x).dtype
    adapters.save(model, tmp_path / "adapter.safetensors")
    adapters.detach(model)
    adapters.load(model, tmp_path / "adapter.safetensors")
    again = np.asarray(models.predict(model, x), "float32")
    np.testing.assert_allclose(again, adapted, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("mode", run_everywhere(["int8"], ["int8", "int4"]))
def test_quantized_dense_layers_of_both_kinds(rng, mode):
    model = keras.Sequential(
        [
            keras.Input((3, 8)),
            keras.layers.EinsumDense("abc,cd->abd", (None, 6), name="first"),
            keras.layers.Dense(4, "relu", name="second"),
        ]
    )
    model.quantize(mode)
    x = rng.normal(size=(2, 3, 8)).astype("float32")
    before = models.predict(model, x)
    adapters.attach(model, {"*": FORMS})
    np.testing.assert_array_equal(models.predict(model, x), before)
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((2, 3, 4)), verbose=0)
    assert np.abs(models.predict(model, x) - before).max() > 0
    adapters.detach(model)
    np.testing.assert_array_equal(models.predict(model, x), before)


def test_a_modulated_quantized_embedding(rng):
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Embedding(9, 4, name="words")]
    )
    model.quantize("int8")
    x = np.array([[1, 2, 8]])
    before = models.predict(model, x)
    adapters.attach(model, {"words": adapters.Modulation(alpha=False)})
    models.learn(model, rng)
    scale, bias = (models.numbers(w) for w in model.trainable_weights)
    wanted = before * (1 + 10 * scale) + bias
    np.testing.assert_allclose(models.predict(model, x), wanted, atol=1e-5)


def test_a_shared_layer_is_adapted_once(x, rng):
    layer = keras.layers.Dense(8, name="both")
    inputs = keras.Input((8,))
    model = keras.Model(inputs, layer(layer(inputs)))
    adapters.attach(model, {"both": adapters.Modulation(bias=False)})
    assert len(model.trainable_weights) == 2
    models.learn(model, rng)
    adapted = models.predict(model, x)
    adapters.merge(model)
    np.testing.assert_allclose(models.predict(model, x), adapted, atol=1e-4)


def test_a_model_that_has_run_compiles_anew(x, rng):
    """What was traced before an adapter came does not know it."""
    model = dense()
    before = model.predict(x, verbose=0)
    adapters.attach(model, {"*": FORMS})
    models.learn(model, rng)
    adapted = model.predict(x, verbose=0)
    np.testing.assert_allclose(
        adapted, models.predict(model, x), rtol=1e-5, atol=1e-5
    )
    assert np.abs(adapted - before).max() > 1e-3
    adapters.detach(model)
    np.testing.assert_allclose(model.predict(x, verbose=0), before, atol=1e-6)


@pytest.mark.parametrize("multiplier", [1.0, 20.0])
def test_the_multiplier_is_one_of_the_learning_rate(x, multiplier):
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(4, name="first")]
    )
    form = adapters.Modulation(
        alpha=False, bias=False, lr_multiplier=multiplier
    )
    adapters.attach(model, {"*": form})
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    model.fit(x, np.zeros((5, 4)), epochs=1, verbose=0)
    (scale,) = model.trainable_weights
    moved = np.abs(models.numbers(scale) * multiplier)
    np.testing.assert_allclose(moved, 1e-3 * multiplier, rtol=1e-2)


@pytest.mark.skipif(BACKEND != "torch", reason="it is torch's")
def test_torch_compiles_an_adapted_model_without_a_break(x, rng):
    import torch

    model = dense()
    adapters.attach(model, {"*": FORMS})
    models.learn(model, rng)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    found = compiled(torch.as_tensor(x)).detach().numpy()
    np.testing.assert_allclose(found, models.predict(model, x), atol=1e-5)
    named = {id(p) for p in model.parameters() if p.requires_grad}
    assert named == {id(w.value) for w in model.trainable_weights}


@pytest.mark.skipif(BACKEND != "tensorflow", reason="it is TensorFlow's")
def test_checkpoints_of_tensorflow_hold_what_is_learned(x, rng, tmp_path):
    import tensorflow as tf

    model = dense()
    adapters.attach(model, {"*": FORMS})
    models.learn(model, rng)
    expected = models.predict(model, x)
    path = tf.train.Checkpoint(model).save(str(tmp_path / "checkpoint"))
    for weight in model.trainable_weights:
        weight.assign(0 * weight)
    tf.train.Checkpoint(model).restore(path)
    np.testing.assert_array_equal(models.predict(model, x), expected)


# Of the first run, on torch.
GOLDEN = [0.17077547, 0.6005736, -1.6600126, -4.1456289]


def test_a_file_means_the_same_on_every_backend(tmp_path):
    """A base and an adapter of numbers that no backend draws."""
    model = dense()
    adapters.attach(model, {"*": FORMS})
    adapters.detach(model)
    for k, weight in enumerate(model.weights):
        count = int(np.prod(weight.shape))
        weight.assign(np.sin(k + np.arange(count)).reshape(weight.shape))
    adapters.attach(model, {"*": FORMS})
    for k, weight in enumerate(model.trainable_weights):
        count = int(np.prod(weight.shape))
        weight.assign(0.1 * np.cos(k + np.arange(count)).reshape(weight.shape))
    found = models.predict(model, np.ones((1, 8), "float32"))[0]
    np.testing.assert_allclose(found, GOLDEN, rtol=1e-5)
