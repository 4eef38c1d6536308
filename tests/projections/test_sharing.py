"""Layers that hold one matrix together: files, copies, and refusals."""

import concurrent.futures
import copy
import gc
import pickle

import keras
import numpy as np
import oracle
import pytest
from keras import ops
from representatives import run_everywhere

from keras_randproj import PRPDense
from keras_randproj import projections

X = np.random.default_rng(8).normal(size=(3, 20)).astype("float32")


def autoencoder(seed=3, **options):
    x = keras.Input((20,))
    encoder = PRPDense(8, seed=seed, activation="tanh", name="enc", **options)
    codes = encoder(x)
    decoder = encoder.transposed(name="dec")
    model = keras.Model(x, decoder(codes))
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


def predict(model):
    return ops.convert_to_numpy(model(X))


def is_tied(model):
    enc, dec = model.get_layer("enc"), model.get_layer("dec")
    pairs = zip(enc.projections, reversed(dec.projections), strict=True)
    return all(p.held is turned.held for p, turned in pairs)


def by_file(model, tmp_path):
    model.save(tmp_path / "m.keras")
    return keras.models.load_model(tmp_path / "m.keras")


def by_clone(model, tmp_path):
    again = keras.models.clone_model(model)
    for old, new in zip(
        model.trainable_weights, again.trainable_weights, strict=True
    ):
        new.assign(old)
    return again


def by_pickle(model, tmp_path):
    return pickle.loads(pickle.dumps(model))


def by_deepcopy(model, tmp_path):
    return copy.deepcopy(model)


OPTIONS = [
    *[{"projection": family} for family in oracle.FAMILIES],
    {"storage": "seed"},
    {"depth": 3},
    {"depth": 2, "projection": "hadamard", "residual_rank": 2},
]
# Of what a file and a copy hold, each sort of weight on every backend.
EVERYWHERE = [{"projection": "gaussian"}, {"storage": "seed"}, OPTIONS[-1]]


@pytest.mark.parametrize("family", oracle.FAMILIES)
@pytest.mark.parametrize("shape", [(13, 5), (5, 40), (16, 16), (1, 3)])
def test_the_matrix_is_the_transpose(family, shape, rng):
    layer = projections.get(family, units=shape[1], seed=3)
    layer.build((None, shape[0]))
    turned = layer.transposed()
    x = rng.normal(size=(4, shape[1])).astype("float32")
    natural = oracle.matrix(family, 3, shape) * shape[0] ** 0.5
    wanted = natural.T / shape[1] ** 0.5
    found = ops.convert_to_numpy(turned(x))
    np.testing.assert_allclose(found, x @ wanted, atol=2e-5)
    np.testing.assert_allclose(turned.materialize(), wanted, atol=1e-5)
    assert turned.digest() == layer.digest()
    back = turned.transposed()
    np.testing.assert_array_equal(back.materialize(), layer.materialize())
    assert back.held is turned.held is layer.held


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_one_matrix_in_memory(options):
    model = autoencoder(**options)
    encoder = model.get_layer("enc")
    assert is_tied(model)
    assert len(model.non_trainable_weights) == len(
        encoder.non_trainable_weights
    )


# Files of everything; the other ways, which copy what files hold, of a few.
WAYS = by_clone, by_pickle, by_deepcopy
COPIES = [(by_file, options) for options in OPTIONS] + [
    (way, options)
    for way in WAYS
    for options in (OPTIONS[0], OPTIONS[-3], OPTIONS[-1])
]
COPIED_EVERYWHERE = [(by_file, options) for options in EVERYWHERE] + [
    (way, OPTIONS[-1]) for way in WAYS
]


@pytest.mark.parametrize(
    ("way", "options"),
    run_everywhere(COPIED_EVERYWHERE, COPIES),
    ids=lambda v: getattr(v, "__name__", str(v)),
)
def test_copies_are_right_and_independent(options, way, tmp_path):
    """Keras restores the sharing wherever it saves; clones have two P."""
    model = autoencoder(**options)
    wanted = predict(model)
    again = way(model, tmp_path)
    np.testing.assert_array_equal(predict(again), wanted)
    assert is_tied(again) == (way is not by_clone)
    twice = way(again, tmp_path)
    np.testing.assert_array_equal(predict(twice), wanted)
    for copied in (again, twice):
        for layer in ("enc", "dec"):
            for projection in copied.get_layer(layer).projections:
                projection.set_seed(77)
    np.testing.assert_array_equal(predict(model), wanted)
    by_file(model, tmp_path)


