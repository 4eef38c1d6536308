"""PRPMultiHeadAttention against Keras's attention and a NumPy oracle."""

import keras
import numpy as np
import pytest
from keras import ops
from keras_harness import run_layer_test
from one_program import one_program
from representatives import run_everywhere

from keras_randproj import PRPMultiHeadAttention
from keras_randproj import PRPTransformerBlock
from keras_randproj import config
from keras_randproj.matrices import derive_seed

pytestmark = pytest.mark.gpu


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def folded(dense):
    """A PRPDense layer's matrix with alpha and scale in it, float64."""
    alpha = numpy_of(dense.alpha).astype("float64") * dense.lr_multiplier
    scale = numpy_of(dense.scale).astype("float64") * dense.lr_multiplier
    return alpha[:, None] * dense.projection.materialize() * scale


def randomize(layer, rng):
    """Vectors that are neither ones nor zeros, so that each one counts."""
    for weight in layer.trainable_weights:
        size = weight.shape
        weight.assign(numpy_of(weight) + 0.03 * rng.normal(size=size))


def like_keras(layer, reference, *inputs):
    """Gives Keras's attention the matrices of ours."""
    reference.build(*[x.shape for x in inputs])
    order = [layer.query, layer.key, layer.gate, layer.value]
    order = [d for d in [*order, layer.attention_output] if d is not None]
    values = []
    for dense in order:
        values.append(folded(dense))
        if layer.use_bias:
            values.append(numpy_of(dense.bias))
    shapes = [w.shape for w in reference.weights]
    reference.set_weights(
        [np.reshape(v, s) for v, s in zip(values, shapes, strict=True)]
    )


def close(found, expected):
    np.testing.assert_allclose(numpy_of(found), numpy_of(expected), atol=1e-5)


