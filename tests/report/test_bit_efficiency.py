"""Bits are counted by one rule for Dense, low rank, int8 and our layers."""

import keras
import pytest

from keras_randproj import PRPDense
from keras_randproj.report import bit_efficiency

RECORD = 200  # Bytes within which a seed, its digest and names stay.


def dense(**options):
    net = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(32, **options)]
    )
    return net


def test_dense_stores_32_bits_a_number():
    bits = 32 * (64 * 32 + 32)
    assert bit_efficiency(dense(), 0.9) == pytest.approx(0.9 / bits)
    assert bit_efficiency(dense(), 0.9, chance=0.1) == pytest.approx(0.8 / bits)


def test_low_rank_stores_its_factors():
    net = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(4, use_bias=False),
            keras.layers.Dense(32),
        ]
    )
    bits = 32 * (64 * 4 + 4 * 32 + 32)
    assert bit_efficiency(net, 1.0) == pytest.approx(1 / bits)


def test_int8_stores_bytes_and_scales():
    net = dense()
    net.quantize("int8")
    bits = 8 * 64 * 32 + 32 * (32 + 32)
    assert bit_efficiency(net, 1.0) == pytest.approx(1 / bits)


def test_half_precision_stores_16_bits():
    bits = 16 * (64 * 32 + 32)
    for dtype in ("float16", "bfloat16"):
        net = dense(dtype=dtype)
        assert bit_efficiency(net, 1.0) == pytest.approx(1 / bits)


@pytest.mark.parametrize("projection", ["gaussian", "hadamard"])
def test_prp_stores_vectors_and_a_seed(projection):
    net = keras.Sequential(
        [keras.Input((64,)), PRPDense(32, projection=projection)]
    )
    stored = 1 / bit_efficiency(net, 1.0) / 8
    vectors = 4 * (64 + 2 * 32)
    assert vectors < stored < vectors + RECORD


@pytest.mark.parametrize("score", [float("nan"), float("inf"), "0.9", None])
def test_wrong_scores(score):
    with pytest.raises(ValueError, match="`score` must be"):
        bit_efficiency(dense(), score)


def test_models_without_weights_or_unbuilt_are_refused():
    net = keras.Sequential([keras.Input((4,)), keras.layers.ReLU()])
    with pytest.raises(ValueError, match="has weights"):
        bit_efficiency(net, 1.0)
    with pytest.raises(ValueError, match="built"):
        bit_efficiency(keras.Sequential([PRPDense(4)]), 1.0)
