"""Random models of every layer: a description without seeds, then a model."""

import keras

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPMultiHeadAttention
from keras_randproj import PRPTransformerBlock
from keras_randproj import matrices
from keras_randproj import projections

STORAGES = {
    "gaussian": ("dense", "seed"),
    "rademacher": ("dense", "seed", "packed"),
    "sparse_ternary": ("dense", "seed", "packed"),
    "orthogonal": ("dense",),
    "hadamard": ("dense", "seed"),
}
SHAPES = ("stack", "stack", "autoencoder", "attention", "block")
LAYERS = {
    "PRPDense": PRPDense,
    "EUGenDense": EUGenDense,
    "Dense": keras.layers.Dense,
    "PRPMultiHeadAttention": PRPMultiHeadAttention,
    "PRPTransformerBlock": PRPTransformerBlock,
}
WIDTHS = (1, 2, 3, 5, 8, 13, 16, 31, 32, 48, 61, 64, 100, 129)
SEED_NAMES = dict.fromkeys(
    ("PRPMultiHeadAttention", "PRPTransformerBlock"), "projection_seed"
)
# What heads divide.
EVEN_WIDTHS = (8, 16, 24, 40)
LENGTHS = (1, 3, 4, 7)
ACTIVATIONS = (None, "relu", "tanh", "gelu", "sigmoid")


def describe(rng):
    """A model as what JSON holds, all but its seeds.

    Args:
        rng: A `random.Random`.
    """
    shape = rng.choice(SHAPES)
    if shape == "stack":
        kinds = rng.choices((_prp, _eugen, _projection, _dense), (4, 2, 1, 1))
        kinds += rng.choices((_prp, _eugen, _dense), k=rng.randrange(3))
        lead = rng.choice([[], [], [rng.choice(LENGTHS)]])
        return {
            "shape": shape,
            "input": [*lead, rng.choice(WIDTHS)],
            "layers": [kind(rng) for kind in kinds],
        }
    if shape == "autoencoder":
        return {
            "shape": shape,
            "input": [rng.choice(WIDTHS)],
            "layers": [_prp(rng)],
            "decoder": {"activation": rng.choice(ACTIVATIONS)},
        }
    width = rng.choice(EVEN_WIDTHS)
    count = 1 if shape == "attention" else rng.choice((1, 1, 2))
    kind = _attention if shape == "attention" else _block
    return {
        "shape": shape,
        "input": [rng.choice(LENGTHS), width],
        "layers": [kind(rng) for _ in range(count)],
    }


def build(description, seeds):
    """The model of a description.

    Args:
        description: What `describe` returned.
        seeds: A `random.Random` that draws the seed of each layer.
    """
    x = inputs = keras.Input(tuple(description["input"]))
    for found in description["layers"]:
        layer = _layer(found, seeds.getrandbits(64))
        x = layer(x, x) if description["shape"] == "attention" else layer(x)
    if "decoder" in description:
        x = layer.transposed(**description["decoder"])(x)
    return keras.Model(inputs, x)


def _layer(found, seed):
    options = {
        key: _with_families(value) for key, value in found["options"].items()
    }
    kind = found["kind"]
    if kind == "Projection":
        family = options.pop("family")
        return projections.get(family, seed=seed, **options)
    if kind != "Dense":
        options[SEED_NAMES.get(kind, "seed")] = seed
    return LAYERS[kind](**options)


def _with_families(value):
    """Descriptions of families as families, wherever they stand."""
    if not isinstance(value, dict):
        return value
    if "family" in value:
        options = {key: v for key, v in value.items() if key != "family"}
        return matrices.get(value["family"], **options)
    return {key: _with_families(part) for key, part in value.items()}


def _family(rng):
    family = {"family": rng.choice(list(STORAGES))}
    if family["family"] == "sparse_ternary" and rng.random() < 0.5:
        family["density"] = rng.choice((0.05, 0.2, 0.5, 1.0))
    return family


def _matrices(rng, packed=True):
    """Family, storage, depth and residual of a PRPDense or of several."""
    family = _family(rng)
    storages = [
        storage
        for storage in STORAGES[family["family"]]
        if packed or storage != "packed"
    ]
    return {
        "projection": family,
        "storage": rng.choice(storages),
        "depth": rng.choice((1, 1, 2, 3)),
        "residual_rank": rng.choice((0, 0, 1, 3)),
        "lr_multiplier": rng.choice((1.0, 3.0, 10.0)),
    }


def _prp(rng):
    options = {
        "units": rng.choice(WIDTHS),
        "activation": rng.choice(ACTIVATIONS),
        "use_bias": rng.random() < 0.8,
        **_matrices(rng),
    }
    return {"kind": "PRPDense", "options": options}


def _eugen(rng):
    options = {
        "units": rng.choice(WIDTHS),
        "num_features": rng.choice((1, 4, 9, 32)),
        "order": rng.choice((1, 2, 3)),
        "projection": _family(rng),
        "activation": rng.choice(ACTIVATIONS),
        "feature_activation": rng.choice((None, "relu")),
        "norm_feature": rng.random() < 0.5,
        "share_projections": rng.random() < 0.5,
        "use_bias": rng.random() < 0.8,
    }
    trained = rng.choice((None, "modulation", "trainable_projection"))
    if trained:
        options[trained] = True
    return {"kind": "EUGenDense", "options": options}


def _projection(rng):
    family = _family(rng)
    storage = rng.choice(STORAGES[family["family"]])
    options = {"units": rng.choice(WIDTHS), "storage": storage, **family}
    return {"kind": "Projection", "options": options}


def _dense(rng):
    options = {"units": rng.choice(WIDTHS), "activation": "tanh"}
    return {"kind": "Dense", "options": options}


def _attention(rng):
    heads, groups = rng.choice(((1, 1), (2, 1), (2, 2), (4, 2), (4, 4)))
    options = {
        "num_heads": heads,
        "num_key_value_heads": groups,
        "key_dim": rng.choice((2, 5, 8)),
        "value_dim": rng.choice((None, 3, 8)),
        "use_gate": rng.random() < 0.3,
        "use_bias": rng.random() < 0.8,
        "output_shape": rng.choice((None, 6, 13)),
        "sliding_window": rng.choice((None, None, 2)),
        **_matrices(rng, packed=False),
    }
    return {"kind": "PRPMultiHeadAttention", "options": options}


def _block(rng):
    heads, groups = rng.choice(((1, 1), (2, 1), (2, 2), (4, 2), (4, 4)))
    forward = rng.choice(("prp", "prp", "eugen", "dense"))
    options = {
        "num_heads": heads,
        "num_key_value_heads": groups,
        "intermediate_dim": rng.choice((8, 24, 61)),
        "feed_forward": forward,
        "attention": rng.choice(("prp", "prp", "dense")),
        "causal": rng.random() < 0.5,
        "norm_first": rng.random() < 0.7,
        "normalization": rng.choice(("layer", "rms")),
        "gated": forward != "eugen" and rng.random() < 0.3,
    }
    if options["attention"] == "prp":
        options["attention_options"] = _matrices(rng, packed=False)
    if forward == "prp":
        options["feed_forward_options"] = _matrices(rng)
    if forward == "eugen":
        options["feed_forward_options"] = {"projection": _family(rng)}
    return {"kind": "PRPTransformerBlock", "options": options}