def inputs_of(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


CASES = {
    "self": ({}, [(2, 7, 12), (2, 7, 12)]),
    "cross": ({}, [(2, 7, 12), (2, 5, 10)]),
    "key": ({"value_dim": 5}, [(2, 7, 12), (2, 5, 10), (2, 5, 9)]),
    "no bias": ({"use_bias": False}, [(2, 7, 12), (2, 5, 12)]),
    "output shape": ({"output_shape": (3, 4)}, [(2, 7, 12), (2, 5, 12)]),
    "gate": ({"use_gate": True, "value_dim": 3}, [(2, 7, 12), (2, 5, 12)]),
    "window": ({"sliding_window": 2}, [(2, 7, 12), (2, 7, 12)]),
    "two axes": ({"attention_axes": (1, 2)}, [(2, 3, 4, 8), (2, 3, 2, 8)]),
    "carried": ({"attention_axes": 2}, [(2, 3, 4, 8), (2, 3, 2, 8)]),
    "negative": ({"attention_axes": -2}, [(2, 3, 4, 8), (2, 3, 2, 8)]),
    "five axes": (
        {"attention_axes": (2, 3)},
        [(2, 2, 3, 4, 8), (2, 2, 3, 2, 8)],
    ),
    "two of three": (
        {"attention_axes": (1, 2)},
        [(2, 3, 4, 5, 8), (2, 3, 2, 5, 8)],
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_equals_keras_with_the_same_matrices(case, rng):
    options, shapes = CASES[case]
    layer = PRPMultiHeadAttention(2, 4, projection_seed=3, **options)
    reference = keras.layers.MultiHeadAttention(2, 4, **options)
    inputs = inputs_of(rng, *shapes)
    layer.build(*shapes)
    randomize(layer, rng)
    like_keras(layer, reference, *inputs)
    # With scores Keras never takes JAX's fused attention, which refuses
    # values of another width than the keys.
    scores = {"return_attention_scores": True}
    expected, found, fused = one_program(
        lambda *x: (reference(*x, **scores), layer(*x, **scores), layer(*x))
    )(*inputs)
    close(found[0], expected[0])
    close(found[1], expected[1])
    close(fused, expected[0])
    assert fused.shape == layer.compute_output_shape(*shapes)


@pytest.mark.parametrize("masked", [False, True])
def test_the_first_of_three_axes_equals_keras_slice_by_slice(masked, rng):
    """An order of axes that is not its own way back.

    Slices, as TensorFlow has no softmax of Keras's scores of rank 6.
    """
    layer = PRPMultiHeadAttention(2, 4, attention_axes=1, projection_seed=3)
    reference = keras.layers.MultiHeadAttention(2, 4)
    x, v = inputs_of(rng, (2, 3, 4, 5, 8), (2, 6, 4, 5, 8))
    layer.build(x.shape, v.shape)
    randomize(layer, rng)
    like_keras(layer, reference, x[:, :, 0, 0], v[:, :, 0, 0])
    # Batch, carried axes, heads, query's axis, value's axis.
    mask = rng.random((2, 4, 5, 2, 3, 6)) < 0.6
    mask[..., 0] = True
    found, scores = layer(
        x,
        v,
        attention_mask=mask if masked else None,
        return_attention_scores=True,
    )
    assert found.shape == x.shape
    assert scores.shape == mask.shape
    for j in range(4):
        for k in range(5):
            expected = reference(
                x[:, :, j, k],
                v[:, :, j, k],
                attention_mask=mask[:, j, k] if masked else None,
                return_attention_scores=True,
            )
            close(numpy_of(found)[:, :, j, k], expected[0])
            close(numpy_of(scores)[:, j, k], expected[1])


MASKS = {
    "causal": ([(2, 6, 8), (2, 6, 8)], None, {}, True),
    "pairs": ([(2, 6, 8), (2, 5, 8)], (2, 6, 5), {}, False),
    "heads": ([(2, 6, 8), (2, 5, 8)], (2, 2, 6, 5), {}, False),
    "all": ([(2, 6, 8), (2, 6, 8)], (2, 6, 6), {}, True),
    "carried pairs": (
        [(3, 3, 4, 8), (3, 3, 2, 8)],
        (4, 2),
        {"attention_axes": 2},
        False,
    ),
    "carried batch": (
        [(3, 3, 4, 8), (3, 3, 2, 8)],
        (3, 4, 2),
        {"attention_axes": 2},
        False,
    ),
    "carried full": (
        [(3, 3, 4, 8), (3, 3, 2, 8)],
        (3, 3, 2, 4, 2),
        {"attention_axes": 2},
        False,
    ),
    "two axes": (
        [(3, 3, 4, 8), (3, 3, 2, 8)],
        (3, 3, 4, 3, 2),
        {"attention_axes": (1, 2)},
        False,
    ),
}


@pytest.mark.parametrize("case", list(MASKS))
def test_masks_equal_keras(case, rng):
    shapes, mask_shape, options, causal = MASKS[case]
    layer = PRPMultiHeadAttention(2, 4, projection_seed=3, **options)
    reference = keras.layers.MultiHeadAttention(2, 4, **options)
    inputs = inputs_of(rng, *shapes)
    layer.build(*shapes)
    like_keras(layer, reference, *inputs)
    mask = None
    if mask_shape is not None:
        mask = rng.random(mask_shape) < 0.6
        mask[..., 0] = True
        mask[..., -1, -1] = False
    arguments = {"attention_mask": mask, "use_causal_mask": causal}
    found = one_program(
        lambda *x: (
            layer(*x, **arguments),
            reference(*x, **arguments),
            layer(*x),
        )
    )(*inputs)
    ours, theirs, unmasked = map(numpy_of, found)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.abs(ours - unmasked).max() > 1e-3


FORMS = {
    "nested list of booleans": lambda mask: mask.tolist(),
    "nested list of integers": lambda mask: mask.astype("int32").tolist(),
    "nested list of floats": lambda mask: (0.5 * mask).tolist(),
    "list of tuples": lambda mask: list(map(tuple, mask.tolist())),
    "list of arrays": list,
    "integers": lambda mask: 2 * mask.astype("int64"),
    "floats": lambda mask: 0.5 * mask.astype("float64"),
    "tensor": lambda mask: ops.convert_to_tensor(mask, "bool"),
    "tensor of integers": lambda mask: ops.convert_to_tensor(mask, "int32"),
}
# What each mask is a mask of: query and value axes.
OF = {
    "attention_mask": (4, 5),
    "query_mask": (4,),
    "value_mask": (5,),
    "key_mask": (5,),
}


# Every form of one mask, and of the others one of each sort.
GIVEN = [
    *(("attention_mask", form) for form in FORMS),
    ("query_mask", "nested list of booleans"),
    ("query_mask", "tensor of integers"),
    ("value_mask", "list of arrays"),
    ("value_mask", "floats"),
    ("key_mask", "list of tuples"),
    ("key_mask", "integers"),
]


@pytest.mark.parametrize(("name", "form"), GIVEN)
def test_masks_come_in_every_form_that_keras_takes(name, form, rng):
    layer = PRPMultiHeadAttention(2, 4, projection_seed=3)
    reference = keras.layers.MultiHeadAttention(2, 4)
    x, v = inputs_of(rng, (2, 4, 8), (2, 5, 8))
    layer.build(x.shape, v.shape)
    like_keras(layer, reference, x, v)
    mask = rng.random((2, *OF[name])) < 0.6
    mask[..., 0] = True
    mask[..., -1] = False
    given = {"key": v, name: FORMS[form](mask)}
    ours, theirs = (numpy_of(m(x, v, **given)) for m in (layer, reference))
    shown = mask if name == "query_mask" else ...
    np.testing.assert_allclose(ours[shown], theirs[shown], atol=1e-5)
    exact = numpy_of(layer(x, v, key=v, **{name: mask}))
    np.testing.assert_array_equal(ours, exact)
    assert np.abs(ours - numpy_of(layer(x, v))).max() > 1e-3


@pytest.mark.parametrize(
    ("shapes", "options"),
    [
        (((2, 3, 32), (2, 3, 4), (2, 3, 4)), {}),
        (((2, 3, 4), (2, 3, 32), (2, 3, 4)), {"num_key_value_heads": 2}),
        (((2, 3, 4), (2, 3, 4), (2, 3, 32)), {}),
        (((2, 3, 4), (2, 3, 4), (2, 3, 4)), {"output_shape": 64}),
    ],
)
def test_each_matrix_is_measured_before_any_is_made(
    shapes, options, monkeypatch
):
    """Query, key, value and output, of which one is the largest."""
    built: list = []
    largest = 4 * 6 * (64 if "output_shape" in options else 32)

    def build(limit):
        monkeypatch.setattr(config, "_max_elements", limit)
        layer = PRPMultiHeadAttention(4, 6, **options)
        query, key, value = shapes
        try:
            layer.build(query, value, key)
        finally:
            built.append(bool(layer.weights))

    if "num_key_value_heads" in options:
        largest //= 2
    build(max(largest, 4 * 6 * 4))
    with pytest.raises(ValueError, match="entries"):
        build(largest - 1)
    assert built == [True, False]


@pytest.mark.parametrize("attention", ["prp", "dense"])
def test_a_block_takes_nested_lists(attention, rng):
    block = PRPTransformerBlock(2, 8, attention=attention, projection_seed=3)
    (x,) = inputs_of(rng, (2, 4, 8))
    pairs = rng.random((2, 4, 4)) < 0.6
    pairs[..., 0] = True
    kept = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], "bool")
    given = {"mask": kept, "attention_mask": pairs}
    lists = {name: mask.tolist() for name, mask in given.items()}
    np.testing.assert_array_equal(
        numpy_of(block(x, **lists)), numpy_of(block(x, **given))
    )
    assert np.abs(numpy_of(block(x, **lists)) - numpy_of(block(x))).max() > 1e-3


def test_a_list_is_a_mask_in_a_functional_model(rng, tmp_path):
    x = keras.Input((3, 8))
    causal = np.tril(np.ones((1, 3, 3), "int32"))
    layer = PRPMultiHeadAttention(2, 4, projection_seed=3)
    model = keras.Model(x, layer(x, x, attention_mask=causal.tolist()))
    (data,) = inputs_of(rng, (2, 3, 8))
    expected = numpy_of(layer(data, data, use_causal_mask=True))
    np.testing.assert_allclose(numpy_of(model(data)), expected, atol=1e-6)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(numpy_of(loaded(data)), expected, atol=1e-6)


INDEXES = {
    "integer": int,
    "NumPy integer": np.int64,
    "array": lambda k: np.array(k, "int32"),
    "float": float,
    "tensor": lambda k: ops.convert_to_tensor(k, "int32"),
    "tensor of floats": lambda k: ops.convert_to_tensor(k, "float32"),
}


@pytest.mark.parametrize(
    ("as_list", "form"), [(True, "integer"), *((False, f) for f in INDEXES)]
)
def test_caches_and_indexes_come_in_every_form(as_list, form, rng):
    layer = PRPMultiHeadAttention(2, 4, projection_seed=3)
    (x,) = inputs_of(rng, (2, 5, 8))
    whole = numpy_of(layer(x, x, use_causal_mask=True))
    cache = numpy_of(layer.make_cache(2, 5))
    for k in range(5):
        part = x[:, k : k + 1]
        y, cache = layer(
            part,
            part,
            use_causal_mask=True,
            cache=numpy_of(cache).tolist() if as_list else cache,
            cache_update_index=INDEXES[form](k),
        )
        np.testing.assert_allclose(numpy_of(y), whole[:, k : k + 1], atol=1e-5)


def test_a_cache_without_an_index_is_all_keys_and_values(rng):
    """What else is passed as `value` then counts for nothing."""
    layer = PRPMultiHeadAttention(2, 4, projection_seed=3)
    x, v, other = inputs_of(rng, (2, 3, 8), (2, 5, 8), (2, 5, 8))
    wanted = numpy_of(layer(x, v))
    _, cache = layer(v, v, cache=layer.make_cache(2, 5), cache_update_index=0)
    for value in (other, other[:, :1]):
        found, kept = layer(x, value, cache=cache)
        np.testing.assert_allclose(numpy_of(found), wanted, atol=1e-5)
        np.testing.assert_array_equal(numpy_of(kept), numpy_of(cache))
    assert np.abs(wanted - numpy_of(layer(x, other))).max() > 1e-3
    symbolic = [keras.KerasTensor(each.shape) for each in (x, v, cache)]
    specs = layer(*symbolic[:2], cache=symbolic[2])
    assert [s.shape for s in specs] == [wanted.shape, cache.shape]


def test_oracle_in_float64(rng):
    layer = PRPMultiHeadAttention(2, 3, value_dim=4, projection_seed=3)
    x, v = inputs_of(rng, (2, 5, 6), (2, 4, 7))
    layer(x, v)
    randomize(layer, rng)

    def project(dense, inputs, *shape):
        y = inputs.astype("float64") @ folded(dense) + numpy_of(dense.bias)
        return y.reshape(*y.shape[:-1], *shape)

    q = project(layer.query, x, 2, 3)
    k = project(layer.key, v, 2, 3)
    values = project(layer.value, v, 2, 4)
    logits = np.einsum("btnd,bsnd->bnts", q, k) / np.sqrt(3)
    weights = np.exp(logits)
    weights /= weights.sum(axis=-1, keepdims=True)
    y = np.einsum("bnts,bsnd->btnd", weights, values).reshape(2, 5, 8)
    expected = project(layer.attention_output, y, 6)
    np.testing.assert_allclose(numpy_of(layer(x, v)), expected, atol=1e-5)


def test_grouped_heads_equal_keras(rng):
    layer = PRPMultiHeadAttention(
        4, 3, num_key_value_heads=2, projection_seed=3
    )
    reference = keras.layers.GroupQueryAttention(3, 4, 2)
    inputs = inputs_of(rng, (2, 6, 8), (2, 5, 8))
    layer(*inputs)
    randomize(layer, rng)
    like_keras(layer, reference, *inputs)
    for arguments in ({}, {"use_causal_mask": True}):
        np.testing.assert_allclose(
            numpy_of(layer(*inputs, **arguments)),
            numpy_of(reference(*inputs, **arguments)),
            atol=1e-5,
        )


def test_padding_masks(rng):
    layer = PRPMultiHeadAttention(2, 4, projection_seed=3)
    x = rng.normal(size=(2, 5, 8)).astype("float32")
    kept = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], "bool")
    masked = numpy_of(layer(x, x, value_mask=kept))
    np.testing.assert_allclose(
        masked[:1], numpy_of(layer(x[:1], x[:1, :3])), atol=1e-5
    )
    np.testing.assert_allclose(
        numpy_of(layer(x, x, key=x, key_mask=kept)), masked, atol=1e-5
    )
    both = numpy_of(layer(x, x, query_mask=kept, value_mask=kept))
    np.testing.assert_allclose(both[kept], masked[kept], atol=1e-5)


