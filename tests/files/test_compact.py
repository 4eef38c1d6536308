"""Files in fewer bytes load to the same model."""

import zipfile

import keras
import numpy as np
import pytest

from keras_randproj import PRPDense
from keras_randproj.files import compact
from keras_randproj.files import verify


def mnist_model():
    """The smallest model of the demonstration: 3,108 parameters."""
    model = keras.Sequential(
        [
            keras.Input((784,)),
            PRPDense(512, "relu", seed=0),
            PRPDense(256, "relu", seed=1),
            PRPDense(10, seed=2),
        ]
    )
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


def test_the_mnist_model_has_25_kilobytes(tmp_path):
    model, path = mnist_model(), tmp_path / "m.keras"
    model.save(path)
    before = path.stat().st_size
    path.chmod(0o640)
    assert compact(path) == path.stat().st_size <= 25_000 < before
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]
    assert all(verdict.ok for verdict in verify(path))
    x = np.random.default_rng(1).normal(size=(4, 784)).astype("float32")
    loaded = keras.saving.load_model(path)
    for ours, theirs in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs)
        )
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), loaded.predict(x, verbose=0)
    )


def test_what_would_be_taken_for_a_bomb_stays_plain(tmp_path):
    """Zeros compress a thousand times; Keras refuses a hundred."""
    path = tmp_path / "m.keras"
    layer = keras.layers.Dense(800, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((800,)), layer])
    model.save(path)
    compact(path)
    with zipfile.ZipFile(path) as archive:
        methods = {i.filename: i.compress_type for i in archive.infolist()}
    assert methods["model.weights.h5"] == zipfile.ZIP_STORED
    assert methods["config.json"] == zipfile.ZIP_DEFLATED
    keras.saving.load_model(path)


def test_other_files_are_refused_and_left(tmp_path):
    path = tmp_path / "m.keras"
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"must be a `\.keras` file"):
        compact(path)
    assert path.read_bytes() == b"no archive"
