"""EUGenDense as a Keras layer: oracle, files, shapes, precision, errors."""

import random

import keras
import numpy as np
import pytest
from keras import ops
from keras_harness import run_layer_test

from keras_randproj import EUGenDense
from keras_randproj import config
from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.layers import EUGenFeatures

FAMILIES = ["gaussian", "rademacher", "sparse_ternary", "orthogonal"]
VARIANTS = [
    {},
    {"modulation": True},
    {"trainable_projection": True},
    {"share_projections": False},
]


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def built(units=5, num_features=7, input_dim=6, **options):
    options = {"seed": 3, **options}
    layer = EUGenDense(units, num_features, **options)
    layer.build((None, input_dim))
    return layer


def oracle(layer, x):
    """The layer in float64 NumPy, from its materialized matrices."""
    features = layer.features
    x = x.astype("float64")
    if features.norm_feature:
        norm = np.linalg.norm(x, axis=-1, keepdims=True)
        x = np.concatenate([x, norm], axis=-1)
    factors = [
        x @ np.concatenate([b.materialize() for b in factor.blocks], axis=1)
        for factor in features.factors
    ]
    blocks = []
    for i in range(1, features.order + 1):
        first = 0 if features.share_projections else i * (i - 1) // 2
        blocks.append(np.prod(factors[first : first + i], axis=0))
    z = np.concatenate(blocks, axis=-1)
    if features.feature_activation is keras.activations.relu:
        z = np.maximum(z, 0)
    return z @ numpy_of(layer.kernel) + numpy_of(layer.bias)


@pytest.mark.parametrize("family", [*FAMILIES, "hadamard"])
@pytest.mark.parametrize(
    "options",
    [
        {"order": 1, "feature_activation": "relu"},
        {"order": 2},
        {"order": 3, "norm_feature": False},
        {"order": 3, "share_projections": False},
    ],
)
def test_matches_the_oracle(family, options, rng):
    layer = built(num_features=11, projection=family, **options)
    layer.bias.assign(rng.normal(size=5))
    x = rng.normal(size=(2, 3, 6)).astype("float32")
    np.testing.assert_allclose(
        numpy_of(layer(x)), oracle(layer, x), rtol=1e-4, atol=1e-4
    )


def test_a_sparse_family_with_options(rng):
    layer = built(projection=matrices.SparseTernary(density=0.2))
    found = layer.features.factors[0].blocks[0]
    assert found.family.density == 0.2
    again = EUGenDense.from_config(layer.get_config())
    again.build((None, 6))
    assert again.features.factors[0].blocks[0].family == found.family


@pytest.mark.parametrize("variant", VARIANTS)
def test_keras_layer_test(variant):
    order = 2
    factors = 3 if variant.get("share_projections") is False else order
    trained = 2 + 2 * factors * ("modulation" in variant)
    frozen = factors
    if "trainable_projection" in variant:
        trained, frozen = trained + factors, 0
    run_layer_test(
        EUGenDense,
        init_kwargs={
            "units": 4,
            "num_features": 3,
            "order": order,
            "seed": 1,
            "activation": "relu",
            **variant,
        },
        input_shape=(2, 3, 5),
        expected_output_shape=(2, 3, 4),
        expected_num_trainable_weights=trained,
        expected_num_non_trainable_weights=frozen,
        expected_num_seed_generators=0,
        expected_num_losses=0,
        supports_masking=True,
    )


def test_keras_layer_test_of_the_features():
    run_layer_test(
        EUGenFeatures,
        init_kwargs={"num_features": 3, "order": 3, "seed": 1},
        input_shape=(2, 5),
        expected_output_shape=(2, 9),
        expected_num_trainable_weights=0,
        expected_num_non_trainable_weights=3,
        expected_num_seed_generators=0,
        expected_num_losses=0,
        supports_masking=True,
        run_training_check=False,
    )


@pytest.mark.parametrize(
    "shape", [(0, 6), (1, 6), (2, 6), (2, 1), (2, 7), (2, 3, 4, 5, 6)]
)
def test_shapes(shape):
    layer = EUGenDense(5, 3, seed=1)
    x = np.ones(shape, "float32")
    assert tuple(layer(x).shape) == (*shape[:-1], 5)
    assert layer.compute_output_shape(shape) == (*shape[:-1], 5)


