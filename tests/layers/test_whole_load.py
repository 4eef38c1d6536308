"""A layer is loaded whole or not at all, with what it holds."""

import archives
import keras
import numpy as np
import pytest
from representatives import run_everywhere

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPMultiHeadAttention
from keras_randproj import PRPTransformerBlock
from keras_randproj import projections
from keras_randproj.files.whole_layer import WholeLayer

BACKEND = keras.backend.backend()
FEATURES = 8


class SelfAttention(keras.layers.Layer):
    """Attention of a sequence to itself, held by a layer of the user's."""

    def __init__(self, seed, **kwargs):
        super().__init__(**kwargs)
        self.attention = PRPMultiHeadAttention(2, 4, projection_seed=seed)

    def call(self, x):
        return self.attention(x, x)


LAYERS = {
    "projection": lambda s: projections.Gaussian(5, seed=s),
    "prp": lambda s: PRPDense(5, seed=s),
    "prp, deep": lambda s: PRPDense(5, depth=3, residual_rank=2, seed=s),
    "prp, hadamard": lambda s: PRPDense(5, projection="hadamard", seed=s),
    "eugen": lambda s: EUGenDense(5, 6, seed=s),
    "eugen, modulated": lambda s: EUGenDense(5, 6, modulation=True, seed=s),
    "eugen, trained": lambda s: EUGenDense(
        5, 6, trainable_projection=True, seed=s
    ),
    "attention": SelfAttention,
    "block": lambda s: PRPTransformerBlock(2, 12, projection_seed=s),
}


def model(name, seed):
    shape = (3, FEATURES) if name in ("attention", "block") else (FEATURES,)
    built = keras.Sequential([keras.Input(shape), LAYERS[name](seed)])
    rng = np.random.default_rng(seed)
    for weight in built.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return built


def state(built):
    """Everything of our layers that a load may change."""
    layers = [x for x in built._flatten_layers() if hasattr(x, "described")]
    seeds = [getattr(layer, "seed", None) for layer in layers]
    seeds += [getattr(layer, "projection_seed", None) for layer in layers]
    weights = [w for layer in layers for w in layer.weights]
    return seeds, [keras.ops.convert_to_numpy(w) for w in weights]


def assert_same(one, other):
    assert one[0] == other[0]
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(a, b)


def records(path):
    ends = ("/digest",)
    return sorted(n for n in archives.datasets(path) if n.endswith(ends))


@pytest.mark.parametrize("name", LAYERS)
def test_a_load_brings_everything(name, tmp_path):
    source, target = model(name, 3), model(name, 4)
    source.save_weights(tmp_path / "w.weights.h5")
    target.load_weights(tmp_path / "w.weights.h5")
    assert_same(state(target), state(source))


# The digest that is wrong, where there are several.
DAMAGED = [(name, "first") for name in LAYERS if name != "eugen, trained"]
SEVERAL = "prp, deep", "eugen", "eugen, modulated", "attention", "block"
DAMAGED += [(name, "last") for name in SEVERAL]
EVERYWHERE = [("prp, deep", "first"), ("eugen", "last"), ("block", "last")]


@pytest.mark.parametrize(("name", "which"), run_everywhere(EVERYWHERE, DAMAGED))
def test_a_refused_load_changes_nothing(name, which, tmp_path):
    """Whichever of the matrices has a wrong digest; twice the same."""
    path = tmp_path / "w.weights.h5"
    model(name, 3).save_weights(path)
    found = records(path)
    damaged = found[0 if which == "first" else -1]
    archives.tamper(path, damaged, lambda value: value ^ np.uint8(1))
    target = model(name, 4)
    before = state(target)
    for _ in range(2):
        with pytest.raises(ValueError, match="damaged or was altered"):
            target.load_weights(path)
        assert_same(state(target), before)
    model(name, 3).save_weights(tmp_path / "good.weights.h5")
    target.load_weights(tmp_path / "good.weights.h5")
    assert_same(state(target), state(model(name, 3)))


@pytest.mark.parametrize("name", ["prp", "prp, deep", "eugen"])
def test_skipping_a_mismatch_skips_the_layer(name, tmp_path):
    """A head of another width keeps its own vectors, and its matrix."""
    wide = keras.Sequential([keras.Input((FEATURES,)), LAYERS[name](3)])
    config = {**wide.layers[-1].get_config(), "units": 7, "seed": 9}
    narrow = type(wide.layers[-1]).from_config(config)
    target = keras.Sequential([keras.Input((FEATURES,)), narrow])
    wide.save_weights(tmp_path / "w.weights.h5")
    before = state(target)
    with pytest.warns(UserWarning, match="could not be loaded"):
        target.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
    assert_same(state(target), before)