def test_a_file_is_tied_where_the_original_is_gone(tmp_path):
    model = autoencoder()
    wanted = predict(model)
    model.save(tmp_path / "m.keras")
    del model
    gc.collect()
    again = keras.models.load_model(tmp_path / "m.keras")
    assert is_tied(again)
    np.testing.assert_array_equal(predict(again), wanted)


@pytest.mark.parametrize(
    "options", run_everywhere(EVERYWHERE, OPTIONS), ids=str
)
def test_weights_bring_their_seed_to_both(options, tmp_path):
    first, second = autoencoder(**options), autoencoder(seed=9, **options)
    predict(second)
    first.save_weights(tmp_path / "m.weights.h5")
    second.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(predict(second), predict(first))
    third = by_file(second, tmp_path)
    np.testing.assert_array_equal(predict(third), predict(first))


def test_a_decoder_alone(tmp_path):
    """Its file needs no encoder, and its config knows its matrix."""
    model = autoencoder()
    decoder = model.get_layer("dec")
    codes = keras.Input((8,))
    alone = keras.Model(codes, decoder(codes))
    y = np.ones((2, 8), "float32")
    wanted = ops.convert_to_numpy(alone(y))
    for way in (by_file, by_clone, by_pickle, by_deepcopy):
        again = way(alone, tmp_path)
        np.testing.assert_array_equal(ops.convert_to_numpy(again(y)), wanted)
        again.layers[-1].projection.set_seed(77)
        np.testing.assert_array_equal(ops.convert_to_numpy(alone(y)), wanted)
    made = PRPDense.from_config(decoder.get_config())
    made.build((None, 8))
    np.testing.assert_array_equal(
        made.projection.materialize(), decoder.projection.materialize()
    )


def test_training_moves_vectors_and_not_the_matrix():
    model = autoencoder()
    before = [ops.convert_to_numpy(w) for w in model.non_trainable_weights]
    model.compile("adam", "mse")
    model.fit(X, X, epochs=2, verbose=0)
    after = [ops.convert_to_numpy(w) for w in model.non_trainable_weights]
    np.testing.assert_array_equal(before, after)


def test_the_encoders_config_after_transposing():
    layer = PRPDense(8, seed=3)
    layer.build((None, 20))
    layer.transposed()
    again = PRPDense.from_config(layer.get_config())
    again.build((None, 20))
    assert again.seed == 3
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(
        again.projection.materialize(), layer.projection.materialize()
    )


