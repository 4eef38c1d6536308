"""What PRPDense computes and trains."""

import keras
import numpy as np
import oracle
import pytest
from keras import ops
from representatives import run_everywhere

from keras_randproj import PRPDense
from keras_randproj import projections

pytestmark = pytest.mark.gpu

SEED = 41


def draw_vectors(layer, rng):
    """Random values for every trainable weight; returns them by name."""
    values = {}
    for weight in layer.trainable_weights:
        value = rng.normal(size=weight.shape)
        weight.assign(value)
        scaled = weight.name.startswith(("alpha", "scale"))
        factor = layer.lr_multiplier if scaled else 1.0
        values[weight.name] = np.asarray(value, "float64") * factor
    return values


def expected(layer, x, values, activation=None):
    """The layer's formula in float64, from the oracle's matrices."""
    dims = [p.input_dim for p in layer.projections] + [layer.units]
    y = np.asarray(x, "float64")
    for k in range(layer.depth):
        seed = oracle.derived_seed(SEED, k) if layer.depth > 1 else SEED
        p = oracle.matrix(
            layer.projections[k].family.name, seed, dims[k : k + 2]
        )
        y = (y * values[f"alpha_{k}" if k else "alpha"]) @ p
    y = y * values["scale"]
    if layer.use_bias:
        y = y + values["bias"]
    if layer.residual_rank:
        y = y + x @ values["residual_a"] @ values["residual_b"]
    return y


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_bias": False},
        {"lr_multiplier": 1.0},
        {"depth": 3},
        {"residual_rank": 2},
        {"depth": 2, "residual_rank": 3, "lr_multiplier": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("family", oracle.FAMILIES)
def test_the_formula(family, options, rng):
    layer = PRPDense(7, projection=family, seed=SEED, **options)
    layer.build((None, 13))
    values = draw_vectors(layer, rng)
    x = rng.normal(size=(4, 13)).astype("float32")
    found = ops.convert_to_numpy(layer(x))
    wanted = expected(layer, x, values)
    # Vectors reach 30 each and multiply: relative to the largest output.
    atol = 1e-4 * max(1.0, np.abs(wanted).max())
    np.testing.assert_allclose(found, wanted, atol=atol)


def test_names_order_and_count():
    layer = PRPDense(7, seed=1, name="enc")
    layer.build((None, 13))
    assert [w.name for w in layer.trainable_weights] == [
        "alpha",
        "scale",
        "bias",
    ]
    assert [w.path for w in layer.trainable_weights] == [
        "enc/alpha",
        "enc/scale",
        "enc/bias",
    ]
    assert [tuple(w.shape) for w in layer.trainable_weights] == [
        (13,),
        (7,),
        (7,),
    ]
    assert [w.path for w in layer.non_trainable_weights] == [
        "enc/projection/matrix"
    ]


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 3108),
        ({"projection": "hadamard", "depth": 3}, 6692),
        ({"residual_rank": 4}, 12428),
    ],
)
def test_counts_on_mnist(options, count):
    model = keras.Sequential(
        [
            keras.Input((784,)),
            PRPDense(512, activation="relu", **options),
            PRPDense(256, activation="relu", **options),
            PRPDense(10, **options),
        ]
    )
    found = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert found == count


# Four functions are compiled for each.
SEEDED = [
    ("gaussian", (13, 40)),
    ("gaussian", (1, 1)),
    ("rademacher", (130, 33)),
    ("sparse_ternary", (130, 33)),
]
SMALLER = [(family, (13, 40)) for family in oracle.TILED[1:]]


@pytest.mark.parametrize(
    ("family", "dims"), run_everywhere(SEEDED, SEEDED + SMALLER)
)
def test_storage_seed_equals_dense(family, dims, rng):
    """Outputs, and the step that plain gradient descent takes."""
    x = rng.normal(size=(4, dims[0])).astype("float32")
    y = rng.normal(size=(4, dims[1])).astype("float32")
    results = []
    for storage in ("dense", "seed"):
        layer = PRPDense(dims[1], projection=family, seed=3, storage=storage)
        model = keras.Sequential([keras.Input((dims[0],)), layer])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        before = model.predict(x, verbose=0)
        model.train_on_batch(x, y)
        after = [ops.convert_to_numpy(w) for w in layer.trainable_weights]
        results.append([before, *after, model.predict(x, verbose=0)])
    for dense, seed in zip(*results, strict=True):
        np.testing.assert_allclose(seed, dense, atol=1e-5, rtol=1e-4)


def test_storage_seed_keeps_four_numbers():
    layer = PRPDense(50000, seed=3, storage="seed")
    layer.build((None, 20000))
    assert [tuple(w.shape) for w in layer.non_trainable_weights] == [(4,)]


