"""Layers and files of projections with chosen outputs."""

import h5py
import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import PRPDense
from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.files.verify import verify
from tests.autodiff import gradients

ROWS = [1, 5, 17, 40, 41, 300]
FAMILIES = ("gaussian", "hadamard", "rademacher", "sparse_ternary")
CASES = [(name, s) for name in FAMILIES for s in ("dense", "seed")]


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.fixture
def x(rng):
    return rng.normal(size=(4, 13)).astype("float32")


@pytest.mark.parametrize(("name", "storage"), CASES)
def test_products_are_those_of_the_endless_matrix(name, storage, x):
    layer = projections.get(name, 6, seed=7, rows=ROWS, storage=storage)
    wanted = matrices.get(name).matrix(7, (13, 512))[:, ROWS]
    y = numpy_of(layer(x))
    np.testing.assert_allclose(y, x @ wanted / 13**0.5, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(layer.materialize(), wanted / 13**0.5)
    back = numpy_of(layer.transposed()(y))
    np.testing.assert_allclose(
        back, y @ wanted.T / 6**0.5, rtol=1e-5, atol=1e-5
    )
    copy = type(layer).from_config(layer.get_config())
    np.testing.assert_array_equal(numpy_of(copy(x)), y)


@pytest.mark.parametrize("name", ["gaussian", "rademacher"])
def test_blocks_of_chosen_tiles(name, rng, monkeypatch):
    """With blocks that end inside the matrix on both sides."""
    from keras_randproj.kernels.reference import blockwise

    monkeypatch.setattr(blockwise, "BLOCK_ENTRIES", 2**10)
    rows = np.cumsum(rng.integers(1, 90, size=75))
    x = rng.normal(size=(3, 70)).astype("float32")
    layer = projections.get(name, 75, seed=9, rows=rows, storage="seed")
    wanted = matrices.get(name).choose(rows).matrix(9, (70, 75)) / 70**0.5
    np.testing.assert_allclose(numpy_of(layer(x)), x @ wanted, atol=1e-4)


@pytest.mark.parametrize("storage", ["dense", "seed"])
def test_gradients_of_a_layer_around_it(storage, x, rng):
    family = matrices.get("gaussian").choose(ROWS)
    layer = PRPDense(6, projection=family, seed=7, storage=storage)
    layer.build((None, 13))
    weight = rng.normal(size=(4, 6))
    _, (found,) = gradients(layer, [x], weight)
    wanted = matrices.get("gaussian").matrix(7, (13, 301))[:, ROWS] / 13**0.5
    expected = weight @ wanted.T
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_file_reloads_exactly_or_refuses(name, x, tmp_path):
    def model(rows):
        layer = projections.get(name, 6, seed=7, rows=rows, name="p")
        return keras.Sequential([keras.Input((13,)), layer])

    first = model(ROWS)
    path = tmp_path / "model.keras"
    first.save(path)
    again = keras.saving.load_model(path)
    np.testing.assert_array_equal(numpy_of(again(x)), numpy_of(first(x)))
    assert all(v.checked and not v.problem for v in verify(path))
    weights = tmp_path / "model.weights.h5"
    first.save_weights(weights)
    model(ROWS).load_weights(weights)
    for other in ([0, *ROWS[1:]], None):
        with pytest.raises(ValueError, match="has rows"):
            model(other).load_weights(weights)


@pytest.mark.parametrize(
    "damage",
    [
        lambda rows: rows + 1,
        lambda rows: rows[::-1],
        lambda rows: rows[:-1],
        lambda rows: rows.astype("float32"),
    ],
    ids=["others", "falling", "fewer", "floats"],
)
def test_altered_rows_are_refused(damage, tmp_path):
    layer = projections.get("gaussian", 6, seed=7, rows=ROWS, name="p")
    model = keras.Sequential([keras.Input((13,)), layer])
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        group = file["layers/gaussian/vars"]
        there = group["rows"][...]
        del group["rows"]
        group["rows"] = damage(there)
    with pytest.raises(ValueError, match=r"rows|digest"):
        model.load_weights(path)
    assert any(v.problem for v in verify(path))


def test_many_rows_fit_into_a_file(tmp_path):
    rows = range(0, 6000, 2)
    layer = projections.get("rademacher", 3000, seed=7, rows=rows)
    model = keras.Sequential([keras.Input((2,)), layer])
    path = tmp_path / "model.keras"
    model.save(path)
    assert keras.saving.load_model(path).layers[0].digest() == layer.digest()


def test_as_many_rows_as_units():
    with pytest.raises(ValueError, match="2 rows, 3 columns"):
        projections.Gaussian(3, rows=[1, 2])
    with pytest.raises(ValueError, match="'packed'"):
        projections.Rademacher(2, rows=[1, 2], storage="packed")
