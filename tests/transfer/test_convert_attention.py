"""Keras's attention layers, alone and in keras-hub's, become PRP attention."""

import keras
import keras_hub
import numpy as np
import pytest
from keras import ops

from keras_randproj import PRPMultiHeadAttention
from keras_randproj import convert
from keras_randproj.layers.attention.parts import attention_parts
from keras_randproj.transfer import to_eugen
from keras_randproj.transfer import to_prp
from keras_randproj.transfer.conversion import conversion

MULTI_HEAD = keras.layers.MultiHeadAttention


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def give_back(new, old):
    """Sets the old attention's weights to what the new one multiplies by."""
    pairs = zip(attention_parts(new), attention_parts(old), strict=True)
    for ours, theirs in pairs:
        scale = numpy_of(ours.scale) * ours.lr_multiplier
        kernel = ours.projection.materialize() * scale
        theirs.kernel.assign(kernel.reshape(theirs.kernel.shape))
        bias = numpy_of(ours.bias).reshape(theirs.bias.shape)
        theirs.bias.assign(bias)


@pytest.mark.parametrize(
    "attention",
    [
        lambda: MULTI_HEAD(2, 4, value_dim=3, output_shape=5, use_gate=True),
        lambda: MULTI_HEAD(2, 4, attention_axes=1, sliding_window=2),
        lambda: keras.layers.GroupQueryAttention(4, 4, 2),
    ],
    ids=["gated", "window", "grouped"],
)
def test_functional_model(attention, rng):
    x, y = keras.Input((4, 6), name="x"), keras.Input((4, 6), name="y")
    # Scores keep Keras from JAX's fused attention, which wants one width.
    out, _ = attention()(x, y, return_attention_scores=True)
    model = keras.Model([x, y], keras.layers.Dense(3)(out))
    old = model.layers[2]
    new_model = convert(model, {old.name: to_prp(seed=5)}, verbose=0)
    new = new_model.get_layer(old.name)
    assert isinstance(new, PRPMultiHeadAttention)
    assert new.projection_seed == 5
    give_back(new, old)
    data = [rng.normal(size=(2, 4, n)).astype("float32") for n in (6, 6)]
    np.testing.assert_allclose(
        numpy_of(new_model(data)), numpy_of(model(data)), atol=1e-5
    )


def test_dense_rules_go_inside(rng):
    x = keras.Input((4, 6))
    model = keras.Model(x, MULTI_HEAD(2, 3)(x, x))
    done = conversion(model, {"*": to_eugen(4)}, verbose=0)
    assert len(done.replaced) == 4
    assert isinstance(done.model.layers[-1], MULTI_HEAD)


def test_unknown_subclasses_are_skipped_with_a_reason():
    class Rotary(MULTI_HEAD):
        pass

    x = keras.Input((4, 6))
    model = keras.Model(x, Rotary(2, 3, name="rotary")(x, x))
    with pytest.raises(ValueError, match="rotary: Rotary changes"):
        convert(model, {Rotary: to_prp()}, verbose=0)


def bert():
    return keras_hub.models.BertBackbone(
        vocabulary_size=30,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=6,
    )


def gpt2():
    return keras_hub.models.GPT2Backbone(
        vocabulary_size=30,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=6,
    )


@pytest.mark.parametrize("make", [bert, gpt2])
def test_keras_hub(make, rng):
    model = make()
    padding = np.array([[1, 1, 1, 1, 0, 0]] * 2)
    data = {
        "token_ids": rng.integers(0, 30, (2, 6)),
        "padding_mask": padding,
        "segment_ids": np.zeros((2, 6), "int32"),
    }
    data = {name: data[name] for name in model.input}
    done = conversion(model, {MULTI_HEAD: to_prp(seed=1)}, verbose=0)
    assert len(done.replaced) == 1
    give_back(done.replaced[0].new, done.replaced[0].old)
    for ours, theirs in zip(
        keras.tree.flatten(done.model(data)),
        keras.tree.flatten(model(data)),
        strict=True,
    ):
        shown = padding.astype("bool") if len(ours.shape) == 3 else ...
        np.testing.assert_allclose(
            numpy_of(ours)[shown], numpy_of(theirs)[shown], atol=1e-5
        )


def test_keras_hub_decoder_keeps_its_cache(rng):
    """A converted decoder layer decodes with keras-hub's own cache."""
    x = keras.Input((5, 8))
    decoder = keras_hub.layers.TransformerDecoder(16, 2, name="decoder")
    model = keras.Model(x, decoder(x))
    new = convert(model, {MULTI_HEAD: to_prp(seed=1)}, verbose=0)
    layer = new.get_layer("decoder")
    assert isinstance(layer._self_attention_layer, PRPMultiHeadAttention)
    data = rng.normal(size=(2, 5, 8)).astype("float32")
    whole = numpy_of(layer(data))
    cache = np.zeros((2, 2, 5, 2, 4), "float32")
    for k in range(5):
        y, cache = layer(
            data[:, k : k + 1],
            self_attention_cache=cache,
            self_attention_cache_update_index=k,
        )
        np.testing.assert_allclose(numpy_of(y), whole[:, k : k + 1], atol=1e-5)
