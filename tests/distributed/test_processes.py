"""Processes side by side, with one host thread or two, on one file."""

import json
import os
import subprocess
import sys

import keras
import pytest

import keras_randproj

HERE = keras.backend.backend()
BACKENDS = ("torch", "jax", "tensorflow")

READER = """
import hashlib, json, sys
import keras, numpy as np
import keras_randproj
model = keras.models.load_model(sys.argv[1])
x = np.random.default_rng(1).normal(size=(64, 256)).astype("float32")
y = np.asarray(model.predict(x, verbose=0))
print(json.dumps({
    "digests": [layer.projection.digest() for layer in model.layers],
    "outputs": hashlib.blake2b(y.tobytes()).hexdigest(),
    "sum": float(np.abs(y).sum()),
}))
"""


@pytest.fixture(scope="module")
def model():
    return keras.Sequential(
        [
            keras.Input((256,)),
            keras_randproj.PRPDense(512, "relu", seed=1),
            keras_randproj.PRPDense(64, projection="hadamard", seed=2),
        ]
    )


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("shared") / "model.keras"
    model.save(path)
    return path


def start(path, backend=HERE, threads=1):
    """A process that reads the file, and may use so many host threads."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    return subprocess.Popen(
        [sys.executable, "-c", READER, str(path)],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "OMP_NUM_THREADS": str(threads),
            "XLA_FLAGS": "",
        },
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )


def result(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return json.loads(output.splitlines()[-1])


def test_one_host_thread_and_two_give_the_same_bits(path, model):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core")
    one, two = (result(start(path, threads=n)) for n in (1, 2))
    assert one == two
    expected = [layer.projection.digest() for layer in model.layers]
    assert one["digests"] == expected


def test_two_backends_read_one_file_at_once(path):
    others = [b for b in BACKENDS if b != HERE][:1]
    running = [start(path, backend) for backend in (HERE, *others)]
    here, there = (result(process) for process in running)
    assert here["digests"] == there["digests"]
    assert here["sum"] == pytest.approx(there["sum"], rel=1e-5)
