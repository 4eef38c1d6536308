"""What files hold, and what is refused when they were changed."""

import archives
import keras
import numpy as np
import oracle
import pytest
from keras import ops

from keras_randproj import PRPDense
from keras_randproj import config
from keras_randproj import matrices

KEYS = ("contract_version", "digest", "family", "options", "seed", "shape")
X = np.random.default_rng(8).normal(size=(3, 20)).astype("float32")


def build(seed=3, units=8, **options):
    model = keras.Sequential(
        [keras.Input((20,)), PRPDense(units, seed=seed, name="enc", **options)]
    )
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


def predict(model):
    return ops.convert_to_numpy(model(X))


@pytest.fixture
def weights(tmp_path):
    """Writes a model's weights and returns the file."""

    def write(model):
        path = tmp_path / "m.weights.h5"
        model.save_weights(path)
        return path

    return write


OPTIONS = [
    *[{"projection": family} for family in oracle.FAMILIES],
    {"projection": matrices.SparseTernary(density=0.1)},
    {"storage": "seed"},
    {"projection": matrices.Rademacher(), "storage": "seed"},
    {"depth": 3, "projection": "hadamard"},
    {"projection": "rademacher", "storage": "packed"},
    {"projection": "sparse_ternary", "storage": "packed"},
    {"depth": 2, "residual_rank": 2},
    {"use_bias": False, "lr_multiplier": 3.0},
    {"seed": 2**64 - 1},
    {"seed": None},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_round_trip(options, tmp_path):
    model = build(**options)
    path = tmp_path / "m.keras"
    model.save(path)
    again = keras.models.load_model(path)
    np.testing.assert_array_equal(predict(again), predict(model))
    old, new = (m.get_layer("enc") for m in (model, again))
    assert new.get_config() == old.get_config()
    assert [w.name for w in new.weights] == [w.name for w in old.weights]
    for p, q in zip(old.projections, new.projections, strict=True):
        np.testing.assert_array_equal(p.materialize(), q.materialize())
        assert p.digest() == q.digest()
        assert p.storage == q.storage


@pytest.mark.parametrize("family", oracle.FAMILIES)
def test_files_hold_vectors_and_a_recipe(family, weights):
    path = weights(build(projection=family, seed=2**63 + 5))
    found = {
        k.rpartition("/")[2]: v for k, v in archives.datasets(path).items()
    }
    assert set(found) == {*KEYS, "alpha", "scale", "bias", "lr_multiplier"}
    assert int(found["seed"]) == 2**63 + 5
    assert bytes(found["digest"]).hex() == oracle.digest(
        family, 2**63 + 5, (20, 8)
    )
    assert sum(v.size for v in found.values()) < 150


def test_another_seed_comes_with_the_weights(weights):
    """Also where a compiled predict function has seen the old matrix."""
    for options in (
        {},
        {"storage": "seed"},
        {"projection": "hadamard"},
        {"projection": "rademacher", "storage": "packed"},
    ):
        first = build(**{"seed": 2**40, **options})
        second = build(**{"seed": 9, **options})
        old, wanted = (m.predict(X, verbose=0) for m in (second, first))
        assert np.abs(old - wanted).max() > 1e-3
        second.load_weights(weights(first))
        np.testing.assert_array_equal(second.predict(X, verbose=0), wanted)
        layer = second.get_layer("enc")
        assert layer.seed == 2**40
        assert layer.get_config()["seed"] == 2**40


def test_another_seed_comes_with_the_weights_of_a_stack(weights, tmp_path):
    first, second = build(depth=3), build(depth=3, seed=9)
    second.load_weights(weights(first))
    assert second.get_layer("enc").seed == 3
    second.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(predict(again), predict(first))


def test_a_stacks_config_tells_of_seeds_that_are_not_derived(rng):
    layer = build(depth=2).get_layer("enc")
    layer.projections[1].set_seed(77)
    copy = PRPDense.from_config(layer.get_config())
    copy.build((None, 20))
    assert [p.seed for p in copy.projections] == [
        oracle.derived_seed(3, 0),
        77,
    ]


def _flip(value):
    value = value.copy()
    value[3] ^= 1
    return value


CHANGES = [
    ("projection/vars/digest", _flip, "damaged or was altered"),
    ("projection/vars/digest", lambda v: v[:8], "`digest` in the file is mal"),
    ("projection/vars/digest", lambda v: v.astype("float32"), "malformed"),
    ("projection/vars/digest", lambda v: np.zeros(10**5, "u1"), "malformed"),
    ("projection/vars/seed", lambda v: v + np.uint64(1), "was altered"),
    ("projection/vars/seed", lambda v: np.int64(-1), "malformed"),
    ("projection/vars/seed", lambda v: np.float64(3), "malformed"),
    ("projection/vars/seed", lambda v: np.array([3]), "malformed"),
    ("contract_version", lambda v: np.int32(2), "knows version 1"),
    ("contract_version", lambda v: np.float32(1), "malformed"),
    ("vars/family", lambda v: np.frombuffer(b"normal", "u1"), "has family"),
    ("vars/family", lambda v: np.frombuffer(b"\xff\xfe", "u1"), "malformed"),
    ("vars/family", lambda v: np.zeros((2, 2), "u1"), "malformed"),
    ("vars/options", lambda v: np.frombuffer(b"{", "u1"), "malformed"),
    ("vars/options", lambda v: np.frombuffer(b"[1]", "u1"), "malformed"),
    ("vars/options", lambda v: np.frombuffer(b'{"a": 1}', "u1"), "options"),
    ("vars/shape", lambda v: v[::-1], "has shape"),
    ("vars/shape", lambda v: np.array([20, -8]), "malformed"),
    ("vars/shape", lambda v: np.array([2**40, 2**40]), "has shape"),
    ("vars/shape", lambda v: v.astype("float64"), "malformed"),
    *[
        (f"projection/vars/{key}", lambda v: None, rf"lacks \['{key}'\]")
        for key in KEYS
    ],
    *[
        (f"/vars/{key}", lambda v: None, rf"enc' expects .*'{key}'")
        for key in ("alpha", "scale", "bias", "lr_multiplier")
    ],
    ("vars/lr_multiplier", lambda v: np.float64("nan"), "`lr_multiplier` must"),
    ("vars/lr_multiplier", lambda v: np.float64(-1), "`lr_multiplier` must"),
    ("vars/lr_multiplier", lambda v: np.ones(2), "`lr_multiplier` in the"),
    ("vars/alpha", lambda v: v[:-1], "shape"),
]


# Refused before a backend has any of it.
@pytest.mark.one_backend
@pytest.mark.parametrize(("key", "change", "message"), CHANGES)
def test_altered_files_are_refused(key, change, message, weights):
    path = weights(build())
    archives.tamper(path, key, change)
    with pytest.raises(ValueError, match=message):
        build().load_weights(path)


@pytest.mark.parametrize(
    "seed", [np.int64(-1), np.float64(3), np.array([3]), np.zeros(10**4)]
)
def test_an_altered_seed_of_a_stack_is_refused(seed, weights):
    path = weights(build(depth=2))
    archives.tamper(path, "enc/vars/seed", lambda v: seed) if any(
        "enc/vars/seed" in k for k in archives.datasets(path)
    ) else archives.tamper(path, "prp_dense/vars/seed", lambda v: seed)
    with pytest.raises(ValueError, match=r"`seed` (must be|in the file)"):
        build(depth=2).load_weights(path)


def test_messages_name_the_layer(weights):
    path = weights(build())
    archives.tamper(path, "projection/vars/digest", _flip)
    with pytest.raises(ValueError, match="enc/projection': the matrix"):
        build().load_weights(path)


@pytest.mark.parametrize(
    "options", [{"projection": "rademacher"}, {"units": 9}], ids=str
)
def test_another_layers_file_is_refused(options, weights):
    path = weights(build(**options))
    with pytest.raises(ValueError, match=r"has family|has shape|shape"):
        build().load_weights(path)


def test_another_density_is_refused(weights):
    first, second = (
        build(projection=matrices.SparseTernary(density=d)) for d in (0.1, 0.2)
    )
    with pytest.raises(ValueError, match=r"has options .*0.2.*0.1"):
        second.load_weights(weights(first))


def test_multipliers_of_file_and_layer_may_differ(weights):
    first, second = (
        build(lr_multiplier=m, depth=2, residual_rank=1) for m in (10.0, 2.0)
    )
    second.load_weights(weights(first))
    np.testing.assert_allclose(predict(second), predict(first), rtol=1e-5)
    assert second.get_layer("enc").lr_multiplier == 2.0


@pytest.mark.parametrize("options", [*OPTIONS[:7], OPTIONS[-6]], ids=str)
def test_weights_of_another_seed_cannot_be_saved(options, tmp_path):
    """`set_weights` carries no seed, so the file would be wrong."""
    first, second = build(**options), build(**{**options, "seed": 9})
    second.set_weights(first.get_weights())
    for name in ("m.keras", "m.weights.h5"):
        save = second.save if name == "m.keras" else second.save_weights
        with pytest.raises(ValueError, match=r"enc/projection'.*overwritten"):
            save(tmp_path / name)
    second.get_layer("enc").projection.set_seed(3)
    second.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(predict(again), predict(first))


def test_get_weights_of_the_same_seed_pass(tmp_path):
    first, second = build(), build()
    second.set_weights(first.get_weights())
    second.save(tmp_path / "m.keras")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"units": 8', f'"units": {2**36}'),
        ("[null, 20]", f"[null, {2**36}]"),
        ('"residual_rank": 0', f'"residual_rank": {2**36}'),
    ],
)
def test_a_file_that_declares_a_terabyte(old, new, tmp_path):
    path = tmp_path / "m.keras"
    build().save(path)
    archives.edit_config(path, lambda text: text.replace(old, new))
    assert path.stat().st_size < 2**15
    # Had anything been allocated, this would have been a MemoryError.
    with pytest.raises((ValueError, TypeError), match="more than the limit"):
        keras.models.load_model(path)


def test_the_limit_rules_files_too(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    build().save(path)
    monkeypatch.setattr(config, "_max_elements", 159)
    with pytest.raises(Exception, match="20 x 8 = 160 entries"):
        keras.models.load_model(path)
    monkeypatch.setattr(config, "_max_elements", 160)
    keras.models.load_model(path)


def test_safe_mode_is_enough(tmp_path):
    path = tmp_path / "m.keras"
    build(activation="gelu", alpha_regularizer="l2").save(path)
    keras.models.load_model(path, safe_mode=True)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_variables(dtype, tmp_path):
    for family in oracle.FAMILIES:
        model = build(projection=family, dtype=dtype)
        model.save(tmp_path / "m.keras")
        again = keras.models.load_model(tmp_path / "m.keras")
        for a, b in zip(model.weights, again.weights, strict=True):
            assert bool(ops.all(ops.equal(a, b)))
