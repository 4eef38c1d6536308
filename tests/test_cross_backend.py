"""A file written on another backend, in another process, read here."""

import warnings

import keras
import numpy as np
import oracle
import pytest

from keras_randproj import EUGenDense

# Several strips of a matrix; a file of one would have 4 MiB.
SIZE = 1024
LIMIT = 30_000
# A QR is slow.
SIZES = dict.fromkeys(oracle.FAMILIES, SIZE) | {"orthogonal": 256}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, other_backend):
    """Files of every family, written by the other backend."""
    path = tmp_path_factory.mktemp("written")
    other_backend("write", str(path), SIZES)
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


def test_another_backend_reads_a_file_and_quantises_alike(
    tmp_path, rng, other_backend
):
    """Features of every kind, and int8 heads."""
    variants = [
        {"projection": "orthogonal"},
        {"projection": "hadamard", "modulation": True},
        {"projection": "gaussian", "trainable_projection": True},
        {"projection": "rademacher", "share_projections": False},
    ]
    layers = [EUGenDense(4, 9, seed=5, **variant) for variant in variants]
    model = keras.Sequential([keras.Input((6,)), *layers])
    x = rng.normal(size=(3, 6)).astype("float32")
    weights = keras.quantizers.Int8QuantizationConfig(activation_quantizer=None)
    for name in ("plain", "quantised"):
        if name == "quantised":
            # It says that the features have nothing to quantise.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.quantize(config=weights)
            assert layers[0].head.quantization_mode == "int8"
        expected = model.predict(x, verbose=0)
        model.save(tmp_path / f"{name}.keras")
        path = str(tmp_path / f"{name}.keras")
        found = other_backend("predict", path, x.tolist())
        difference = np.abs(np.array(found) - expected).max()
        assert difference < 1e-3 * np.abs(expected).max(), name