def test_orthogonal_features_beyond_the_input_come_in_blocks():
    layer = built(num_features=14, norm_feature=False, order=1)
    matrix = np.concatenate(
        [b.materialize() for b in layer.features.factors[0].blocks], axis=1
    )
    assert matrix.shape == (6, 14)
    for start in (0, 6):
        block = matrix[:, start : start + 6]
        np.testing.assert_allclose(block.T @ block, np.eye(6), atol=1e-6)
    assert not np.allclose(matrix[:, :6], matrix[:, 6:12])


def test_no_gradient_is_infinite_at_zero():
    layer = EUGenDense(3, 4, seed=1)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(6), layer])
    model.compile("sgd", "mse")
    model.fit(np.zeros((4, 6)), np.ones((4, 3)), verbose=0)
    for weight in model.weights:
        assert np.all(np.isfinite(numpy_of(weight)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_training_changes(variant, rng):
    layer = built(**variant)
    before = [numpy_of(w).copy() for w in layer.weights]
    model = keras.Sequential([keras.Input((6,)), layer])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = rng.normal(size=(64, 6))
    model.fit(x, np.sin(x[:, :5]), epochs=2, verbose=0)
    for weight, old in zip(layer.weights, before, strict=True):
        changed = not np.array_equal(numpy_of(weight), old)
        assert changed == weight.trainable, weight.path


def test_masks_pass_through():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Embedding(10, 6, mask_zero=True),
            EUGenDense(5, 3, seed=1),
        ]
    )
    out = model(np.array([[1, 2, 0, 0]]))
    mask = numpy_of(model.layers[1].compute_mask(out, out._keras_mask))
    np.testing.assert_array_equal(mask, [[True, True, False, False]])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_mixed_precision(policy, variant, rng):
    layer = built(dtype=policy, order=1, **variant)
    full = built(order=1, **variant)
    full.kernel.assign(layer.kernel)
    # Squares of these sum to more than float16 holds.
    x = (300 * rng.normal(size=(8, 6))).astype("float32")
    out = layer(x)
    assert keras.backend.standardize_dtype(out.dtype) == policy[6:]
    assert {w.dtype for w in layer.weights} == {"float32"}
    expected = numpy_of(full(x))
    found = numpy_of(ops.cast(out, "float32"))
    scale = np.abs(expected).max()
    assert np.abs(found - expected).max() < 0.05 * scale


@pytest.mark.parametrize("variant", VARIANTS)
def test_file_round_trip(variant, tmp_path, rng):
    model = keras.Sequential(
        [keras.Input((300,)), EUGenDense(4, 200, seed=None, **variant)]
    )
    x = rng.normal(size=(4, 300)).astype("float32")
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    np.testing.assert_array_equal(numpy_of(model(x)), numpy_of(loaded(x)))
    matrix_bytes = 4 * 301 * 200
    holds_matrix = path.stat().st_size > matrix_bytes
    assert holds_matrix == ("trainable_projection" in variant)


@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_of_another_seed_bring_it_along(variant, tmp_path, rng):
    def make(seed):
        return keras.Sequential(
            [keras.Input((6,)), EUGenDense(4, 8, seed=seed, **variant)]
        )

    first, second = make(1), make(2)
    x = rng.normal(size=(4, 6)).astype("float32")
    assert not np.allclose(numpy_of(first(x)), numpy_of(second(x)))
    first.save_weights(tmp_path / "first.weights.h5")
    second.load_weights(tmp_path / "first.weights.h5")
    np.testing.assert_array_equal(numpy_of(first(x)), numpy_of(second(x)))
    assert second.layers[0].get_config()["seed"] == 1


def test_a_file_of_other_features_is_refused(tmp_path):
    first = keras.Sequential([keras.Input((6,)), EUGenDense(4, 8, seed=1)])
    second = keras.Sequential(
        [keras.Input((6,)), EUGenDense(4, 8, projection="gaussian", seed=1)]
    )
    first.save_weights(tmp_path / "first.weights.h5")
    with pytest.raises(ValueError, match="family"):
        second.load_weights(tmp_path / "first.weights.h5")


@pytest.mark.parametrize("use_bias", [True, False])
def test_the_head_is_the_layers_own(use_bias):
    layer = EUGenDense(4, 8, use_bias=use_bias, trainable_projection=True)
    assert layer.kernel is None
    assert layer.bias is None
    layer.build((None, 6))
    assert layer.kernel is layer.head.kernel
    assert layer.bias is layer.head.bias
    assert (layer.bias is not None) == use_bias
    # Files of optimizers count on the order.
    names = [w.path.removeprefix(f"{layer.path}/") for w in layer.weights]
    head = ["eugen_head/kernel", "eugen_head/bias"][: 1 + use_bias]
    factors = [f"features/factor_{k}/kernel" for k in (0, 1)]
    assert names == [*head, *factors]