def test_keras_masks_reach_the_layer_and_pass_on():
    tokens = np.array([[1, 2, 0, 0], [3, 1, 2, 0]])
    embed = keras.layers.Embedding(4, 8, mask_zero=True)
    layer = PRPMultiHeadAttention(2, 4, projection_seed=3)
    x = embed(tokens)
    y = layer(x, x)
    np.testing.assert_array_equal(numpy_of(y._keras_mask), tokens != 0)
    plain = ops.convert_to_tensor(numpy_of(x))
    alone = layer(plain[:1, :2], plain[:1, :2])
    np.testing.assert_allclose(
        numpy_of(y)[0, :2], numpy_of(alone)[0], atol=1e-5
    )


KERAS_CASES = [
    {},
    {"value_dim": 4, "use_bias": False, "dropout": 0.5},
    {"use_gate": True},
    {"projection": "hadamard", "depth": 2},
    {"residual_rank": 2, "num_key_value_heads": 1},
]


@pytest.mark.parametrize(
    "options", run_everywhere(KERAS_CASES[3:], KERAS_CASES), ids=str
)
def test_keras_layer_test(options):
    roles = 5 if options.get("use_gate") else 4
    vectors = 2 + options.get("use_bias", True)
    vectors += options.get("depth", 1) - 1
    vectors += 2 * bool(options.get("residual_rank"))
    run_layer_test(
        PRPMultiHeadAttention,
        init_kwargs={
            "num_heads": 2,
            "key_dim": 2,
            "projection_seed": 3,
            **options,
        },
        input_shape={"query_shape": (2, 8, 16), "value_shape": (2, 4, 16)},
        expected_output_shape=(2, 8, 16),
        expected_num_trainable_weights=roles * vectors,
        expected_num_losses=0,
        supports_masking=True,
        run_training_check=False,
    )


