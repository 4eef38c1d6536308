"""Projections used alone, as layers."""

import keras
import numpy as np
import oracle
import pytest
from keras import ops
from keras_harness import run_layer_test

from keras_randproj import PRPDense
from keras_randproj import config
from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.kernels import shards
from keras_randproj.matrices import registry
from keras_randproj.projections.seeded_initializer import SeededInitializer

FORMS = [
    *[(family, "dense") for family in oracle.FAMILIES],
    ("gaussian", "seed"),
    ("hadamard", "seed"),
    ("rademacher", "packed"),
    ("sparse_ternary", "packed"),
]


def make(family, units, storage="dense", **kwargs):
    kwargs = {"seed": 3, "storage": storage, **kwargs}
    return projections.get(family, units=units, **kwargs)


@pytest.mark.parametrize(("family", "storage"), FORMS)
def test_keras_layer_test(family, storage):
    weights = 2 if family == "hadamard" else 1
    run_layer_test(
        type(make(family, 1)),
        {"units": 5, "seed": 3, "storage": storage},
        input_shape=(2, 3, 12),
        expected_output_shape=(2, 3, 5),
        expected_num_trainable_weights=0,
        expected_num_non_trainable_weights=weights,
        expected_num_seed_generators=0,
        expected_num_losses=0,
        supports_masking=True,
        run_training_check=False,
        # Keras wants all weights of a mixed policy in float32, which is for
        # those that are trained; half precision holds signs as they are.
        run_mixed_precision_check=(family, storage) != ("rademacher", "dense"),
        assert_built_after_instantiation=False,
    )


# Stored matrices are multiplied in one way.
RANKS = [(*form, (2, 1, 3)) for form in FORMS] + [
    (*form, lead)
    for form in (FORMS[0], *FORMS[4:7])
    for lead in ((2,), (2, 3), (2, 1, 2, 3))
]


@pytest.mark.parametrize(("family", "storage", "lead"), RANKS)
def test_any_rank(family, storage, lead, rng):
    x = rng.normal(size=(*lead, 13)).astype("float32")
    found = ops.convert_to_numpy(make(family, 7, storage)(x))
    wanted = x @ oracle.matrix(family, 3, (13, 7))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("units", "lead"), [(7, (0,)), (16, (2, 0)), (40, (0, 3))]
)
@pytest.mark.parametrize(("family", "storage"), FORMS)
def test_empty_batches(family, storage, units, lead):
    y = make(family, units, storage)(np.zeros((*lead, 13), "float32"))
    assert tuple(y.shape) == (*lead, units)


@pytest.mark.parametrize(("family", "storage"), FORMS)
def test_integers_come_in_as_numbers(family, storage):
    x = np.arange(26).reshape(2, 13)
    layer = make(family, 7, storage)
    found = ops.convert_to_numpy(layer(ops.convert_to_tensor(x, "int32")))
    assert found.dtype == "float32"
    wanted = x @ oracle.matrix(family, 3, (13, 7))
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize(("family", "storage"), FORMS)
def test_config_round_trip(family, storage, rng):
    layer = make(family, 7, storage, seed=None)
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    x = rng.normal(size=(2, 13)).astype("float32")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(layer(x)), ops.convert_to_numpy(copy(x))
    )


@pytest.mark.parametrize("seed", [0, 2**31, 2**32, 2**63, 2**64 - 1])
@pytest.mark.parametrize("family", oracle.FAMILIES)
def test_all_seeds_of_64_bits(family, seed):
    layer = make(family, 4, seed=seed)
    layer.build((None, 6))
    assert layer.seed == seed
    wanted = oracle.matrix(family, seed, (6, 4))
    np.testing.assert_allclose(layer.materialize(), wanted, atol=1e-5)


@pytest.mark.parametrize("seed", [np.int8(5), np.uint64(2**64 - 1)])
def test_numpy_seeds_become_integers(seed):
    layer = make("gaussian", 4, seed=seed)
    assert type(layer.seed) is int
    assert layer.seed == int(seed)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, True, "1", np.float32(1)])
def test_seeds_refused(seed):
    with pytest.raises(ValueError, match=r"`seed` must be .* Received: seed="):
        make("gaussian", 4, seed=seed)
    layer = make("gaussian", 4, seed=9)
    with pytest.raises(ValueError, match="`seed` must be"):
        layer.set_seed(seed)
    assert layer.seed == 9


