"""Exported files give the model's outputs in the runtimes they are for."""

import pathlib

import keras
import numpy as np
import pytest
import runtimes

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPMultiHeadAttention
from keras_randproj import PRPTransformerBlock
from keras_randproj import export
from keras_randproj.exports import formats

BACKEND = keras.backend.backend()
WRITTEN = [name for name in formats.TOOLS if BACKEND in formats.TOOLS[name]]
SEEDED = [name for name in WRITTEN if name in formats.SEED_FORMATS]
TOLERANCE = 1e-4
BATCH = 3


def sequential(*layers):
    return keras.Sequential([keras.Input((48,)), *layers])


def tied(**options):
    encoder = PRPDense(20, seed=3, activation="tanh", **options)
    encoder.build((None, 48))
    return sequential(encoder, encoder.transposed())


def on_sequences(make):
    x = keras.Input((6, 32))
    return keras.Model(x, make(x))


MODELS = {
    "stored": lambda: sequential(
        PRPDense(40, "relu", seed=1, storage="seed"),
        PRPDense(10, seed=2, depth=2, residual_rank=2),
    ),
    "packed": lambda: sequential(
        PRPDense(40, projection="rademacher", seed=1, storage="packed"),
        PRPDense(40, projection="sparse_ternary", seed=2),
        PRPDense(40, projection="orthogonal", seed=3),
    ),
    "hadamard": lambda: sequential(
        PRPDense(40, projection="hadamard", seed=1, depth=2),
        PRPDense(100, projection="hadamard", seed=2),
    ),
    "tied hadamard": lambda: tied(projection="hadamard"),
    "eugen": lambda: sequential(EUGenDense(10, 16, seed=4)),
    "attention": lambda: on_sequences(
        lambda x: PRPMultiHeadAttention(4, 8, projection_seed=5)(x, x)
    ),
    "block": lambda: on_sequences(
        lambda x: PRPTransformerBlock(4, 64, seed=6)(x)
    ),
}


def randomised(model):
    """The model with no learned vector at its start, called once."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + rng.normal(size=weight.shape) * 0.1)
    x = rng.normal(size=(BATCH, *model.input_shape[1:])).astype("float32")
    return x, keras.ops.convert_to_numpy(model(x))


def write(model, path, name, x, **options):
    """Exports with the shape of x: PyTorch's exporters want one."""
    path = str(path / f"model{runtimes.SUFFIXES[name]}")
    spec = keras.layers.InputSpec(shape=x.shape, dtype="float32", name="x")
    export(model, path, name, verbose=False, input_signature=[spec], **options)
    return path


def size_of(folder):
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("kind", MODELS)
def test_the_runtime_computes_what_the_model_does(kind, name, tmp_path):
    model = MODELS[kind]()
    x, expected = randomised(model)
    path = write(model, tmp_path, name, x)
    found = runtimes.run(name, path, x)
    assert found.shape == expected.shape
    assert np.max(np.abs(found - expected)) < TOLERANCE


@pytest.mark.parametrize("name", SEEDED)
def test_a_graph_makes_p_from_the_seed(name, tmp_path):
    model = tied(projection="rademacher")
    x, expected = randomised(model)
    path = write(model, tmp_path, name, x, export_projection="seed")
    found = runtimes.run(name, path, x)
    assert np.max(np.abs(found - expected)) < TOLERANCE


@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_exported_holds_no_matrix(name, tmp_path):
    size = 1024
    x = np.ones((BATCH, size), "float32")
    sizes = {}
    for form in ("baked", "seed"):
        model = keras.Sequential(
            [
                keras.Input((size,)),
                PRPDense(size, projection="rademacher", seed=1),
            ]
        )
        folder = tmp_path / form
        folder.mkdir()
        write(model, folder, name, x, export_projection=form)
        sizes[form] = size_of(folder)
    assert sizes["baked"] > 4 * size**2
    assert sizes["seed"] < 2 * size**2


@pytest.mark.parametrize("name", WRITTEN)
def test_hadamard_is_seed_sized(name, tmp_path):
    size = 1024
    x = np.random.default_rng(0).normal(size=(BATCH, size)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((size,)),
            PRPDense(size - 24, projection="hadamard", seed=1),
        ]
    )
    expected = keras.ops.convert_to_numpy(model(x))
    path = write(model, tmp_path, name, x)
    assert size_of(tmp_path) < size**2 // 4
    assert np.max(np.abs(runtimes.run(name, path, x) - expected)) < TOLERANCE


def test_any_batch_where_the_exporter_is_asked_for_it(tmp_path):
    """What `input_signature` would otherwise fix."""
    model = MODELS["hadamard"]()
    x, expected = randomised(model)
    options = {}
    if BACKEND == "torch":
        import torch

        name = "torch"
        options["dynamic_shapes"] = {0: torch.export.Dim("batch")}
    else:
        name = "tf_saved_model"
    path = str(pathlib.Path(tmp_path) / f"model{runtimes.SUFFIXES[name]}")
    export(model, path, name, verbose=False, **options)
    found = runtimes.run(name, path, np.concatenate([x, x]))
    assert np.max(np.abs(found - np.concatenate([expected] * 2))) < TOLERANCE
