"""A projection turned around: one matrix, however the pair is copied."""

import copy
import gc
import pickle

import keras
import numpy as np
import oracle
import pytest
from keras import ops

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
    return all(turned.source is p for p, turned in pairs)


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
    assert turned.transposed() is layer


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_one_matrix_in_memory(options):
    model = autoencoder(**options)
    encoder = model.get_layer("enc")
    assert is_tied(model)
    assert len(model.non_trainable_weights) == len(
        encoder.non_trainable_weights
    )


@pytest.mark.parametrize("way", [by_file, by_clone, by_pickle, by_deepcopy])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_copies_are_tied(options, way, tmp_path):
    model = autoencoder(**options)
    again = way(model, tmp_path)
    np.testing.assert_array_equal(predict(again), predict(model))
    assert is_tied(again)
    assert again.get_layer("enc").projection is not (
        model.get_layer("enc").projection
    )
    twice = way(again, tmp_path)
    assert is_tied(twice)
    np.testing.assert_array_equal(predict(twice), predict(model))


def test_a_file_is_tied_where_the_original_is_gone(tmp_path):
    model = autoencoder()
    wanted = predict(model)
    model.save(tmp_path / "m.keras")
    del model
    gc.collect()
    again = keras.models.load_model(tmp_path / "m.keras")
    assert is_tied(again)
    np.testing.assert_array_equal(predict(again), wanted)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_weights_bring_their_seed_to_both(options, tmp_path):
    first, second = autoencoder(**options), autoencoder(seed=9, **options)
    predict(second)
    first.save_weights(tmp_path / "m.weights.h5")
    second.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(predict(second), predict(first))
    third = by_file(second, tmp_path)
    np.testing.assert_array_equal(predict(third), predict(first))


def test_a_decoder_alone_keeps_its_seed_when_a_copy_changed(tmp_path):
    """The latest copy of the encoder may have loaded another seed."""
    model = autoencoder()
    copy_ = keras.models.clone_model(model)
    autoencoder(seed=9).save_weights(tmp_path / "m.weights.h5")
    copy_.load_weights(tmp_path / "m.weights.h5")
    decoder = model.get_layer("dec")
    alone = PRPDense.from_config(decoder.get_config())
    alone.build((None, 8))
    np.testing.assert_array_equal(
        alone.projection.materialize(), decoder.projection.materialize()
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
    assert again.a_decoder.projection.source is again.b_encoder.projection
    other = Backwards(9)
    predict(other)
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(predict(other), wanted)


@pytest.mark.parametrize("way", [by_file, by_clone, by_pickle, by_deepcopy])
def test_two_owners_of_one_matrix_survive_copies(way, tmp_path, rng):
    matrix = projections.Gaussian(units=6, seed=4)
    inputs = keras.Input((6,))
    hidden = PRPDense(6, projection=matrix)(inputs)
    model = keras.Model(inputs, PRPDense(6, projection=matrix)(hidden))
    copy = way(model, tmp_path)
    first, second = copy.layers[1:]
    assert second.projection.source is first.projection
    assert first.projection is not matrix
    assert len(copy.non_trainable_weights) == 1
    x = rng.normal(size=(3, 6)).astype("float32")
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(
        copy.predict(x, verbose=0), model.predict(x, verbose=0)
    )
