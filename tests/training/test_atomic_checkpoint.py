"""Checkpoints that are whole whenever the process ends."""

import os
import signal
import stat
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


def partials(folder):
    return list(folder.glob(".partial-*"))


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


def checkpoint(path):
    """Writes one checkpoint of a fresh model, and returns the model."""
    model = build()
    callback = AtomicCheckpoint(path)
    callback.set_model(model)
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, {})
    return model


def test_what_others_planted_is_left_alone(tmp_path):
    """A link and a pipe under the name that partial files once had."""
    other = tmp_path / "other"
    other.write_bytes(b"of another user")
    (tmp_path / ".partial-a.keras").symlink_to(other)
    os.mkfifo(tmp_path / ".partial-b.keras")
    for name in ("a.keras", "b.keras"):
        checkpoint(tmp_path / name)
        keras.models.load_model(tmp_path / name)
    assert other.read_bytes() == b"of another user"


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_the_mode_of_the_old_file_stays(mode, tmp_path):
    """As where Keras itself writes over a file."""
    path, theirs = tmp_path / "m.keras", tmp_path / "keras.keras"
    for each in (path, theirs):
        each.write_bytes(b"old")
        each.chmod(mode)
    checkpoint(path).save(theirs)
    assert path.stat().st_mode == theirs.stat().st_mode
    assert path.stat().st_mode & 0o777 == mode


def test_the_mode_of_a_new_file_is_the_one_that_keras_gives(tmp_path):
    before = os.umask(0o027)
    try:
        checkpoint(tmp_path / "m.keras").save(tmp_path / "keras.keras")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {0o640}


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_at_the_path_is_written_through(exists, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "m.keras"
    if exists:
        target.write_bytes(b"old")
    link = tmp_path / "m.keras"
    link.symlink_to(target)
    checkpoint(link)
    assert link.is_symlink()
    keras.models.load_model(target)
    assert [path.name for path in target.parent.iterdir()] == ["m.keras"]


def test_what_is_no_file_is_not_replaced(tmp_path):
    """A pipe, and what a link leads to: it might be a device."""
    path, link = tmp_path / "p.keras", tmp_path / "l.keras"
    os.mkfifo(path)
    link.symlink_to(path)
    for each in (path, link):
        with pytest.raises(OSError, match="no regular file"):
            checkpoint(each)
    assert stat.S_ISFIFO(path.stat().st_mode)
    found = sorted(each.name for each in tmp_path.iterdir())
    assert found == ["l.keras", "p.keras"]


def test_a_long_name_is_written(tmp_path):
    """As long as the system allows, as Keras writes it."""
    path = tmp_path / f"{'n' * 249}.keras"
    checkpoint(path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_the_order_of_write_flush_and_rename(tmp_path, monkeypatch):
    """And what is flushed: the file with all its bytes, then the folder."""
    path, found = tmp_path / "m.keras", []
    fsync, replace = os.fsync, os.replace

    def flush(descriptor):
        state = os.fstat(descriptor)
        is_folder = stat.S_ISDIR(state.st_mode)
        found.append("folder" if is_folder else state.st_size)
        fsync(descriptor)

    def rename(source, target):
        found.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", rename)
    checkpoint(path)
    assert found == [path.stat().st_size, "rename", "folder"]


def test_a_partial_file_that_was_replaced_is_not_renamed(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    path.write_bytes(b"old")
    model = build()

    def save(partial, **kwargs):
        partial.unlink()
        partial.symlink_to("/dev/null")

    monkeypatch.setattr(model, "save", save)
    callback = AtomicCheckpoint(path)
    callback.set_model(model)
    callback.on_epoch_begin(0)
    with pytest.raises(OSError, match="replaced"):
        callback.on_epoch_end(0, {})
    assert path.read_bytes() == b"old"
    assert partials(tmp_path) == []


def test_two_writers_leave_one_whole_file(tmp_path):
    """One begins while the other is in the middle of its file."""
    path = tmp_path / "m.keras"
    first, second = build(), build()
    inner = first.save

    def save(partial, **kwargs):
        data = partial.with_name("whole.keras")
        inner(data, **kwargs)
        half = data.stat().st_size // 2
        with open(partial, "wb") as file:
            file.write(data.read_bytes()[:half])
            file.flush()
            checkpoint(path)
            file.write(data.read_bytes()[half:])
        data.unlink()

    first.save = save
    callback = AtomicCheckpoint(path)
    callback.set_model(first)
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, {})
    again = keras.models.load_model(path)
    for a, b in zip(again.weights, second.weights, strict=True):
        assert a.shape == b.shape
    assert [each.name for each in tmp_path.iterdir()] == ["m.keras"]


def test_remote_paths_are_refused():
    with pytest.raises(ValueError, match="local file system"):
        AtomicCheckpoint("gs://bucket/m.keras")


# Who writes does not matter to the file system.
@pytest.mark.one_backend
def test_a_process_killed_while_it_writes(tmp_path):
    path = tmp_path / "m.weights.h5"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "1\n"
    deadline = time.monotonic() + 60
    while not partials(tmp_path) and time.monotonic() < deadline:
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
