"""A frozen layer stays frozen, with the parts that `build` makes."""

import keras
import pytest

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPMultiHeadAttention
from keras_randproj import PRPTransformerBlock

LAYERS = {
    "dense": lambda **k: PRPDense(3, depth=2, residual_rank=2, **k),
    "eugen": lambda **k: EUGenDense(3, 4, order=2, modulation=True, **k),
    "attention": lambda **k: PRPMultiHeadAttention(2, 4, **k),
    "block": lambda **k: PRPTransformerBlock(2, 16, **k),
    "block of dense layers": lambda **k: PRPTransformerBlock(
        2, 16, attention="dense", feed_forward="dense", gated=True, **k
    ),
    "block of EUGen": lambda **k: PRPTransformerBlock(
        2, 16, feed_forward="eugen", **k
    ),
}


def model(layer):
    inputs = keras.Input((5, 8))
    pair = isinstance(layer, PRPMultiHeadAttention)
    outputs = layer(inputs, inputs) if pair else layer(inputs)
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_made_frozen(name):
    layer = LAYERS[name](trainable=False)
    made = model(layer)
    assert made.trainable_variables == []
    # On TensorFlow an attribute that has the value is not set again: the
    # model's own flag is true.
    layer.trainable = True
    thawed = len(made.trainable_variables)
    assert thawed == len(model(LAYERS[name]()).trainable_variables) > 0


@pytest.mark.parametrize("name", LAYERS)
def test_clone_of_frozen_model(name):
    made = model(LAYERS[name]())
    made.trainable = False
    assert keras.models.clone_model(made).trainable_variables == []
