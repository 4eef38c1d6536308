"""PRPTransformerBlock: composition, masks, decoding, files, errors."""

import keras
import numpy as np
import pytest
from keras import ops
from keras_harness import run_layer_test

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPMultiHeadAttention
from keras_randproj import PRPTransformerBlock
from keras_randproj.matrices import derive_seed

pytestmark = pytest.mark.gpu

VARIANTS = {
    "prp": {},
    "eugen": {"feed_forward": "eugen"},
    "dense": {"feed_forward": "dense", "attention": "dense"},
    "post-norm": {"norm_first": False, "normalization": "rms"},
    "gated": {"gated": True, "activation": "silu"},
    "gated dense": {"gated": True, "feed_forward": "dense"},
    "grouped": {"num_key_value_heads": 1, "use_bias": False},
}


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def block(**options):
    options = {"causal": True, "projection_seed": 3, **options}
    return PRPTransformerBlock(2, 12, **options)


@pytest.fixture
def x(rng):
    return rng.normal(size=(2, 6, 8)).astype("float32")


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_is_what_its_parts_make(variant, x):
    """The equations of the docstring, written out with the parts."""
    layer = block(**VARIANTS[variant])
    y = numpy_of(layer(x))
    attention, forward = layer.attention, layer.feed_forward
    first, second = layer.attention_norm, layer.feed_forward_norm

    def feed(z):
        last = forward.output_layer
        if layer.feed_forward_kind == "eugen":
            return last(z)
        up = forward.intermediate(z)
        if layer.gated:
            up = up * forward.gate(z)
        return last(up)

    h = ops.convert_to_tensor(x)
    if layer.norm_first:
        z = first(h)
        h = h + attention(z, z, use_causal_mask=True)
        h = h + feed(second(h))
    else:
        h = first(h + attention(h, h, use_causal_mask=True))
        h = second(h + feed(h))
    np.testing.assert_allclose(y, numpy_of(h), atol=1e-5)
    assert np.abs(y - x).max() > 0.1


def test_parts_are_of_the_kinds_asked_for(x):
    layer = block()
    layer(x)
    assert isinstance(layer.attention, PRPMultiHeadAttention)
    assert isinstance(layer.feed_forward.intermediate, PRPDense)
    assert layer.attention.projection_seed == derive_seed(3, 0)
    first = derive_seed(derive_seed(3, 1), 0)
    assert layer.feed_forward.intermediate.seed == first
    layer = block(feed_forward="eugen", attention="dense")
    layer(x)
    assert isinstance(layer.feed_forward.output_layer, EUGenDense)
    assert isinstance(layer.attention.query, keras.layers.Dense)


def test_options_reach_the_parts(x):
    layer = block(
        attention_options={"projection": "hadamard", "depth": 2},
        feed_forward_options={"residual_rank": 3},
    )
    layer(x)
    assert layer.attention.query.projection.family.name == "hadamard"
    assert layer.attention.query.depth == 2
    assert layer.feed_forward.output_layer.residual_rank == 3


def test_swiglu_activates_the_gate(x):
    layer = block(gated=True, activation="silu", feed_forward="dense")
    layer(x)
    forward = layer.feed_forward
    assert forward.gate.activation is keras.activations.silu
    assert forward.intermediate.activation is keras.activations.linear


def test_causal_blocks_do_not_look_ahead(x):
    changed = x.copy()
    changed[:, 3:] *= -1
    for causal in (True, False):
        layer = block(causal=causal)
        gap = numpy_of(layer(x)) - numpy_of(layer(changed))
        assert (np.abs(gap[:, :3]).max() < 1e-6) == causal


def test_padding_is_not_attended(x):
    layer = block(causal=False)
    mask = np.ones((2, 6), "bool")
    mask[:, 4:] = False
    short = numpy_of(layer(x[:, :4]))
    np.testing.assert_allclose(
        numpy_of(layer(x, mask=mask))[:, :4], short, atol=1e-5
    )
    pairs = np.broadcast_to(mask[:, None], (2, 6, 6))
    np.testing.assert_allclose(
        numpy_of(layer(x, attention_mask=pairs))[:, :4], short, atol=1e-5
    )


def test_keras_masks_pass_through():
    embed = keras.layers.Embedding(5, 8, mask_zero=True)
    tokens = np.array([[1, 2, 0]])
    y = block()(block()(embed(tokens)))
    np.testing.assert_array_equal(numpy_of(y._keras_mask), tokens != 0)


@pytest.mark.parametrize("variant", ["prp", "dense"])
def test_cached_decoding_equals_the_whole(variant, x):
    layer = block(**VARIANTS[variant])
    whole = numpy_of(layer(x))
    cache = layer.make_cache(2, 8)
    steps = []
    for k in range(6):
        y, cache = layer(x[:, k : k + 1], cache=cache, cache_update_index=k)
        steps.append(numpy_of(y))
    np.testing.assert_allclose(np.concatenate(steps, 1), whole, atol=1e-5)


