"""Keras's own tools on models in which our layers stand beside others."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import EUGenDense
from keras_randproj import PRPDense

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 12)).astype("float32")
Y = (X[:, :3] * 2 + X[:, 3:6]).astype("float32")


def model_of(**options):
    return keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Dense(20, "tanh", name="dense"),
            PRPDense(20, seed=1, name="prp", **options),
            EUGenDense(16, 32, order=1, seed=2, name="eugen"),
            keras.layers.Dense(3, name="last"),
        ]
    )


def numpy_of(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def fit(model, epochs=2):
    model.compile("adam", "mse")
    model.fit(X, Y, batch_size=16, epochs=epochs, verbose=0)


def digests(model):
    eugen = model.get_layer("eugen").features.factors[0]
    parts = [model.get_layer("prp").projection, *eugen.blocks]
    return [part.digest() for part in parts]


def quantized(model):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.quantize("int8")
    return [str(w.message) for w in caught]


def test_quantize_takes_dense_parts_and_leaves_ours_with_a_reason():
    model = model_of()
    fit(model)
    expected = model.predict(X, verbose=0)
    ours = {w.path: numpy_of(w) for w in model.get_layer("prp").weights}
    held = digests(model)
    reasons = quantized(model)
    modes = {
        layer.name: layer.quantization_mode
        for layer in (*model.layers, model.get_layer("eugen").head)
    }
    assert modes == {
        "dense": "int8",
        "prp": None,
        "eugen": None,
        "head": "int8",
        "last": "int8",
    }
    assert model.get_layer("eugen").head._kernel.dtype == "int8"
    for path in ("prp/projection", "eugen/features/factor_0/projection"):
        assert any(
            path in reason and "no trained matrix" in reason
            for reason in reasons
        ), reasons
    for weight in model.get_layer("prp").weights:
        np.testing.assert_array_equal(numpy_of(weight), ours[weight.path])
    assert digests(model) == held
    found = model.predict(X, verbose=0)
    error = np.sqrt(np.mean((found - expected) ** 2) / np.mean(expected**2))
    assert 0 < error < 0.05


def test_a_quantized_model_is_saved_and_loaded(tmp_path):
    model = model_of()
    quantized(model)
    expected = model.predict(X, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.get_layer("eugen").head.quantization_mode == "int8"
    np.testing.assert_allclose(
        again.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-5
    )
    assert digests(again) == digests(model)


def test_lora_on_the_neighbours_and_on_a_head(tmp_path):
    model = model_of()
    model.get_layer("dense").enable_lora(2)
    model.get_layer("eugen").head.enable_lora(2)
    held, frozen = digests(model), numpy_of(model.get_layer("dense")._kernel)
    before = {w.path: numpy_of(w) for w in model.trainable_weights}
    head = [path.split("eugen/head/")[-1] for path in before if "head" in path]
    assert sorted(head) == ["bias", "lora_kernel_a", "lora_kernel_b"]
    fit(model)
    for weight in model.trainable_weights:
        assert np.any(numpy_of(weight) != before[weight.path]), weight.path
    np.testing.assert_array_equal(
        numpy_of(model.get_layer("dense")._kernel), frozen
    )
    assert digests(model) == held
    expected = model.predict(X, verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    merged = model_of()
    merged.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(
        merged.predict(X, verbose=0), expected, rtol=1e-4, atol=1e-4
    )


def test_a_frozen_layer_stays_and_thaws():
    model = model_of()
    ours = [model.get_layer(name) for name in ("prp", "eugen")]
    for layer in ours:
        layer.trainable = False
        assert layer.trainable_weights == []
    before = [numpy_of(w) for layer in ours for w in layer.weights]
    dense = numpy_of(model.get_layer("dense").kernel)
    fit(model)
    after = [numpy_of(w) for layer in ours for w in layer.weights]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.any(numpy_of(model.get_layer("dense").kernel) != dense)
    for layer, trained in zip(ours, (3, 2), strict=True):
        layer.trainable = True
        assert len(layer.trainable_weights) == trained
        assert len(layer.weights) > trained
    fit(model)
    assert np.any(numpy_of(ours[0].alpha) != before[0])


def test_distillation_into_our_layers():
    keras.utils.set_random_seed(0)
    teacher = keras.Sequential(
        [keras.Input((12,)), keras.layers.Dense(8), keras.layers.Dense(3)]
    )
    student = model_of()
    held = digests(student)
    distiller = keras.distillation.Distiller(
        teacher=teacher,
        student=student,
        distillation_losses=keras.distillation.LogitsDistillation(loss="mse"),
        student_loss_weight=0.0,
    )
    distiller.compile(keras.optimizers.Adam(1e-2), loss="mse")
    history = distiller.fit(X, Y, epochs=20, batch_size=16, verbose=0)
    losses = history.history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert digests(student) == held


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float32"])
def test_one_layer_of_another_policy(policy):
    model = model_of(dtype=policy)
    layer = model.get_layer("prp")
    compute = keras.dtype_policies.get(policy).compute_dtype
    assert layer.projection.compute_dtype == compute
    assert {w.dtype for w in layer.weights} == {"float32"}
    out = model(X)
    assert keras.backend.standardize_dtype(out.dtype) == "float32"
    plain = model_of()
    plain.set_weights(model.get_weights())
    np.testing.assert_allclose(
        numpy_of(out), numpy_of(plain(X)), rtol=0.1, atol=0.1
    )
    fit(model)


def test_a_policy_map_reaches_our_layers(tmp_path):
    policies = keras.dtype_policies.DTypePolicyMap()
    policies[".*/prp"] = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
    policies[".*/prp/projection"] = keras.dtype_policies.DTypePolicy("bfloat16")
    model = model_of(dtype=policies)
    layer = model.get_layer("prp")
    assert layer.compute_dtype == "bfloat16"
    assert layer.alpha.dtype == "float32"
    assert layer.projection.matrix.dtype == "bfloat16"
    expected = numpy_of(model(X))
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.get_layer("prp").projection.matrix.dtype == "bfloat16"
    np.testing.assert_allclose(numpy_of(again(X)), expected, rtol=1e-2)
