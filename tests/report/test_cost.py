"""Operations and bytes of a call, counted by hand."""

import keras
import pytest

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import report


def built(layer, width):
    layer.build((None, width))
    return layer


def test_dense():
    found = report.cost(built(keras.layers.Dense(10), 20), batch=3)
    assert found.flops == 3 * (2 * 20 * 10 + 10)
    assert found.bytes == 4 * (20 * 10 + 10 + 3 * (20 + 10))


def test_stored_projection():
    found = report.cost(built(PRPDense(10, seed=1), 20), batch=3)
    assert found.flops == 3 * (2 * 20 * 10 + 20 + 10 + 10)
    assert found.bytes == 4 * (20 * 10 + 20 + 10 + 10 + 3 * (20 + 10))


def test_hadamard_is_two_small_products_and_no_matrix():
    layer = built(PRPDense(64, projection="hadamard", seed=1), 64)
    found = report.cost(layer, batch=1)
    assert found.flops == 2 * 64 * (8 + 8) + 3 * 64
    assert found.bytes < 4 * 64 * 64


def test_seed_storage_reads_no_matrix():
    stored = report.cost(built(PRPDense(64, seed=1), 64), batch=1)
    made = report.cost(built(PRPDense(64, seed=1, storage="seed"), 64), 1)
    assert made.flops == stored.flops
    assert stored.bytes - made.bytes > 4 * 64 * 64 - 100


def test_eugen():
    layer = EUGenDense(10, 6, order=1, norm_feature=False, seed=1)
    found = report.cost(built(layer, 20), batch=3)
    assert found.flops == 3 * (2 * (20 * 6 + 6 * 10) + 10)


def test_roofline_is_the_slower_of_the_two():
    found = report.Cost(flops=100, bytes=40)
    assert found.seconds(flops_per_second=10, bytes_per_second=100) == 10
    assert found.seconds(flops_per_second=1000, bytes_per_second=10) == 4


@pytest.mark.parametrize(
    "layer", [keras.layers.Dense(3), keras.layers.Dropout(0.1)]
)
def test_other_layers_are_refused(layer):
    with pytest.raises(ValueError, match="Received: layer="):
        report.cost(layer, 1)