class Gained(WholeLayer):
    """A layer of the user's own, around one that it shares with others."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def build(self, shape):
        if not self.inner.built:
            self.inner.build(shape)
        self.gain = self.add_weight((), name="gain", initializer="ones")

    def call(self, x):
        return self.inner(x) * self.gain

    def save_own_variables(self, store):
        store["gain"] = self.gain

    def read_own_variables(self, store):
        value = np.array(store["gain"])
        return lambda: self.gain.assign(value)


def test_a_layer_that_two_others_hold_is_awaited_once(tmp_path):
    def holders(seed, gains):
        inner = PRPDense(FEATURES, seed=seed)
        layers = [Gained(inner) for _ in gains]
        built = keras.Sequential([keras.Input((FEATURES,)), *layers])
        for layer, gain in zip(layers, gains, strict=True):
            layer.gain.assign(gain)
        return built

    path = tmp_path / "w.weights.h5"
    holders(3, [2.0, 3.0, 4.0]).save_weights(path)
    target = holders(9, [1.0, 1.0, 1.0])
    for _ in range(2):
        target.load_weights(path)
        assert [float(layer.gain) for layer in target.layers] == [2, 3, 4]
        assert target.layers[0].inner.seed == 3
    # The first refusal is that of each layer that holds it.
    archives.tamper(path, "projection/vars/digest", lambda d: d[::-1])
    target = holders(9, [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="could not be loaded"):
        target.load_weights(path)
    assert float(target.layers[0].gain) == 1
    assert target.layers[0].inner.seed == 9


@pytest.mark.parametrize("place", ["projection/vars", "vars"])
def test_an_array_too_many_is_refused(place, tmp_path):
    path = tmp_path / "w.weights.h5"
    model("prp", 3).save_weights(path)
    group = next(
        n.rpartition("/")[0]
        for n in archives.datasets(path)
        if f"/{n}".rpartition("/")[0].endswith(f"dense/{place}")
    )
    with archives.h5py.File(path, "a") as file:
        file[f"{group}/seeds"] = np.uint64(3)
    with pytest.raises(ValueError, match="seeds"):
        model("prp", 4).load_weights(path)


@pytest.mark.parametrize("version", [0, 2])
def test_other_versions_of_the_contract_are_refused(version, tmp_path):
    path = tmp_path / "w.weights.h5"
    model("prp", 3).save_weights(path)
    archives.tamper(path, "contract_version", lambda v: np.int32(version))
    with pytest.raises(ValueError, match=f"version {version} of the matrix"):
        model("prp", 4).load_weights(path)


if BACKEND == "tensorflow":
    import tensorflow as tf

    @pytest.mark.parametrize("name", LAYERS)
    def test_tensorflows_checkpoints_hold_everything(name, tmp_path):
        source, target = model(name, 3), model(name, 4)
        path = tf.train.Checkpoint(model=source).save(str(tmp_path / "c"))
        status = tf.train.Checkpoint(model=target).restore(path)
        status.assert_existing_objects_matched()
        status.assert_consumed()
        for a, b in zip(state(target)[1], state(source)[1], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["projection", "prp, deep", "eugen"])
def test_stores_may_be_plain_dicts(name):
    """A new one for each layer, as Keras has them for `.npz` files."""
    source, target = model(name, 1), model(name, 2)
    pairs = zip(
        source.layers[0]._flatten_layers(),
        target.layers[0]._flatten_layers(),
        strict=True,
    )
    before = state(target)
    for theirs, ours in pairs:
        assert_same(state(target), before)
        store: dict = {}
        theirs.save_own_variables(store)
        ours.load_own_variables(store)
    assert_same(state(target), state(source))


def test_a_stored_seed_of_a_lone_stage_is_refused():
    """It has none of its own: only its projection has."""
    source, target = model("prp", 3), model("prp", 4)
    store: dict = {}
    source.layers[0].save_own_variables(store)
    store["seed"] = np.array(3, "uint64")
    before = state(target)
    with pytest.raises(ValueError, match="seed"):
        target.layers[0].load_own_variables(store)
    assert_same(state(target), before)


def test_a_layer_of_keras_is_its_own_again_after_a_refusal(tmp_path):
    """What took part in a load of ours loads alone in another model."""
    path = tmp_path / "w.weights.h5"
    model("block", 3).save_weights(path)
    archives.tamper(path, records(path)[0], lambda value: value ^ np.uint8(1))
    target = model("block", 4)
    with pytest.raises(ValueError, match="damaged or was altered"):
        target.load_weights(path)

    def alone(norm):
        return keras.Sequential([keras.Input((3, FEATURES)), norm])

    other = keras.layers.LayerNormalization()
    source = alone(other)
    other.gamma.assign(np.arange(FEATURES))
    source.save_weights(tmp_path / "norm.weights.h5")
    norm = target.layers[0].attention_norm
    alone(norm).load_weights(tmp_path / "norm.weights.h5")
    found = keras.ops.convert_to_numpy(norm.gamma)
    np.testing.assert_array_equal(found, np.arange(FEATURES))