def test_random_seeds_follow_keras():
    seeds = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        seeds.append([make("gaussian", 2, seed=None).seed for _ in range(3)])
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 3


@pytest.mark.parametrize(
    ("storage", "family"),
    [("seed", "gaussian"), ("dense", "hadamard"), ("packed", "rademacher")],
)
def test_set_seed_replaces_the_matrix(storage, family, rng):
    layer = make(family, 7, storage)
    x = rng.normal(size=(2, 13)).astype("float32")
    layer(x)
    layer.set_seed(2**33 + 1)
    wanted = oracle.matrix(family, 2**33 + 1, (13, 7))
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(x)), x @ wanted, atol=1e-5
    )
    np.testing.assert_allclose(layer.materialize(), wanted, atol=1e-6)


@pytest.mark.parametrize("density", [0, -0.1, 1.5, float("nan"), "0.5", True])
def test_densities_refused(density):
    with pytest.raises(ValueError, match="Received: density="):
        projections.SparseTernary(4, density=density)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": 0}, "`units` must be a positive integer"),
        ({"units": True}, "`units` must be a positive integer"),
        ({"units": 2.0}, "`units` must be a positive integer"),
        ({"storage": "disk"}, "`storage` must be one of"),
        ({"implementation": "fast"}, "`implementation` must be one of"),
        ({"family": "normal"}, "`projection` must name a family"),
        ({"family": 3}, "`projection` must name a family"),
        ({"family": "orthogonal", "storage": "seed"}, "`storage` must be one"),
        ({"storage": "packed"}, "`storage` must be one"),
    ],
)
def test_arguments_refused(arguments, message):
    good = {"family": "gaussian", "units": 4}
    with pytest.raises(ValueError, match=rf"{message}.*Received"):
        make(**{**good, **arguments})


@pytest.mark.parametrize("shape", [(3,), (None, None), (2, 0)])
def test_shapes_refused(shape):
    with pytest.raises(ValueError, match="Received: input_shape"):
        make("gaussian", 4).build(shape)


def test_an_unbuilt_projection_has_no_matrix():
    layer = make("gaussian", 4)
    for method in (layer.materialize, layer.digest, layer.transposed):
        with pytest.raises(ValueError, match="needs a built layer"):
            method()


def test_another_size_after_build():
    layer = make("gaussian", 4)
    layer(np.zeros((1, 3), "float32"))
    with pytest.raises(ValueError, match="expected axis -1"):
        layer(np.zeros((1, 5), "float32"))


