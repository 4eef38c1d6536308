"""Whatever the arguments: the formula, the config and the file hold."""

import tempfile
from pathlib import Path

import keras
import numpy as np
import oracle
from hypothesis import given
from hypothesis import strategies as st

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPMultiHeadAttention
from keras_randproj import PRPTransformerBlock
from keras_randproj import matrices
from keras_randproj import projections

from . import models
from . import oracles

STORAGES = {
    "gaussian": ("dense", "seed"),
    "rademacher": ("dense", "seed", "packed"),
    "sparse_ternary": ("dense", "seed", "packed"),
    "orthogonal": ("dense",),
    "hadamard": ("dense", "seed"),
}
# Of the largest number on the way: a rounding of the dtype, a few times.
TOLERANCES = {"float32": 1e-5, "mixed_bfloat16": 0.06, "mixed_float16": 0.01}

seeds = st.integers(0, 2**64 - 1)
sizes = st.integers(1, 13)
dtypes = st.sampled_from(sorted(TOLERANCES))
families = st.sampled_from(models.FAMILIES)


@st.composite
def families_with_storages(draw):
    """A family with its options, and a storage that it knows."""
    family = draw(families)
    options = {}
    if family == "sparse_ternary":
        options["density"] = draw(st.floats(1e-3, 1))
    storage = draw(st.sampled_from(STORAGES[family]))
    return matrices.get(family, **options), storage


def values(shape, seed):
    return np.random.default_rng(seed % 2**32).normal(size=shape)


def check(layer, shape, formula, dtype="float32", tolerance=None):
    """Output, config and file of a layer for an input of this shape."""
    inputs = keras.Input(shape[1:], dtype="float32")
    model = keras.Model(inputs, layer(inputs))
    for k, weight in enumerate(model.trainable_weights):
        weight.assign(0.5 + 0.3 * values(weight.shape, k))
    x = values(shape, 99).astype("float32")
    y = array(model(x))
    wanted = formula(layer, x.astype("float64"))
    assert y.shape == wanted.shape
    size = max(1.0, np.abs(wanted).max(initial=0.0))
    atol = (tolerance or TOLERANCES[dtype]) * size
    np.testing.assert_allclose(y, wanted, rtol=0, atol=atol)

    copy = type(layer).from_config(layer.get_config())
    same = keras.Model(inputs, copy(inputs))
    assert copy.get_config() == layer.get_config()
    digests = [p.digest() for p in models.projections_of(model)]
    assert [p.digest() for p in models.projections_of(same)] == digests

    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "m.keras")
        again = keras.models.load_model(Path(folder) / "m.keras")
    np.testing.assert_array_equal(array(again(x)), y)
    assert [p.digest() for p in models.projections_of(again)] == digests


def array(tensor):
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


@given(
    families_with_storages(),
    seeds,
    sizes,
    st.integers(1, 20),
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
    dtypes,
)
def test_projection(chosen, seed, rows, cols, lead, dtype):
    family, storage = chosen
    layer = projections.get(
        family, cols, seed=seed, storage=storage, dtype=dtype
    )

    def formula(layer, x):
        p = layer.materialize()
        wanted = oracle.matrix(
            family.name, seed, (rows, cols), **family.options()
        )
        np.testing.assert_allclose(p, wanted, rtol=0, atol=2e-6)
        return x @ p

    check(layer, (*lead, rows), formula, dtype)


@given(
    families_with_storages(),
    seeds,
    sizes,
    sizes,
    st.integers(1, 3),
    st.integers(0, 3),
    st.booleans(),
    st.floats(0.1, 20),
    dtypes,
)
def test_prp_dense(
    chosen, seed, rows, units, depth, rank, use_bias, multiplier, dtype
):
    family, storage = chosen
    layer = PRPDense(
        units,
        projection=family,
        storage=storage,
        seed=seed,
        depth=depth,
        residual_rank=rank,
        use_bias=use_bias,
        lr_multiplier=multiplier,
        dtype=dtype,
    )
    # Numbers between the stages may be larger than those at the end.
    size = 20 * max(1, multiplier ** (depth + 1))
    tolerance = TOLERANCES[dtype] * size
    check(layer, (3, rows), oracles.prp, dtype, tolerance)


@given(families, seeds, sizes, sizes, sizes, st.integers(1, 3), st.booleans())
def test_eugen_dense(chosen, seed, rows, units, features, order, norm):
    layer = EUGenDense(
        units,
        features,
        order=order,
        projection=chosen,
        norm_feature=norm,
        use_bias=norm,
        seed=seed,
    )
    check(layer, (3, rows), oracles.eugen, tolerance=1e-4)


@given(
    families_with_storages(),
    seeds,
    st.integers(1, 5),
    st.integers(1, 9),
    st.sampled_from([(1, 1), (2, 1), (2, 2), (3, 1), (4, 2)]),
    sizes,
    st.booleans(),
)
def test_prp_multi_head_attention(
    chosen, seed, length, features, heads, width, use_bias
):
    family, storage = chosen
    layer = PRPMultiHeadAttention(
        heads[0],
        width,
        num_key_value_heads=heads[1],
        projection=family,
        storage=storage,
        use_bias=use_bias,
        projection_seed=seed,
    )
    check(
        SelfAttention(layer),
        (2, length, features),
        lambda outer, x: oracles.attention(outer.attention, x),
        tolerance=1e-4,
    )


@keras.saving.register_keras_serializable("keras_randproj_tests")
class SelfAttention(keras.layers.Layer):
    """Gives its input to an attention as query and value."""

    def __init__(self, attention, **kwargs):
        super().__init__(**kwargs)
        if isinstance(attention, dict):
            attention = keras.saving.deserialize_keras_object(attention)
        self.attention = attention

    def build(self, input_shape):
        if not self.attention.built:
            self.attention.build(input_shape, input_shape)

    def call(self, inputs):
        return self.attention(inputs, inputs)

    def get_config(self):
        inner = keras.saving.serialize_keras_object(self.attention)
        return {**super().get_config(), "attention": inner}


@given(
    families,
    seeds,
    st.integers(1, 5),
    st.sampled_from([(1, 3), (2, 4), (3, 9)]),
    sizes,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_prp_transformer_block(
    chosen, seed, length, heads, inner, causal, norm_first, gated
):
    layer = PRPTransformerBlock(
        heads[0],
        inner,
        causal=causal,
        norm_first=norm_first,
        gated=gated,
        activation="relu",
        attention_options={"projection": chosen},
        feed_forward_options={"projection": chosen},
        projection_seed=seed,
    )
    check(layer, (2, length, heads[1]), oracles.block, tolerance=1e-4)
