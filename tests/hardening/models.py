"""A small model of every layer, family and option that files know.

The compatibility fixtures, the fuzz run and the rounds are made of these.
"""

import keras
import numpy as np

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPMultiHeadAttention
from keras_randproj import PRPTransformerBlock
from keras_randproj import matrices
from keras_randproj import projections

FEATURES = 6
LENGTH = 3
FAMILIES = (
    "gaussian",
    "rademacher",
    "sparse_ternary",
    "orthogonal",
    "hadamard",
)


def dense(*layers):
    return keras.Sequential([keras.Input((FEATURES,)), *layers])


def sequence(*layers):
    return keras.Sequential([keras.Input((LENGTH, FEATURES)), *layers])


def attention(**options):
    x = keras.Input((LENGTH, FEATURES))
    layer = PRPMultiHeadAttention(2, 3, projection_seed=11, **options)
    return keras.Model(x, layer(x, x))


def block(**options):
    options = {"projection_seed": 12, **options}
    return sequence(PRPTransformerBlock(2, 8, **options))


def projection(family, **options):
    return dense(projections.get(family, units=4, seed=2**40 + 1, **options))


def prp(**options):
    return dense(PRPDense(4, seed=2**63 + 5, **options))


def eugen(**options):
    return dense(EUGenDense(4, 5, seed=9, **options))


def tied():
    """An autoencoder whose decoder has the encoder's matrix."""
    x = keras.Input((FEATURES,))
    encoder = PRPDense(4, activation="tanh", seed=3)
    codes = encoder(x)
    return keras.Model(x, encoder.transposed()(codes))


def shared():
    """Two layers with one matrix, and a third with its own."""
    matrix = projections.Hadamard(FEATURES, seed=4)
    return dense(
        PRPDense(FEATURES, projection=matrix, activation="relu"),
        PRPDense(FEATURES, projection=matrix, use_bias=False),
        PRPDense(3, seed=5),
    )


def trained():
    """A compiled model with the state of its optimizer."""
    model = dense(PRPDense(8, activation="relu", seed=6), PRPDense(2, seed=7))
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(16, FEATURES))
    model.fit(x, x[:, :2], verbose=0)
    return model


def nested():
    """A model inside a model, a Keras layer between."""
    inner = dense(
        PRPDense(5, projection="rademacher", seed=8), EUGenDense(4, 3)
    )
    x = keras.Input((FEATURES,))
    return keras.Model(x, keras.layers.Dense(2)(inner(x)))


MODELS = {
    **{f"projection_{f}": lambda f=f: projection(f) for f in FAMILIES},
    "projection_gaussian_seed": lambda: projection("gaussian", storage="seed"),
    "projection_rademacher_packed": lambda: projection(
        "rademacher", storage="packed"
    ),
    "projection_sparse_ternary_tenth": lambda: projection(
        "sparse_ternary", density=0.1
    ),
    "projection_hadamard_wide": lambda: dense(
        projections.Hadamard(21, seed=2**64 - 1)
    ),
    "projection_orthogonal_wide": lambda: dense(
        projections.Orthogonal(9, seed=0)
    ),
    **{f"prp_{f}": lambda f=f: prp(projection=f) for f in FAMILIES},
    "prp_storage_seed": lambda: prp(storage="seed"),
    "prp_storage_packed": lambda: prp(
        projection=matrices.SparseTernary(density=0.2), storage="packed"
    ),
    "prp_depth": lambda: prp(depth=3, projection="hadamard", activation="relu"),
    "prp_residual": lambda: prp(residual_rank=2, use_bias=False),
    "prp_multiplier": lambda: prp(lr_multiplier=3.0),
    "prp_parts": lambda: prp(
        alpha_initializer=keras.initializers.RandomNormal(1.0, 0.1, seed=1),
        scale_regularizer="l2",
        bias_constraint="non_neg",
        activity_regularizer=keras.regularizers.L1(0.1),
        activation="gelu",
        name="a_name",
    ),
    "prp_mixed_bfloat16": lambda: prp(dtype="mixed_bfloat16"),
    "prp_float16": lambda: prp(dtype="float16"),
    "prp_tied": tied,
    "prp_shared": shared,
    "prp_trained": trained,
    "eugen": eugen,
    "eugen_hadamard": lambda: eugen(projection="hadamard", order=3),
    "eugen_plain": lambda: eugen(
        norm_feature=False, share_projections=False, feature_activation="relu"
    ),
    "eugen_modulated": lambda: eugen(modulation=True, projection="rademacher"),
    "eugen_trained_projection": lambda: eugen(trainable_projection=True),
    "attention": attention,
    "attention_grouped": lambda: attention(
        num_key_value_heads=1, use_gate=True, projection="hadamard"
    ),
    "attention_shapes": lambda: attention(
        value_dim=2, output_shape=5, use_bias=False, sliding_window=2
    ),
    "attention_deep": lambda: attention(
        depth=2, residual_rank=1, storage="seed", projection="rademacher"
    ),
    "block": lambda: block(causal=True, dropout=0.1, seed=1),
    "block_eugen": lambda: block(feed_forward="eugen", normalization="rms"),
    "block_dense": lambda: block(
        feed_forward="dense", attention="dense", norm_first=False
    ),
    "block_gated": lambda: block(
        gated=True,
        activation="silu",
        num_key_value_heads=1,
        attention_options={"projection": "sparse_ternary"},
        feed_forward_options={"projection": "hadamard"},
    ),
    "nested": nested,
}


def build(name):
    """The model of this name, its trainable parameters all drawn anew.

    Args:
        name: Key of `MODELS`.
    """
    model = MODELS[name]()
    rng = np.random.default_rng(len(name))
    for weight in model.trainable_weights:
        value = 0.3 * rng.normal(size=weight.shape) + 0.1
        weight.assign(value.astype("float32"))
    return model


def inputs(model):
    """A batch of two for the model, float32, always the same."""
    rng = np.random.default_rng(77)
    shape = (2, *model.input_shape[1:])
    return rng.normal(size=shape).astype("float32")


def outputs(model):
    """What the model makes of `inputs`, a NumPy array."""
    y = keras.ops.cast(model(inputs(model)), "float32")
    return keras.ops.convert_to_numpy(y)


def projections_of(model):
    """All built projections of a model, in order."""
    layers = model._flatten_layers(include_self=False)
    found = [x for x in layers if isinstance(x, projections.Projection)]
    return [p for p in found if p.built]
