"""Checkpoints that are whole whenever the process ends."""

import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from keras_randproj import PRPDense
from keras_randproj.training import AtomicCheckpoint

X = np.random.default_rng(3).normal(size=(16, 6)).astype("float32")

WRITER = """
import sys
import keras, numpy as np
from keras_randproj import PRPDense
from keras_randproj.training import AtomicCheckpoint

path, weights_only = sys.argv[1], sys.argv[1].endswith("h5")
layer = PRPDense(64, seed=3, residual_rank=8192)
model = keras.Sequential([keras.Input((64,)), layer])
checkpoint = AtomicCheckpoint(path, save_weights_only=weights_only)
checkpoint.set_model(model)
for value in range(1, 10_000):
    for weight in model.trainable_weights:
        weight.assign(np.full(weight.shape, value, "float32"))
    checkpoint.on_epoch_begin(value)
    checkpoint.on_epoch_end(value, {})
    print(value, flush=True)
"""


def build():
    model = keras.Sequential([keras.Input((6,)), PRPDense(2, seed=3)])
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_it_saves_what_keras_saves(name, tmp_path):
    model = build()
    checkpoint = AtomicCheckpoint(
        tmp_path / "sub" / name, save_weights_only=name.endswith("h5")
    )
    model.fit(X, X[:, :2], epochs=2, verbose=0, callbacks=[checkpoint])
    assert [path.name for path in (tmp_path / "sub").iterdir()] == [name]
    again = build()
    if name == "m.keras":
        again = keras.models.load_model(tmp_path / "sub" / name)
    else:
        again.load_weights(tmp_path / "sub" / name)
    for a, b in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b)
        )


def test_the_best_is_kept(tmp_path):
    """Monitoring and formats of names are those of Keras."""
    path = str(tmp_path / "{epoch}.keras")
    checkpoint = AtomicCheckpoint(path, monitor="loss", save_best_only=True)
    checkpoint.set_model(build())
    for epoch, loss in enumerate((2.0, 3.0, 1.0)):
        checkpoint.on_epoch_begin(epoch)
        checkpoint.on_epoch_end(epoch, {"loss": loss})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.keras", "3.keras"]


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    path.write_bytes(b"old")
    model = build()

    def save(path, **kwargs):
        path.write_bytes(b"half of the n")
        raise OSError("disk full")

    monkeypatch.setattr(model, "save", save)
    checkpoint = AtomicCheckpoint(path)
    checkpoint.set_model(model)
    checkpoint.on_epoch_begin(0)
    with pytest.raises(OSError, match="disk full"):
        checkpoint.on_epoch_end(0, {})
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]


def test_remote_paths_are_refused():
    with pytest.raises(ValueError, match="local file system"):
        AtomicCheckpoint("gs://bucket/m.keras")


def test_a_process_killed_while_it_writes(tmp_path):
    path = tmp_path / "m.weights.h5"
    partial = tmp_path / ".partial-m.weights.h5"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "1\n"
    deadline = time.monotonic() + 60
    while not partial.exists() and time.monotonic() < deadline:
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    layer = PRPDense(64, seed=9, residual_rank=8192)
    model = keras.Sequential([keras.Input((64,)), layer])
    model.load_weights(path)
    found = {
        float(value)
        for weight in model.trainable_weights
        for value in np.unique(keras.ops.convert_to_numpy(weight))
    }
    assert len(found) == 1
    assert layer.seed == 3
