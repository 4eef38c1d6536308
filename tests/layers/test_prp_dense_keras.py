"""PRPDense as Keras uses layers: training, dtypes, copies, compilation."""

import keras
import numpy as np
import oracle
import pytest
from keras import ops
from keras_harness import run_layer_test

from keras_randproj import PRPDense
from keras_randproj import matrices

pytestmark = pytest.mark.gpu

BACKEND = keras.backend.backend()
FORMS = [
    *[{"projection": family} for family in oracle.FAMILIES],
    {"storage": "seed"},
    {"projection": "hadamard", "depth": 3},
    {"residual_rank": 2, "depth": 2},
]
# Where each case is compiled.
FEW = [
    {},
    {"storage": "seed"},
    {"projection": "hadamard", "depth": 3, "residual_rank": 2},
]
X = np.random.default_rng(8).normal(size=(16, 12)).astype("float32")
Y = np.random.default_rng(9).normal(size=(16, 5)).astype("float32")


@pytest.mark.parametrize(
    ("options", "trainable", "fixed"),
    [
        *[({"projection": f}, 3, 1) for f in oracle.TILED],
        ({"projection": "orthogonal", "use_bias": False}, 2, 1),
        ({"projection": "hadamard"}, 3, 2),
        ({"storage": "seed"}, 3, 1),
        ({"depth": 2, "residual_rank": 2, "activation": "relu"}, 6, 2),
        (
            {
                "alpha_regularizer": "l2",
                "scale_constraint": "non_neg",
                "projection": {"name": "sparse_ternary", "density": 0.1},
            },
            3,
            1,
        ),
    ],
    ids=str,
)
def test_keras_layer_test(options, trainable, fixed):
    run_layer_test(
        PRPDense,
        {"units": 5, "seed": 3, **options},
        input_shape=(2, 3, 12),
        expected_output_shape=(2, 3, 5),
        expected_num_trainable_weights=trainable,
        expected_num_non_trainable_weights=fixed,
        expected_num_seed_generators=0,
        expected_num_losses=int("alpha_regularizer" in options),
        supports_masking=True,
        # Keras wants all weights of a mixed policy in float32, which is for
        # those that are trained; half precision holds signs as they are.
        run_mixed_precision_check=options != {"projection": "rademacher"},
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("options", FORMS, ids=str)
def test_mixed_precision(options, policy):
    full = PRPDense(5, seed=3, **options)
    half = PRPDense(5, seed=3, dtype=policy, **options)
    wanted = ops.convert_to_numpy(full(X))
    found = half(X)
    assert keras.backend.standardize_dtype(found.dtype) == policy[6:]
    assert {w.dtype for w in half.trainable_weights} == {"float32"}
    found = ops.convert_to_numpy(ops.cast(found, "float32"))
    # A few roundings of 2**-11 or 2**-8 on values of order one to ten.
    atol = 0.02 if policy == "mixed_float16" else 0.15
    residual = options.get("residual_rank")
    if not residual:
        np.testing.assert_allclose(found, wanted, atol=atol)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("family", oracle.FAMILIES)
def test_half_precision_does_not_overflow(family):
    """Sums reach 64 x 1024 = 65,536, more than float16 holds."""
    layer = PRPDense(64, projection=family, seed=3, dtype="mixed_float16")
    y = layer(np.full((2, 64), 1024, "float32"))
    assert np.isfinite(ops.convert_to_numpy(ops.cast(y, "float32"))).all()


@pytest.mark.parametrize("options", FEW, ids=str)
def test_mixed_precision_trains(options):
    layer = PRPDense(5, seed=3, dtype="mixed_bfloat16", **options)
    model = keras.Sequential([keras.Input((12,)), layer])
    model.compile("adam", "mse")
    losses = model.fit(X, Y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_float64(rng):
    """JAX has it only where the user turns it on for the whole process."""
    dtype = "float32" if BACKEND == "jax" else "float64"
    x = rng.normal(size=(3, 130))
    for options in FORMS[:6]:
        layer = PRPDense(40, seed=3, dtype=dtype, **options)
        y = layer(ops.convert_to_tensor(x, dtype))
        assert keras.backend.standardize_dtype(y.dtype) == dtype
        wanted = x @ layer.projection.materialize()
        np.testing.assert_allclose(ops.convert_to_numpy(y), wanted, atol=1e-5)


class Subclassed(keras.Model):
    """Its layers are built inside `fit`."""

    def __init__(self, options):
        super().__init__()
        self.first = PRPDense(7, seed=1, activation="relu", **options)
        self.second = PRPDense(5, seed=2, **options)

    def call(self, x):
        return self.second(self.first(x))


# torch's compiler needs a C++ tool chain: Keras leaves it off by default.
BUILT_IN_FIT = [
    (FEW[0], False),
    *((options, BACKEND != "torch") for options in FEW[1:]),
]


@pytest.mark.parametrize(("options", "jit_compile"), BUILT_IN_FIT, ids=str)
def test_a_subclassed_model_built_inside_fit(options, jit_compile):
    model = Subclassed(options)
    model.compile(keras.optimizers.Adam(1e-2), "mse", jit_compile=jit_compile)
    losses = model.fit(X, Y, epochs=3, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    for layer, seed in ((model.first, 1), (model.second, 2)):
        if layer.depth == 1:
            p = oracle.matrix(
                layer.projection.family.name, seed, layer.projection.held.shape
            )
            np.testing.assert_allclose(
                layer.projection.materialize(), p, atol=1e-5
            )
    y = model.predict(X, verbose=0)
    np.testing.assert_allclose(
        y, ops.convert_to_numpy(model(X)), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("options", FEW, ids=str)
def test_the_same_with_and_without_jit(options):
    results = []
    for jit_compile in (False, "auto"):
        keras.utils.set_random_seed(3)
        model = keras.Sequential(
            [keras.Input((12,)), PRPDense(5, seed=3, **options)]
        )
        model.compile("sgd", "mse", jit_compile=jit_compile)
        model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
        results.append(model.predict(X, verbose=0))
    np.testing.assert_allclose(*results, atol=1e-4)


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_clones_have_the_same_matrix(options):
    model = keras.Sequential(
        [keras.Input((12,)), PRPDense(5, seed=None, **options)]
    )
    again = keras.models.clone_model(model)
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(
        ops.convert_to_numpy(model(X)), ops.convert_to_numpy(again(X))
    )
    for a, b in zip(
        model.layers[0].projections, again.layers[0].projections, strict=True
    ):
        assert a is not b
        np.testing.assert_array_equal(a.materialize(), b.materialize())


def test_a_shared_layer(tmp_path):
    a, b = keras.Input((12,)), keras.Input((12,))
    shared = PRPDense(5, seed=3)
    model = keras.Model([a, b], shared(a) - shared(b))
    assert np.all(model.predict([X, X], verbose=0) == 0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert len(again.weights) == 4
    both = [m.predict([X, 2 * X], verbose=0) for m in (model, again)]
    np.testing.assert_array_equal(*both)


@pytest.mark.parametrize("options", FEW, ids=str)
def test_undefined_batch_and_length(options):
    x = keras.Input((None, 12))
    model = keras.Model(x, PRPDense(5, seed=3, **options)(x))
    assert model.output_shape == (None, None, 5)
    for shape in ((2, 3, 12), (4, 1, 12)):
        y = model.predict(np.ones(shape, "float32"), verbose=0)
        assert y.shape == (*shape[:-1], 5)


def test_masks_pass():
    model_input = keras.Input((4,), dtype="int32")
    x = keras.layers.Embedding(10, 12, mask_zero=True)(model_input)
    y = PRPDense(5, seed=3)(x)
    assert y._keras_mask is not None
    pooled = keras.layers.GlobalAveragePooling1D()(y)
    model = keras.Model(model_input, [y, pooled])
    values, mean = model.predict(np.array([[1, 2, 0, 0]]), verbose=0)
    np.testing.assert_allclose(mean[0], values[0, :2].mean(0), atol=1e-5)


@pytest.mark.parametrize("options", FEW, ids=str)
def test_training_finds_a_function_it_can_express(options):
    """Adam at its usual rate: the loss falls to a tenth."""
    target = PRPDense(5, seed=3, **options)
    target.build((None, 12))
    rng = np.random.default_rng(1)
    for weight in target.trainable_weights[:3]:
        weight.assign(
            ops.convert_to_numpy(weight) * rng.uniform(0.7, 1.3, weight.shape)
        )
    y = ops.convert_to_numpy(target(X))
    layer = PRPDense(5, seed=3, **options)
    model = keras.Sequential([keras.Input((12,)), layer])
    model.compile(keras.optimizers.Adam(1e-3), "mse")

    def loss():
        return np.mean((ops.convert_to_numpy(layer(X)) - y) ** 2)

    first = loss()
    # One epoch of 120 steps: an epoch costs more than a step.
    many = [np.tile(data, (120, 1)) for data in (X, y)]
    model.fit(*many, batch_size=16, shuffle=False, verbose=0)
    assert loss() < 0.1 * first


def test_random_seeds_follow_keras():
    seeds = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        seeds.append([PRPDense(2).seed for _ in range(3)])
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 3
    config = PRPDense(2).get_config()
    assert PRPDense.from_config(config).seed == config["seed"]


def test_a_family_keeps_its_options():
    layer = PRPDense(4, projection=matrices.SparseTernary(density=0.5), seed=77)
    again = PRPDense.from_config(layer.get_config())
    for made in (layer, again):
        made.build((None, 9))
        assert made.seed == 77
        assert made.projection.family == matrices.SparseTernary(density=0.5)
        assert made.projection.get_config()["density"] == 0.5
