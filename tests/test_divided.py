"""Which sides of which matrices may be divided over devices, by path."""

import gc

import keras
import pytest

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPTransformerBlock
from keras_randproj import divided

COLUMNS, ROWS = (None, "model"), ("model", None)
ATTENTION = {
    "attention/query": COLUMNS,
    "attention/key": COLUMNS,
    "attention/value": COLUMNS,
    "attention/attention_output": ROWS,
}
LAYERS = {
    "prp": (
        lambda: PRPDense(5, residual_rank=2, name="a"),
        {"projection/matrix": COLUMNS, "residual_a": None, "residual_b": None},
    ),
    "hadamard": (
        lambda: PRPDense(5, projection="hadamard", name="a"),
        {"projection/signs": None},
    ),
    "trained features": (
        lambda: EUGenDense(5, 4, trainable_projection=True, name="a"),
        {
            "eugen_head/kernel": ROWS,
            "features/factor_0/kernel": COLUMNS,
            "features/factor_1/kernel": COLUMNS,
        },
    ),
    "frozen features": (
        lambda: EUGenDense(5, 4, projection="gaussian", name="a"),
        {
            "eugen_head/kernel": ROWS,
            "features/factor_0/projection/matrix": COLUMNS,
            "features/factor_1/projection/matrix": COLUMNS,
        },
    ),
    "block": (
        lambda: PRPTransformerBlock(2, 6, gated=True, name="a"),
        {
            "feed_forward/intermediate/projection/matrix": COLUMNS,
            "feed_forward/gate/projection/matrix": COLUMNS,
            "feed_forward/output/projection/matrix": ROWS,
            **{f"{k}/projection/matrix": v for k, v in ATTENTION.items()},
        },
    ),
    "dense block": (
        lambda: PRPTransformerBlock(
            2, 6, attention="dense", feed_forward="dense", name="a"
        ),
        {
            "feed_forward/intermediate/kernel": COLUMNS,
            "feed_forward/output/kernel": ROWS,
            **{f"{k}/kernel": v for k, v in ATTENTION.items()},
        },
    ),
    "a Dense of Keras's": (
        lambda: keras.layers.Dense(4, name="query"),
        {"kernel": None},
    ),
}


@pytest.mark.one_backend
@pytest.mark.parametrize("kind", LAYERS)
def test_sides_of_every_matrix(kind):
    make, wanted = LAYERS[kind]
    layer = make()
    layer(keras.ops.ones((2, 3, 8)))
    found = {
        weight.path.split("/", 1)[1]: divided.axes(weight.path, "model")
        for weight in layer.weights
        if len(weight.shape) == 2
    }
    assert found == wanted


@pytest.mark.one_backend
def test_a_layer_that_is_gone_says_nothing():
    layer = PRPDense(5, name="short_lived")
    layer.build((None, 3))
    path = layer.projection.matrix.path
    assert divided.axes(path, "model") == COLUMNS
    del layer
    keras.backend.clear_session()
    gc.collect()
    assert divided.axes(path, "model") is None