@pytest.mark.parametrize("multiplier", [1.0, 10.0, 4])
def test_parts_speak_of_values_not_of_stored_numbers(multiplier):
    layer = PRPDense(
        5,
        seed=1,
        lr_multiplier=multiplier,
        alpha_initializer=keras.initializers.Constant(3.0),
        scale_initializer=keras.initializers.Constant(-2.0),
        bias_initializer=keras.initializers.Constant(0.5),
        alpha_regularizer=keras.regularizers.L2(0.1),
        scale_regularizer=keras.regularizers.L1(0.1),
        bias_regularizer=keras.regularizers.L1(1.0),
        alpha_constraint=keras.constraints.MaxNorm(1.0, axis=0),
        scale_constraint=keras.constraints.NonNeg(),
    )
    layer.build((None, 4))
    alpha, scale, bias = (
        ops.convert_to_numpy(w) for w in layer.trainable_weights
    )
    np.testing.assert_allclose(alpha * multiplier, 3.0, rtol=1e-6)
    np.testing.assert_allclose(scale * multiplier, -2.0, rtol=1e-6)
    np.testing.assert_allclose(bias, 0.5)
    losses = sorted(float(loss) for loss in layer.losses)
    np.testing.assert_allclose(losses, [1.0, 2.5, 3.6], rtol=1e-5)
    held = layer.alpha.constraint(layer.alpha.value)
    length = np.linalg.norm(ops.convert_to_numpy(held)) * multiplier
    assert length == pytest.approx(1.0, rel=1e-5)
    assert np.all(
        ops.convert_to_numpy(layer.scale.constraint(layer.scale.value)) == 0
    )


def test_the_multiplier_multiplies_the_learning_rate(rng):
    """Adam moves stored numbers alike, so values move ten times as far."""
    x = rng.normal(size=(8, 6)).astype("float32")
    moved = []
    for multiplier in (1.0, 10.0):
        layer = PRPDense(3, seed=1, lr_multiplier=multiplier)
        model = keras.Sequential([keras.Input((6,)), layer])
        model.compile(keras.optimizers.Adam(1e-3), "mse")
        model.train_on_batch(x, np.ones((8, 3), "float32"))
        value = ops.convert_to_numpy(layer.alpha) * multiplier
        moved.append(np.abs(value - 1).max())
    assert moved[1] / moved[0] == pytest.approx(10, rel=1e-2)


def test_a_step_of_gradient_descent(rng):
    """Gradients by alpha, scale and bias, from the step of an optimizer."""
    layer = PRPDense(7, seed=SEED, lr_multiplier=1.0)
    model = keras.Sequential([keras.Input((13,)), layer])
    values = draw_vectors(layer, rng)
    x = rng.normal(size=(4, 13)).astype("float32")
    upstream = rng.normal(size=(4, 7)).astype("float32")
    # TensorFlow 2.21 without XLA lets updates overtake the forward pass: half
    # of the runs of a plain `matmul(x * a, p) * s` show it too.
    model.compile(
        keras.optimizers.SGD(1.0),
        lambda t, y: ops.sum(t * y, axis=-1) * 4,
        jit_compile=keras.backend.backend() == "tensorflow",
    )
    model.train_on_batch(x, upstream)
    p = oracle.matrix("gaussian", SEED, (13, 7))
    back = (upstream * values["scale"]) @ p.T
    wanted = {
        "alpha": (back * x).sum(0),
        "scale": (((x * values["alpha"]) @ p) * upstream).sum(0),
        "bias": upstream.sum(0),
    }
    for weight in layer.trainable_weights:
        moved = values[weight.name] - ops.convert_to_numpy(weight)
        np.testing.assert_allclose(moved, wanted[weight.name], atol=1e-4)


def test_residual_starts_at_zero(rng):
    x = rng.normal(size=(3, 6)).astype("float32")
    plain, residual = (
        ops.convert_to_numpy(PRPDense(4, seed=1, residual_rank=r)(x))
        for r in (0, 2)
    )
    np.testing.assert_array_equal(plain, residual)


def test_depth_uses_derived_seeds_and_widths():
    layer = PRPDense(5, projection="hadamard", depth=3, seed=SEED)
    layer.build((None, 11))
    assert [p.seed for p in layer.projections] == [
        oracle.derived_seed(SEED, k) for k in range(3)
    ]
    assert [(p.input_dim, p.units) for p in layer.projections] == [
        (11, 16),
        (16, 16),
        (16, 5),
    ]
    assert layer.seed == SEED


def test_one_projection_in_two_layers(rng):
    shared = projections.Gaussian(units=6, seed=4)
    first, second = (PRPDense(6, projection=shared) for _ in range(2))
    x = rng.normal(size=(2, 9)).astype("float32")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(first(x)), ops.convert_to_numpy(second(x))
    )
    assert second.projection.held is first.projection.held
    with pytest.raises(ValueError, match="9 x 6 and needs one of 8 x 6"):
        PRPDense(6, projection=shared).build((None, 8))


@pytest.mark.parametrize("family", oracle.FAMILIES)
def test_seeds_distinguish_layers(family, rng):
    x = rng.normal(size=(2, 9)).astype("float32")
    outputs = [
        ops.convert_to_numpy(PRPDense(6, projection=family, seed=s)(x))
        for s in (1, 2, 1, None, None)
    ]
    np.testing.assert_array_equal(outputs[0], outputs[2])
    for a, b in ((0, 1), (0, 3), (3, 4)):
        assert np.abs(outputs[a] - outputs[b]).max() > 1e-3


def test_numbers_in_and_out(rng):
    layer = PRPDense(4, activation="relu", seed=1)
    x = rng.integers(0, 255, (3, 6)).astype("uint8")
    found = ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))
    wanted = x @ oracle.matrix("gaussian", 1, (6, 4))
    np.testing.assert_allclose(found, np.maximum(wanted, 0), atol=1e-3)


@pytest.mark.parametrize("family", oracle.FAMILIES)
def test_nan_alpha_gives_nan_and_no_error(family):
    layer = PRPDense(
        4,
        projection=family,
        seed=1,
        alpha_initializer=keras.initializers.Constant(float("nan")),
    )
    y = ops.convert_to_numpy(layer(np.ones((2, 6), "float32")))
    assert np.isnan(y).all()