def test_what_is_drawn_is_drawn_in_one_order():
    keras.utils.set_random_seed(3)
    seed = random.getrandbits(64)
    initializer = keras.initializers.GlorotUniform()
    keras.utils.set_random_seed(3)
    layer = EUGenDense(4, 8)
    layer.build((None, 6))
    assert layer.seed == seed
    np.testing.assert_array_equal(
        numpy_of(layer.kernel), numpy_of(initializer((16, 4)))
    )


def test_seed_none_is_resolved_and_kept():
    layer = EUGenDense(4, 8)
    assert isinstance(layer.seed, int)
    assert layer.get_config()["seed"] == layer.seed
    assert EUGenDense(4, 8).seed != layer.seed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": 0}, "units=0"),
        ({"num_features": 0}, "num_features=0"),
        ({"num_features": 2.5}, "num_features=2.5"),
        ({"order": 0}, "order=0"),
        ({"order": True}, "order=True"),
        ({"projection": "nothing"}, "projection='nothing'"),
        ({"projection": projections.Gaussian(units=3)}, "must name a family"),
        ({"seed": -1}, "seed=-1"),
        ({"modulation": True, "trainable_projection": True}, "modulation"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        EUGenDense(**{"units": 4, "num_features": 8, **arguments})


@pytest.mark.parametrize("shape", [(4,), (2, None), (2, 0)])
def test_bad_input_shapes(shape):
    with pytest.raises(ValueError, match="input_shape"):
        EUGenDense(4, 8).build(shape)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 0}, "order=0"),
        ({"coefficients": [1, 2, 3, 4]}, "at most order"),
        ({"coefficients": [1, np.nan]}, "finite"),
        ({"norm_feature": True}, "norm_feature"),
    ],
)
def test_bad_from_dense(options, message):
    dense = keras.layers.Dense(4)
    dense.build((None, 6))
    with pytest.raises(ValueError, match=message):
        EUGenDense.from_dense(
            dense, **{"order": 2, "num_features": 8, **options}
        )


@pytest.mark.parametrize("coefficients", [[0.5], [0.5, 0.0, 0.0]])
def test_from_dense_of_a_constant(coefficients, rng):
    """From one coefficient to as many as the order admits."""
    dense = keras.layers.Dense(4)
    dense.build((None, 6))
    layer = EUGenDense.from_dense(dense, 2, 8, coefficients=coefficients)
    found = layer(rng.standard_normal((3, 6)).astype("float32"))
    np.testing.assert_allclose(ops.convert_to_numpy(found), 0.5, rtol=1e-6)


def test_from_dense_needs_a_dense_and_a_known_activation():
    with pytest.raises(ValueError, match="built"):
        EUGenDense.from_dense(keras.layers.Dense(4), 2, 8)
    dense = keras.layers.Dense(4, activation="softmax")
    dense.build((None, 6))
    with pytest.raises(ValueError, match="no polynomial is known"):
        EUGenDense.from_dense(dense, 2, 8)


@pytest.mark.parametrize("mode", ["frozen", "modulation", "trained"])
def test_every_layer_inside_is_built(mode):
    options = {
        "frozen": {},
        "modulation": {"modulation": True},
        "trained": {"trainable_projection": True},
    }[mode]
    layer = EUGenDense(4, 8, seed=1, **options)
    layer.build((None, 6))
    # Keras traces a model anew in each `train_on_batch` otherwise.
    assert all(inner.built for inner in layer._flatten_layers())


def test_names_of_modulated_blocks():
    """The names that files and messages know the weights by."""
    layer = EUGenDense(2, 6, modulation=True, seed=1, name="eugen")
    layer.build((None, 4))
    found = {weight.path.split("/")[-2] for weight in layer.weights}
    assert "modulation" in found


def test_too_many_entries_are_refused_before_any_is_made(monkeypatch):
    monkeypatch.setattr(config, "_max_elements", 10**6)
    layer = EUGenDense(2, 10**6, seed=1)
    with pytest.raises(ValueError, match="more than the limit of 1000000"):
        layer.build((None, 30))
    assert layer.weights == []