def test_cached_decoding_in_a_functional_model(x):
    layer = block()
    whole = numpy_of(layer(x))
    token = keras.Input(batch_shape=(2, 1, 8))
    cache = keras.Input(batch_shape=(2, 2, 6, 2, 4))
    y, kept = layer(token, cache=cache, cache_update_index=0)
    assert kept.shape == (2, 2, 6, 2, 4)
    model = keras.Model((token, cache), (y, kept))
    empty = np.zeros((2, 2, 6, 2, 4), "float32")
    y, _ = model.predict([x[:, :1], empty], verbose=0)
    np.testing.assert_allclose(y, whole[:, :1], atol=1e-5)


def test_dropout_acts_in_training_only(x):
    layer = block(dropout=0.5, seed=1)
    still = numpy_of(layer(x, training=False))
    np.testing.assert_array_equal(still, numpy_of(layer(x, training=False)))
    assert np.abs(numpy_of(layer(x, training=True)) - still).max() > 1e-2


def test_dropout_acts_on_what_both_parts_add(x):
    """Almost all of it dropped, almost all inputs pass as they are."""
    layer = block(dropout=0.99, attention_options={"dropout": 0.0})
    y = numpy_of(layer(x, training=True))
    assert np.mean(np.isclose(y, x)) > 0.8


@pytest.mark.parametrize("variant", ["prp", "eugen", "gated"])
def test_keras_layer_test(variant):
    counts = {"prp": 22, "eugen": 19, "gated": 25}
    run_layer_test(
        PRPTransformerBlock,
        init_kwargs={
            "num_heads": 2,
            "intermediate_dim": 12,
            "projection_seed": 3,
            **VARIANTS[variant],
        },
        input_shape=(2, 6, 8),
        expected_output_shape=(2, 6, 8),
        expected_num_trainable_weights=counts[variant],
        expected_num_losses=0,
        supports_masking=True,
        run_training_check=False,
    )


def test_file_holds_seeds_and_reloads(tmp_path, rng):
    inputs = keras.Input((6, 64))
    blocks = [PRPTransformerBlock(4, 256) for _ in range(2)]
    outputs = inputs
    for layer in blocks:
        outputs = layer(outputs)
    model = keras.Model(inputs, outputs)
    path = tmp_path / "blocks.keras"
    model.save(path)
    assert path.stat().st_size < 2 * (4 * 64 * 64 + 2 * 64 * 256) * 4 / 2
    x = rng.normal(size=(2, 6, 64)).astype("float32")
    np.testing.assert_array_equal(
        keras.models.load_model(path).predict(x, verbose=0),
        model.predict(x, verbose=0),
    )


def test_weights_bring_their_seed(tmp_path, x):
    models = []
    for seed in (1, 2):
        layers = [keras.Input((6, 8)), block(projection_seed=seed)]
        models.append(keras.Sequential(layers))
    path = tmp_path / "block.weights.h5"
    models[0].save_weights(path)
    models[1].load_weights(path)
    first, second = (m.predict(x, verbose=0) for m in models)
    np.testing.assert_array_equal(first, second)
    assert models[1].layers[-1].projection_seed == 1


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy, x):
    y = block(dtype=policy)(x)
    assert keras.backend.standardize_dtype(y.dtype) == policy[6:]
    symbolic = block(dtype=policy)(keras.Input(x.shape[1:]))
    assert symbolic.dtype == policy[6:]
    np.testing.assert_allclose(
        numpy_of(ops.cast(y, "float32")), numpy_of(block()(x)), atol=0.1
    )


BAD = {
    "num_heads": {"num_heads": 0},
    "intermediate_dim": {"intermediate_dim": -1},
    "feed_forward": {"feed_forward": "sparse"},
    "attention": {"attention": "linear"},
    "normalization": {"normalization": "batch"},
    "gate": {"feed_forward": "eugen", "gated": True},
}


@pytest.mark.parametrize("case", list(BAD))
def test_wrong_arguments_are_named(case):
    arguments = {"num_heads": 2, "intermediate_dim": 4, **BAD[case]}
    with pytest.raises(ValueError, match=case):
        PRPTransformerBlock(**arguments)


@pytest.mark.parametrize("shape", [(2, 8), (2, 6, None), (2, 6, 9)])
def test_wrong_shapes_are_named(shape):
    with pytest.raises(ValueError, match="Received"):
        PRPTransformerBlock(2, 4).build(shape)


def test_cache_needs_a_built_block():
    with pytest.raises(ValueError, match="built"):
        PRPTransformerBlock(2, 4).make_cache(1, 4)