@keras.saving.register_keras_serializable("test")
class Backwards(keras.Model):
    """Attributes put the decoder first, in name and in time."""

    def __init__(self, seed, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        encoder = PRPDense(8, seed=seed)
        encoder.build((None, 20))
        self.a_decoder = encoder.transposed()
        self.b_encoder = encoder

    def call(self, x):
        return self.a_decoder(self.b_encoder(x))

    def get_config(self):
        return {"seed": self.seed}


def test_a_decoder_that_comes_first(tmp_path):
    model = Backwards(3)
    wanted = predict(model)
    again = by_file(model, tmp_path)
    np.testing.assert_array_equal(predict(again), wanted)
    assert again.a_decoder.projection.held is again.b_encoder.projection.held
    other = Backwards(9)
    predict(other)
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(predict(other), wanted)


def pair(seed=4, reverse=False, **options):
    """Two layers around one matrix; the outer one may be made first."""
    matrix = projections.get("gaussian", units=6, seed=seed, **options)
    inputs = keras.Input((6,))
    first, second = (PRPDense(6, projection=matrix) for _ in range(2))
    if reverse:
        first, second = second, first
    model = keras.Model(inputs, second(first(inputs)))
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


def outputs(model):
    x = np.random.default_rng(9).normal(size=(3, 6)).astype("float32")
    return ops.convert_to_numpy(model(x))


@pytest.mark.parametrize("reverse", run_everywhere([True], [False, True]))
@pytest.mark.parametrize("storage", ["dense", "seed"])
@pytest.mark.parametrize("way", [by_file, by_clone, by_pickle, by_deepcopy])
def test_two_layers_of_one_matrix_are_copied(way, storage, reverse, tmp_path):
    model = pair(reverse=reverse, storage=storage)
    copied = way(model, tmp_path)
    first, second = copied.layers[1:]
    shared = first.projection.held is second.projection.held
    assert shared == (way is not by_clone)
    assert first.projection.held is not model.layers[1].projection.held
    assert len(copied.non_trainable_weights) == (1 if shared else 2)
    np.testing.assert_array_equal(outputs(copied), outputs(model))


def unshared(seeds):
    model = keras.Sequential([keras.Input((6,))])
    for seed in seeds:
        model.add(PRPDense(6, seed=seed))
    return model


# The seeds of two layers, and whether the file is one of several.
DISAGREEING = [
    (first, second, sharded)
    for first, second in ((11, 22), (4, 22), (22, 4))
    for sharded in (False, True)
]


@pytest.mark.parametrize(
    ("first", "second", "sharded"),
    run_everywhere([(11, 22, True), (22, 4, False)], DISAGREEING),
)
def test_a_file_by_which_they_disagree_is_refused(
    first, second, sharded, tmp_path
):
    """Nothing has changed then, whatever came first."""
    seeds = first, second
    path = tmp_path / ("w.weights.json" if sharded else "w.weights.h5")
    limit = {"max_shard_size": 1e-7} if sharded else {}
    unshared(seeds).save_weights(path, **limit)
    model = pair()
    before, weights = outputs(model), model.get_weights()
    with pytest.raises(ValueError, match="shares its matrix"):
        model.load_weights(path)
    assert model.layers[1].seed == 4
    if 4 not in seeds:
        np.testing.assert_array_equal(outputs(model), before)
        for old, new in zip(weights, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("sharded", [False, True])
def test_a_file_by_which_they_agree_is_loaded(sharded, tmp_path):
    path = tmp_path / ("w.weights.json" if sharded else "w.weights.h5")
    limit = {"max_shard_size": 1e-7} if sharded else {}
    source = unshared((11, 11))
    source.save_weights(path, **limit)
    model = pair()
    model.load_weights(path)
    np.testing.assert_array_equal(outputs(model), outputs(source))
    assert model.layers[1].seed == model.layers[2].seed == 11


@pytest.mark.one_backend
def test_three_pairs_that_only_seem_to_agree(tmp_path):
    """As many recipes of each seed as layers, in the wrong places."""
    unshared((11, 22, 11, 22)).save_weights(tmp_path / "w.weights.h5")
    inputs = x = keras.Input((6,))
    for _ in range(2):
        matrix = projections.Gaussian(units=6, seed=4)
        x = PRPDense(6, projection=matrix)(x)
        x = PRPDense(6, projection=matrix)(x)
    model = keras.Model(inputs, x)
    with pytest.raises(ValueError, match="gives them different seeds"):
        model.load_weights(tmp_path / "w.weights.h5")


def test_a_decoder_cannot_take_the_encoders_matrix_away(tmp_path):
    """A file for one of two layers would leave the other a wrong matrix."""
    model, other = autoencoder(), autoencoder(seed=9)
    wanted = predict(model)
    decoders = []
    for each in (model, other):
        codes = keras.Input((8,))
        decoders.append(keras.Model(codes, each.get_layer("dec")(codes)))
    decoders[1].save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ValueError, match="1 other layers"):
        decoders[0].load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(predict(model), wanted)


def test_layers_that_are_gone_do_not_count(tmp_path):
    encoder = PRPDense(8, seed=3)
    model = keras.Sequential([keras.Input((20,)), encoder])
    decoder = encoder.transposed()
    decoder.build((None, 8))
    del decoder
    other = keras.Sequential([keras.Input((20,)), PRPDense(8, seed=9)])
    other.save_weights(tmp_path / "w.weights.h5")
    model.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(predict(model), predict(other))


def test_a_depth_of_one_matrix(tmp_path):
    """Both stages of a layer hold it."""
    matrix = projections.Gaussian(units=6, seed=4)
    layer = PRPDense(6, projection=[matrix, matrix], depth=2)
    model = keras.Sequential([keras.Input((6,)), layer])
    assert len(model.non_trainable_weights) == 1
    again = by_file(model, tmp_path)
    assert len(again.non_trainable_weights) == 1
    np.testing.assert_array_equal(outputs(again), outputs(model))


def test_many_loads_in_many_threads(tmp_path):
    model = autoencoder()
    wanted = predict(model)
    path = tmp_path / "m.keras"
    model.save(path)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(keras.models.load_model, [path] * 64))
    assert all(is_tied(each) for each in loaded)
    held = {id(each.get_layer("enc").projection.held) for each in loaded}
    assert len(held) == 64
    for each in loaded[::16]:
        np.testing.assert_array_equal(predict(each), wanted)