@pytest.mark.parametrize("family", oracle.FAMILIES)
def test_too_many_entries_are_refused_before_any_is_made(family, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("made a matrix that is too large")

    layer = make(family, 2**30)
    monkeypatch.setattr(projections.HeldMatrix, "_make_weights", never)
    with pytest.raises(ValueError, match=r"more than the limit of 2147483648"):
        layer.build((None, 2**30))


def test_the_limit(monkeypatch):
    monkeypatch.setattr(config, "_max_elements", None)
    monkeypatch.setenv("KERAS_RANDPROJ_MAX_ELEMENTS", "12")
    assert config.max_elements() == 12
    make("gaussian", 4).build((None, 3))
    with pytest.raises(ValueError, match="3 x 5 = 15 entries"):
        make("gaussian", 5).build((None, 3))
    config.set_max_elements(15)
    make("gaussian", 5).build((None, 3))
    config.set_max_elements(None)
    monkeypatch.setenv("KERAS_RANDPROJ_MAX_ELEMENTS", "1e9")
    with pytest.raises(ValueError, match="KERAS_RANDPROJ_MAX_ELEMENTS='1e9'"):
        config.max_elements()
    for value in (0, -1, 1.5, True, "9"):
        with pytest.raises(ValueError, match="Received: value="):
            config.set_max_elements(value)


def test_hadamard_keeps_no_matrix():
    layer = make("hadamard", 500)
    layer.build((None, 1000))
    assert sum(int(np.prod(w.shape)) for w in layer.weights) == 1024 + 500


@pytest.mark.parametrize(
    ("family", "bits"), [("rademacher", 1), ("sparse_ternary", 2)]
)
def test_packed_storage_holds_words(family, bits):
    layer = make(family, 48, "packed")
    layer.build((None, 100))
    (words,) = layer.weights
    assert words.dtype == "int32"
    assert tuple(words.shape) == (-(-100 * bits // 32), 48)
    assert words.trainable is False


def test_a_projection_stays_frozen():
    layer = make("gaussian", 4)
    layer.build((None, 3))
    layer.trainable = False
    layer.trainable = True
    assert layer.trainable_weights == []


SPEC = matrices.TileSpec(
    code=300,
    bits=1,
    rows=16,
    cols=8,
    integers=np.array([3, -3], "int8"),
    values=np.array([1, -1], "float32"),
)


class Shifted(matrices.TiledFamily):
    """A family of the user's own, with entries off random bits."""

    name = "shifted"

    def spec(self):
        return SPEC


class Ramp(matrices.Family):
    """One that is a function of the seed in the plainest way."""

    name = "ramp"

    def __init__(self, slope=1.0):
        self.slope = slope

    def options(self):
        return {"slope": self.slope}

    def matrix(self, seed, shape):
        ramp = np.arange(shape[0] * shape[1], dtype="float64")
        return np.cos(self.slope * ramp + seed).reshape(shape)


@pytest.fixture
def own_families():
    """They are forgotten afterwards."""
    before = dict(registry._FAMILIES)
    yield matrices.register(Shifted), matrices.register(Ramp)
    registry._FAMILIES.clear()
    registry._FAMILIES.update(before)


@pytest.mark.parametrize("storage", ["dense", "seed"])
def test_a_family_of_the_users_own(storage, own_families, tmp_path, rng):
    x = rng.normal(size=(2, 13)).astype("float32")
    layer = PRPDense(4, projection="shifted", seed=5, storage=storage)
    model = keras.Sequential([layer])
    y = model.predict(x, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), y)
    signs = oracle.philox((0, 0, 0, 300), 5)
    wanted = [
        [1 - 2 * (signs >> 8 * i + j & 1) for j in range(4)] for i in range(13)
    ]
    np.testing.assert_array_equal(layer.projection.held.natural(), wanted)


def test_a_plain_family_with_an_option(own_families, tmp_path, rng):
    x = rng.normal(size=(2, 13)).astype("float32")
    layer = PRPDense(4, projection=Ramp(slope=0.3), seed=5)
    model = keras.Sequential([layer])
    y = model.predict(x, verbose=0)
    wanted = x @ np.cos(0.3 * np.arange(52) + 5).reshape(13, 4) / 13**0.5
    np.testing.assert_allclose(y, wanted, atol=1e-5)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), y)
    assert again.layers[0].get_config() == layer.get_config()
    other = keras.Sequential(
        [keras.Input((13,)), PRPDense(4, projection=Ramp(slope=0.4))]
    )
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match=r"has options .*0\.4.*0\.3"):
        other.load_weights(tmp_path / "m.weights.h5")


@pytest.mark.parametrize("name", ["gaussian", ""])
def test_names_of_families_are_unique(name):
    taken = type("Mine", (matrices.Family,), {"name": name})
    with pytest.raises(ValueError, match=r"`cls.name` must be a name"):
        matrices.register(taken)
    with pytest.raises(ValueError, match="must be a subclass of `Family`"):
        matrices.register(int)


def test_an_initializer_that_keras_calls_gives_the_value(monkeypatch):
    """Whatever the layout; only while a weight is added it gives nothing."""
    initializer = SeededInitializer(lambda spans, dtype: np.ones((2, 3)))
    monkeypatch.setattr(shards, "concrete", lambda layout: layout)
    monkeypatch.setattr(initializer, "_spread", lambda *found: found)
    assert initializer((2, 3), "float32", "layout")[2] == "layout"
    value = initializer((2, 3), "float32")
    assert keras.ops.convert_to_numpy(value).shape == (2, 3)


def test_what_cannot_be_divided_is_made_once_for_all_parts(monkeypatch):
    whole, made = np.arange(12.0).reshape(3, 4), []

    def block(spans, dtype):
        made.append(spans)
        return whole

    def parts(block, shape, dtype, layout):
        return [block(((0, 3), half), dtype) for half in layout]

    initializer = SeededInitializer(block, divisible=False)
    monkeypatch.setattr(shards, "concrete", lambda layout: layout)
    monkeypatch.setattr(shards, "make", parts)
    halves = initializer((3, 4), "float32", [(0, 2), (2, 4)])
    np.testing.assert_array_equal(np.hstack(halves), whole)
    assert made == [((0, 3), (0, 4))]


def test_configs_of_development_versions_have_a_tie():
    layer = projections.Gaussian(3, seed=5)
    again = projections.Gaussian.from_config({**layer.get_config(), "tie": 1})
    assert again.get_config() == layer.get_config()
