"""Features that are chosen, shifted, or trained neurons."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import EUGenDense
from keras_randproj import matrices
from keras_randproj.matrices import derive_seed
from keras_randproj.report.cost import multiplications

ROWS = [2, 9, 30, 77]


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.fixture
def x(rng):
    return rng.normal(size=(5, 12)).astype("float32")


@pytest.fixture
def layer():
    return EUGenDense(
        3,
        4,
        order=2,
        feature_activation="relu",
        projection="gaussian",
        rows=ROWS,
        shift=0.7,
        num_neurons=5,
        residual_rank=2,
        seed=3,
    )


def test_features_against_numpy(layer, x):
    layer(x)
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    constant = np.full((5, 1), 0.7 * 14**0.5)
    given = np.concatenate([x, norm, constant], axis=1)
    seeds = [derive_seed(derive_seed(3, k), 0) for k in range(2)]
    endless = [matrices.get("gaussian").matrix(s, (14, 80)) for s in seeds]
    first, second = [given @ m[:, ROWS] / 14**0.5 for m in endless]
    neurons = layer.features.neurons
    trained = x @ numpy_of(neurons.kernel) + numpy_of(neurons.bias)
    wanted = np.concatenate([first, first * second, trained], axis=1)
    directions = x @ numpy_of(layer.features.residual.kernel)
    wanted = np.concatenate([np.maximum(wanted, 0), directions], axis=1)
    np.testing.assert_allclose(numpy_of(layer.features(x)), wanted, atol=1e-4)
    assert tuple(layer.kernel.shape) == (2 * 4 + 5 + 2, 3)
    products = 2 * 14 * 4 + 12 * (5 + 2) + 15 * 3
    assert multiplications(layer) == products


def test_a_file_reloads_exactly(layer, x, tmp_path):
    model = keras.Sequential([keras.Input((12,)), layer])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numpy_of(again(x)), numpy_of(model(x)))


def test_as_many_rows_as_features():
    with pytest.raises(ValueError, match="3 rows, num_features=4"):
        EUGenDense(3, 4, projection="gaussian", rows=[1, 2, 3])
    with pytest.raises(ValueError, match="cannot be chosen"):
        EUGenDense(3, 3, rows=[1, 2, 3])
    with pytest.raises(ValueError, match="shift=-1"):
        EUGenDense(3, 3, shift=-1)