def test_trainable_numbers_follow_the_formula():
    q, k, v, o, heads, groups, width, value_width = 10, 7, 6, 9, 4, 2, 3, 5
    layer = PRPMultiHeadAttention(
        heads,
        width,
        value_dim=value_width,
        num_key_value_heads=groups,
        output_shape=o,
    )
    layer.build((None, None, q), (None, None, v), (None, None, k))
    trained = sum(int(np.prod(w.shape)) for w in layer.trainable_weights)
    assert trained == (
        (q + 2 * heads * width)
        + (k + 2 * groups * width)
        + (v + 2 * groups * value_width)
        + (heads * value_width + 2 * o)
    )


def test_seeds_come_from_one():
    layer = PRPMultiHeadAttention(2, 4, projection_seed=11, use_gate=True)
    layer.build((None, 3, 8), (None, 3, 8))
    roles = (
        layer.query,
        layer.key,
        layer.value,
        layer.attention_output,
        layer.gate,
    )
    seeds = [dense.seed for dense in roles]
    assert seeds == [derive_seed(11, k) for k in range(5)]


def test_options_reach_every_projection():
    options = {
        "projection": "rademacher",
        "depth": 2,
        "residual_rank": 3,
        "storage": "seed",
        "lr_multiplier": 4.0,
        "alpha_initializer": "zeros",
        "scale_regularizer": "l2",
    }
    layer = PRPMultiHeadAttention(2, 4, **options)
    layer.build((None, 3, 8), (None, 3, 8))
    for dense in (layer.query, layer.key, layer.value, layer.attention_output):
        config = dense.get_config()
        for name in ("depth", "residual_rank", "storage", "lr_multiplier"):
            assert config[name] == options[name]
        assert [p.family.name for p in dense.projections] == ["rademacher"] * 2
        assert np.all(numpy_of(dense.alpha) == 0)
        assert dense.scale_regularizer is not None


