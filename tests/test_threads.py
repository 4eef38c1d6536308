"""Threads and forked or spawned workers, beside a model."""

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from workers import Samples
from workers import block
from workers import projected

import keras_randproj

BACKEND = keras.backend.backend()


def make(seed):
    return keras.Sequential(
        [
            keras.Input((16,)),
            keras_randproj.PRPDense(32, "relu", seed=seed),
            keras_randproj.PRPDense(8, projection="hadamard", seed=seed),
        ]
    )


def digests(model):
    return [layer.projection.digest() for layer in model.layers]


def test_two_threads_build_and_load_models_at_once(tmp_path, rng):
    x = rng.normal(size=(4, 16)).astype("float32")
    expected = {}
    for seed in range(2):
        model = make(seed)
        model.save(tmp_path / f"{seed}.keras")
        expected[seed] = digests(model), np.asarray(model.predict(x, verbose=0))

    def load(seed):
        found = []
        for _ in range(5):
            assert digests(make(seed)) == expected[seed][0]
            model = keras.models.load_model(tmp_path / f"{seed}.keras")
            y = keras.ops.convert_to_numpy(model(x))
            found.append((digests(model), y))
        return found

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(load, range(2)))
    for seed, found in enumerate(results):
        for digest, y in found:
            assert digest == expected[seed][0]
            np.testing.assert_allclose(y, expected[seed][1], atol=1e-5)
    assert expected[0][0] != expected[1][0]


def test_entries_do_not_depend_on_the_number_of_threads(monkeypatch):
    found = set()
    for threads in (1, 2, 3):
        monkeypatch.setattr(os, "cpu_count", lambda n=threads: n)
        found.add(block(7))
    assert len(found) == 1
    assert block(8) not in found


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_make_the_same_entries(method):
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool:
        assert pool.map_async(block, [7]).get(timeout=300) == [block(7)]


class Rows(keras.utils.PyDataset):
    """Batches that worker processes project themselves."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        x = np.eye(16, dtype="float32")[4 * index : 4 * index + 4]
        return x, projected(x)


def test_a_model_is_fitted_by_a_forked_dataset():
    model = keras.Sequential(
        [keras.Input((16,)), keras_randproj.PRPDense(8, seed=7)]
    )
    model.compile("sgd", "mse")
    before = digests(model)
    dataset = Rows(workers=2, use_multiprocessing=True)
    loss = model.fit(dataset, verbose=0, shuffle=False).history["loss"][0]
    assert digests(model) == before
    assert loss < 1.0


@pytest.mark.skipif(BACKEND != "torch", reason="a torch DataLoader")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_a_torch_loader(method):
    import torch

    loader = torch.utils.data.DataLoader(
        Samples(),
        batch_size=4,
        num_workers=1,
        multiprocessing_context=method,
        persistent_workers=True,
    )
    model = keras.Sequential(
        [keras.Input((16,)), keras_randproj.PRPDense(8, seed=7)]
    )
    model.compile("sgd", "mse")
    model.fit(loader, verbose=0)
    y = np.concatenate([y.numpy() for _, y in loader])
    np.testing.assert_array_equal(y, projected(np.eye(16, dtype="float32")))
