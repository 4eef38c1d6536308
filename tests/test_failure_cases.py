"""Failure cases that no other file has a test of, and the list of them all."""

import itertools
import json
import re
import zipfile
from pathlib import Path

import archives
import h5py
import keras
import numpy as np
import oracle
import pytest

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPTransformerBlock
from keras_randproj import config
from keras_randproj import projections

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "explain" / "failure_cases.md"
FIXTURES = sorted((ROOT / "tests" / "compat").glob("*/*.keras"))


@pytest.mark.parametrize("family", oracle.TILED)
@pytest.mark.parametrize("start", [2**31 - 3, 2**32 - 3, 2**33 + 5])
def test_indices_beyond_32_bits(family, start):
    span = (start, start + 6)
    rows = projections.entries(family, 7, span, (0, 3))
    cols = projections.entries(family, 7, (0, 3), span)
    np.testing.assert_allclose(
        rows, oracle.block(family, 7, span, (0, 3)), rtol=1e-6
    )
    np.testing.assert_allclose(
        cols, oracle.block(family, 7, (0, 3), span), rtol=1e-6
    )


@pytest.mark.parametrize("family", oracle.TILED)
@pytest.mark.parametrize("devices", [2, 3, 8])
def test_shards_join_to_the_whole(family, devices):
    whole = projections.entries(family, 7, (0, 50), (0, 41))
    for axis, size in ((0, 50), (1, 41)):
        ends = np.linspace(0, size, devices + 1).astype(int).tolist()
        shards = []
        for span in itertools.pairwise(ends):
            spans = [(0, 50), (0, 41)]
            spans[axis] = span
            shards.append(projections.entries(family, 7, *spans))
        np.testing.assert_array_equal(np.concatenate(shards, axis), whole)


def test_a_zero_scale_leaves_the_bias():
    layer = PRPDense(4, seed=1)
    layer.build((None, 6))
    layer.scale.assign(np.zeros(4))
    layer.bias.assign(np.arange(4.0))
    y = keras.ops.convert_to_numpy(layer(np.ones((2, 6), "float32")))
    np.testing.assert_array_equal(y, [np.arange(4.0)] * 2)


@pytest.mark.parametrize("family", oracle.FAMILIES)
def test_outputs_repeat_bit_for_bit(family, rng):
    layer = PRPDense(33, projection=family, seed=1)
    x = rng.normal(size=(17, 65)).astype("float32")
    first, second = (keras.ops.convert_to_numpy(layer(x)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: PRPDense(4, depth=1025, seed=1),
        lambda: EUGenDense(4, 2, order=1025, seed=1),
        lambda: EUGenDense(4, 2, order=50, share_projections=False, seed=1),
    ],
)
def test_thousands_of_matrices_are_refused(layer):
    with pytest.raises(ValueError, match="more matrices than the limit"):
        layer().build((None, 6))


@pytest.mark.parametrize(
    "layer",
    [
        lambda: EUGenDense(2**20, 2**10, seed=1),
        lambda: PRPTransformerBlock(2, 2**20, feed_forward="dense"),
        lambda: PRPTransformerBlock(2, 4, attention="dense", key_dim=2**20),
    ],
)
def test_huge_dense_parts_are_refused(layer, monkeypatch):
    monkeypatch.setattr(config, "_max_elements", 2**21)
    with pytest.raises(ValueError, match="more than the limit"):
        layer().build((None, 3, 6))


@pytest.mark.parametrize("key", ["projection/vars/seed", "vars/alpha"])
def test_an_array_that_stores_nothing_is_refused(key, tmp_path):
    """Before it is read: two gigabytes of nothing in a small file."""
    path = tmp_path / "m.weights.h5"
    model = keras.Sequential([keras.Input((6,)), PRPDense(4, seed=1)])
    model.save_weights(path)
    (name,) = [n for n in archives.datasets(path) if n.endswith(key)]
    with h5py.File(path, "a") as file:
        dtype = file[name].dtype
        del file[name]
        file.create_dataset(name, (2**28,), dtype, chunks=(2**16,))
    assert path.stat().st_size < 2**16
    with pytest.raises(ValueError, match=r"declares \d+ bytes and stores"):
        model.load_weights(path)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_configurations_name_no_code(path):
    with zipfile.ZipFile(path) as archive:
        text = archive.read("config.json").decode()

    def check(part):
        if isinstance(part, dict):
            assert part.get("module") is None or part["module"].startswith(
                ("keras", "builtins")
            )
            assert part.get("class_name") not in ("Lambda", "__lambda__")
            part = list(part.values())
        if isinstance(part, list):
            for item in part:
                check(item)

    check(json.loads(text))


def test_the_page_names_tests_that_exist():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text())
    assert len(named) > 40
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(), (path, name)