def test_file_holds_seeds_and_reloads(tmp_path, rng):
    inputs = keras.Input((6, 64))
    outputs = PRPMultiHeadAttention(4, 16)(inputs, inputs)
    model = keras.Model(inputs, outputs)
    randomize(model, rng)
    path = tmp_path / "attention.keras"
    model.save(path)
    matrices = 4 * 64 * 64 * 4
    assert path.stat().st_size < matrices
    x = rng.normal(size=(2, 6, 64)).astype("float32")
    again = keras.models.load_model(path)
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), model.predict(x, verbose=0)
    )


def test_weights_bring_their_seed(tmp_path, rng):
    x = rng.normal(size=(2, 5, 8)).astype("float32")

    def model(seed):
        inputs = keras.Input((5, 8))
        layer = PRPMultiHeadAttention(2, 4, projection_seed=seed)
        return keras.Model(inputs, layer(inputs, inputs))

    first, second = model(1), model(2)
    path = tmp_path / "attention.weights.h5"
    first.save_weights(path)
    second.load_weights(path)
    np.testing.assert_array_equal(
        first.predict(x, verbose=0), second.predict(x, verbose=0)
    )
    assert second.layers[-1].projection_seed == 1


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy, rng):
    layer = PRPMultiHeadAttention(2, 4, projection_seed=3, dtype=policy)
    exact = PRPMultiHeadAttention(2, 4, projection_seed=3)
    x = rng.normal(size=(2, 5, 8)).astype("float32")
    for arguments in ({}, {"return_attention_scores": True}):
        y = layer(x, x, **arguments)
        y = y[0] if arguments else y
        assert keras.backend.standardize_dtype(y.dtype) == layer.compute_dtype
        np.testing.assert_allclose(
            numpy_of(ops.cast(y, "float32")), numpy_of(exact(x, x)), atol=0.05
        )


