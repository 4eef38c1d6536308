"""What `export` refuses, and that it leaves models as they were.

Files in the runtimes they are for: tests/exports, `make test-exports`.
"""

import keras
import numpy as np
import pytest

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import export
from keras_randproj.exports import formats
from keras_randproj.exports.exportable import exportable

BACKEND = keras.backend.backend()
OURS = next(n for n in formats.SEED_FORMATS if BACKEND in formats.TOOLS[n])


def model_of(*layers):
    return keras.Sequential([keras.Input((12,)), *layers])


def paths(model):
    return [(w.path, w.shape, w.dtype) for w in model.weights]


@pytest.mark.parametrize(
    ("form", "storage", "shape"),
    [
        ("seed", "dense", (4,)),
        ("baked", "seed", (12, 6)),
        ("baked", "packed", (12, 6)),
    ],
)
def test_p_is_held_as_asked_and_then_as_before(form, storage, shape):
    layer = PRPDense(6, projection="rademacher", storage=storage, seed=1)
    model = model_of(layer, keras.layers.Dense(3))
    x = np.random.default_rng(0).normal(size=(4, 12)).astype("float32")
    expected = keras.ops.convert_to_numpy(model(x))
    weights, before = list(model.weights), paths(model)
    with exportable(model, form):
        held = layer.projection.weights
        assert [tuple(w.shape) for w in held] == [shape]
        assert held[0].path.startswith(layer.projection.path)
        assert len(model.weights) == len(weights)
        inside = keras.ops.convert_to_numpy(model(x))
        if BACKEND == "torch":
            exported = {tuple(p.shape) for p in model.parameters()}
            assert exported == {tuple(w.shape) for w in model.weights}
    np.testing.assert_allclose(inside, expected, rtol=1e-5, atol=1e-5)
    assert paths(model) == before
    assert all(a is b for a, b in zip(model.weights, weights, strict=True))
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(model(x)), expected
    )


def test_models_are_as_before_where_the_export_fails(tmp_path):
    layer = PRPDense(6, seed=1)
    model = model_of(layer)
    before = paths(model)
    with pytest.raises((TypeError, ValueError)):
        export(model, tmp_path / "m", OURS, "seed", input_signature=object())
    assert paths(model) == before
    assert layer.projection.storage == "dense"
    assert "modulate" not in vars(layer.projection)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("units", [5, 12, 16, 21])
def test_hadamard_without_take_is_the_same_map(units, transposed):
    layer = PRPDense(units, projection="hadamard", seed=1, activation="tanh")
    layer.build((None, 12))
    layer.alpha.assign(np.linspace(-1, 1, 12))
    layers = [layer, layer.transposed()] if transposed else [layer]
    model = model_of(*layers)
    x = np.random.default_rng(0).normal(size=(4, 12)).astype("float32")
    expected = keras.ops.convert_to_numpy(model(x))
    with exportable(model, "baked"):
        found = keras.ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_named_kernel_is_not_used():
    # It takes hadamard alone, and torch alone.
    layer = PRPDense(6, seed=1, implementation="torch_cpu")
    model = keras.Sequential([layer])
    model.build((None, 12))
    with pytest.raises(RuntimeError, match="torch_cpu"):
        layer(np.ones((2, 12), "float32"))
    with exportable(model, "baked"):
        assert layer(np.ones((2, 12), "float32")).shape == (2, 6)


@pytest.mark.parametrize("name", list(formats.TOOLS))
def test_what_a_format_cannot_do_is_said_before(name, tmp_path):
    model = model_of(PRPDense(6, seed=1))
    path = tmp_path / "m"
    if BACKEND not in formats.TOOLS[name]:
        with pytest.raises(ValueError, match=f"'{name}'.*{BACKEND} backend"):
            export(model, path, name)
    elif name not in formats.SEED_FORMATS:
        with pytest.raises(ValueError, match=f"'{name}'.*integer operations"):
            export(model, path, name, export_projection="seed")
    else:
        orthogonal = model_of(EUGenDense(3, 4, seed=1))
        with pytest.raises(ValueError, match="'orthogonal'"):
            export(orthogonal, path, name, export_projection="seed")
    assert not path.exists()


def test_wrong_arguments(tmp_path):
    model = model_of(PRPDense(6, seed=1))
    with pytest.raises(ValueError, match=r"`format`.*Received.*pickle"):
        export(model, tmp_path / "m", "pickle")
    with pytest.raises(ValueError, match=r"`export_projection`.*Received"):
        export(model, tmp_path / "m", OURS, "quantised")
    with pytest.raises(ValueError, match="built"):
        export(keras.Sequential([PRPDense(6)]), tmp_path / "m", OURS)


def test_a_missing_tool_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(formats.TOOLS["onnx"], BACKEND, ("no_such_tool",))
    with pytest.raises(ImportError, match=r"no_such_tool.*\[exports\]"):
        export(model_of(PRPDense(6, seed=1)), tmp_path / "m.onnx", "onnx")
