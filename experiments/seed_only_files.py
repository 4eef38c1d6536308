"""Sizes of files, files opened on other backends, and two clients, on MNIST.

    KERAS_BACKEND=jax python experiments/seed_only_files.py

A run that was stopped goes on where it was; delete
experiments/results/seed_only_files.json to start over.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from experiments.resumable import Results
from keras_randproj import PRPDense
from keras_randproj import report
from keras_randproj.demo import tutorial

ROUNDS = 1 if tutorial.FAST else 3
FOLDER = Path(tempfile.mkdtemp())


def model(features, kind, seed=0):
    keras.utils.set_random_seed(seed)
    if kind == "Dense":
        hidden = keras.layers.Dense(512, "relu")
    else:
        hidden = PRPDense(512, "relu", projection=kind, depth=3, seed=7)
    net = keras.Sequential(
        [keras.Input((features,)), hidden, keras.layers.Dense(10)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = 1e-3 if kind == "Dense" else 3e-3
    net.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return net


def size(features, kind):
    net = model(features, kind)
    path = FOLDER / f"{kind}.keras"
    keras.Sequential([keras.Input((features,)), *net.layers]).save(path)
    total = report.summary(net)[-1]
    return {
        "trainable": total.trainable,
        "array_bytes": total.file,
        "file_bytes": path.stat().st_size,
        "projections": len(report.verify(path)),
    }


def verified(path):
    return all(verdict.ok for verdict in report.verify(path))


def tampered(path):
    """The same file with another seed in it."""
    import io
    import zipfile

    import h5py

    other = path.with_name("tampered.keras")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w") as sink:
        for name in source.namelist():
            content = source.read(name)
            if name == "model.weights.h5":
                buffer = io.BytesIO(content)
                with h5py.File(buffer, "a") as file:
                    file.visititems(_change_seed)
                content = buffer.getvalue()
            sink.writestr(name, content)
    return other


def _change_seed(name, item):
    if name.endswith("projection/vars/seed"):
        item[()] = item[()] ^ np.uint64(1)


READER = """
import sys, keras, numpy as np
import keras_randproj
model = keras.saving.load_model(sys.argv[1])
np.save(sys.argv[3], model.predict(np.load(sys.argv[2]), verbose=0))
"""


def opened(backend, path, x, expected):
    rows, outputs = FOLDER / "x.npy", FOLDER / f"{backend}.npy"
    np.save(rows, x)
    subprocess.run(
        [sys.executable, "-c", READER, path, rows, outputs],
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
    )
    found = np.load(outputs)
    return {"largest_difference": float(np.abs(found - expected).max())}


def federated(data, kind):
    (x, y), test = data
    server = model(x.shape[1], kind)
    clients = [model(x.shape[1], kind, seed=k) for k in (1, 2)]
    sent = 0
    for _ in range(ROUNDS):
        common = _values(server)
        received = []
        for k, client in enumerate(clients):
            _assign(client, common)
            half = slice(k, None, 2)
            client.fit(x[half], y[half], 128, 1, verbose=1)
            received.append(_values(client))
            sent += sum(value.nbytes for value in (*common, *received[-1]))
        _assign(server, [np.mean(v, 0) for v in zip(*received, strict=True)])
    _, accuracy = server.evaluate(*test, batch_size=1000, verbose=0)
    return {"accuracy": accuracy, "bytes_sent": sent}


def _values(net):
    return [keras.ops.convert_to_numpy(w) for w in net.trainable_weights]


def _assign(net, values):
    for weight, value in zip(net.trainable_weights, values, strict=True):
        weight.assign(value)


def main():
    results = Results(
        "seed_only_files",
        rounds=ROUNDS,
        clients=2,
    )
    data = tutorial.load("mnist")
    x_test = data[1][0][:256]
    features = x_test.shape[1]
    for kind in ("Dense", "gaussian", "hadamard"):
        results.row(
            lambda k=kind: size(features, k), question="size", model=kind
        )

    net = model(features, "hadamard")
    path = FOLDER / "checked.keras"
    net.save(path)
    print("verified:", verified(path), "tampered:", verified(tampered(path)))
    expected = net.predict(x_test, verbose=0)
    for backend in ("jax", "torch", "tensorflow"):
        if importlib.util.find_spec(backend) and not tutorial.FAST:
            results.row(
                lambda b=backend: opened(b, path, x_test, expected),
                question="opened on",
                model=backend,
            )
    for kind in ("Dense", "hadamard"):
        results.row(
            lambda k=kind: federated(data, k), question="federated", model=kind
        )
    print(json.dumps(results.rows[-1]))


if __name__ == "__main__":
    main()