def test_dropout_acts_in_training_only(rng):
    layer = PRPMultiHeadAttention(2, 4, dropout=0.5, seed=1)
    x = rng.normal(size=(2, 5, 8)).astype("float32")
    still = numpy_of(layer(x, x, training=False))
    np.testing.assert_array_equal(still, numpy_of(layer(x, x, training=False)))
    first = numpy_of(layer(x, x, training=True))
    assert np.abs(first - still).max() > 1e-3
    assert np.abs(first - numpy_of(layer(x, x, training=True))).max() > 1e-3


def test_symbolic_shapes_and_dynamic_lengths(rng):
    query, value = keras.Input((None, 8)), keras.Input((None, 6))
    layer = PRPMultiHeadAttention(2, 4, output_shape=(2, 5))
    y, scores = layer(query, value, return_attention_scores=True)
    assert y.shape == (None, None, 2, 5)
    assert scores.shape == (None, 2, None, None)
    model = keras.Model((query, value), (y, scores))
    for lengths in ((3, 4), (5, 2)):
        inputs = inputs_of(rng, (2, lengths[0], 8), (2, lengths[1], 6))
        y, scores = model.predict(inputs, verbose=0)
        assert y.shape == (2, lengths[0], 2, 5)
        assert scores.shape == (2, 2, *lengths)


@pytest.mark.parametrize("window", [None, 3])
def test_cache_gives_what_the_whole_sequence_gives(window, rng):
    layer = PRPMultiHeadAttention(
        4, 4, num_key_value_heads=2, projection_seed=3, sliding_window=window
    )
    x = rng.normal(size=(2, 6, 8)).astype("float32")
    whole = numpy_of(layer(x, x, use_causal_mask=True))
    cache = layer.make_cache(2, 9)
    steps = []
    for start, stop in ((0, 3), (3, 4), (4, 6)):
        part = x[:, start:stop]
        y, cache = layer(
            part,
            part,
            use_causal_mask=True,
            cache=cache,
            cache_update_index=start,
        )
        steps.append(numpy_of(y))
    np.testing.assert_allclose(np.concatenate(steps, 1), whole, atol=1e-5)
    kept = np.arange(9) < 6
    again = layer(
        x,
        x,
        cache=cache,
        attention_mask=np.broadcast_to(kept, (2, 6, 9)),
    )[0]
    if window is None:
        np.testing.assert_allclose(
            numpy_of(again), numpy_of(layer(x, x)), atol=1e-5
        )


def built(**options):
    layer = PRPMultiHeadAttention(2, 4, **options)
    layer.build((None, 3, 8), (None, 3, 8))
    return layer


X = np.ones((2, 3, 8), "float32")
BAD_ARGUMENTS = {
    "num_heads": {"num_heads": 0},
    "key_dim": {"key_dim": -2},
    "value_dim": {"value_dim": 1.5},
    "num_key_value_heads": {"num_heads": 4, "num_key_value_heads": 3},
    "sliding_window": {"sliding_window": 0},
    "attention_axes": {"attention_axes": "1"},
    "output_shape": {"output_shape": 2.5},
    "depth": {"depth": 0},
    "projection": {"projection": "nonsense"},
    "flash": {"dropout": 0.1, "flash_attention": True},
}


@pytest.mark.parametrize("case", list(BAD_ARGUMENTS))
def test_wrong_arguments_are_named(case):
    arguments = {"num_heads": 2, "key_dim": 4, **BAD_ARGUMENTS[case]}
    with pytest.raises(ValueError, match=case):
        PRPMultiHeadAttention(**arguments)


BAD_CALLS = {
    "attention_mask": {"attention_mask": np.ones((3,), "bool")},
    "query_mask": {"query_mask": np.ones((2, 3, 8), "bool")},
    "key_mask": {"key_mask": np.ones((2,), "bool")},
    "attention_mask of lists": {"attention_mask": [1, 0, 1]},
    "query_mask of lists": {"query_mask": [[[1] * 8] * 3] * 2},
    "cache_update_index": {"cache_update_index": 1},
    "scalar": {
        "cache": np.zeros((2, 2, 5, 2, 4), "float32"),
        "cache_update_index": [1],
    },
    "shape": {"cache": np.zeros((2, 2, 5, 3, 4), "float32")},
    "dtype": {
        "cache": np.zeros((2, 2, 5, 2, 4), "int32"),
        "cache_update_index": 0,
    },
}


@pytest.mark.parametrize("case", list(BAD_CALLS))
def test_wrong_calls_are_named(case):
    with pytest.raises(ValueError, match=case.split(" ")[0]):
        built()(X, X, **BAD_CALLS[case])


def test_flash_attention_returns_no_scores():
    with pytest.raises(ValueError, match="flash"):
        built(flash_attention=True)(X, X, return_attention_scores=True)


@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 4, 8), (2, 2, 8), (2, 1, 8)],
        [(2, 4, 8), (2, 3, 4, 8)],
        [(2, 8), (2, 8)],
        [(2, 4, None), (2, 4, 8)],
        [(2, 4, 8), (2, 4, None)],
    ],
)
def test_wrong_shapes_are_named(shapes):
    with pytest.raises(ValueError, match="Received"):
        PRPMultiHeadAttention(2, 4).build(*shapes)


@pytest.mark.parametrize("axes", [(0,), (2,), (1, 2), (5,), ()])
def test_axes_that_inputs_lack_are_refused(axes):
    layer = PRPMultiHeadAttention(2, 4, attention_axes=axes)
    with pytest.raises(ValueError, match="`attention_axes` must be axes betw"):
        layer.build((2, 3, 8), (2, 3, 8))


def test_scores_have_the_dtype_of_the_layer(rng):
    """Also where the policy is that of this layer alone."""
    x = rng.normal(size=(2, 3, 8)).astype("float32")
    found = [
        keras.backend.standardize_dtype(part.dtype)
        for cls in (PRPMultiHeadAttention, keras.layers.MultiHeadAttention)
        for part in cls(2, 4, dtype="mixed_bfloat16")(
            x, x, return_attention_scores=True
        )
    ]
    assert found == ["bfloat16"] * 4
