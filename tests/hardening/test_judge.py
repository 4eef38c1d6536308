"""The judge of damaged files sees what it is there to see."""

import json
import os
import sys
import tempfile
from pathlib import Path

import archives
import keras
import numpy as np
import pytest

from keras_randproj import matrices
from keras_randproj import projections

from . import judge
from . import models
from . import sentinel
from .mutations import archive
from .mutations.config import TRAP
from .outcomes import CONFIGURATION
from .outcomes import EXECUTED
from .outcomes import IDENTICAL
from .outcomes import MEMORY
from .outcomes import NUMBERS
from .outcomes import REFUSED
from .outcomes import SILENT
from .outcomes import UNCLEAN

MEGABYTE = 2**20


@pytest.fixture
def court(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # It patches every layer there is, for good.
    monkeypatch.setattr(sentinel, "record_failures", lambda found: None)
    return judge.Judge(tmp_path, 512 * MEGABYTE)


@pytest.fixture
def target(tmp_path):
    return lambda kind: judge.Target("prp_gaussian", kind, tmp_path)


def with_layer(target, cls):
    """The target's configuration with another class for its layer."""
    config = json.loads(target.data)
    config["config"]["layers"][1].update(
        module=cls.__module__,
        class_name=cls.__name__,
        registered_name=f"tests>{cls.__name__}",
    )
    return json.dumps(config).encode()


@pytest.mark.parametrize("kind", ["keras", "weights", "shards", "config"])
def test_an_intact_file(kind, court, target):
    whole = target(kind)
    assert court.judge(whole, whole.data) == (IDENTICAL, "")


def test_a_truncated_file(court, target):
    weights = target("weights")
    assert court.judge(weights, weights.data[:5000])[0] == REFUSED


def test_a_shard_that_is_missing_or_anothers(court, target):
    whole = target("shards")
    parts = archive.members(whole.data)
    first, second = (f"m_0000{k}.weights.h5" for k in range(2))
    for damaged in (
        {**parts, second: parts[first]},
        {**parts, first: parts[first][:-1]},
        {name: parts[name] for name in parts if name != second},
    ):
        data = archive.pack(damaged)
        assert court.judge(whole, data)[0] == REFUSED
    assert court.judge(whole, whole.data) == (IDENTICAL, "")


def test_other_numbers(court, target, tmp_path):
    path = tmp_path / "other.weights.h5"
    weights = target("weights")
    path.write_bytes(weights.data)
    archives.tamper(path, "vars/scale", lambda v: v * np.float32(2))
    assert court.judge(weights, path.read_bytes())[0] == NUMBERS


def test_another_configuration(court, target):
    config = target("config")
    data = config.data.replace(b'"use_bias": true', b'"use_bias": false')
    assert court.judge(config, data)[0] == CONFIGURATION


def test_a_matrix_of_another_seed(court, target, tmp_path):
    """A record that is right in itself, and not the file's."""
    path = tmp_path / "other.weights.h5"
    weights = target("weights")
    path.write_bytes(weights.data)
    digest = matrices.Gaussian().digest(8, (models.FEATURES, 4))
    code = np.frombuffer(bytes.fromhex(digest), "uint8")
    archives.tamper(path, "projection/vars/seed", lambda v: np.uint64(8))
    archives.tamper(path, "projection/vars/digest", lambda v: code)
    assert court.judge(weights, path.read_bytes())[0] == SILENT


def test_a_matrix_that_is_not_the_seeds(court, target, monkeypatch):
    def load(self, store):
        self.matrix.assign(keras.ops.ones(self.matrix.shape))

    weights = target("weights")
    monkeypatch.setattr(projections.Gaussian, "load_own_variables", load)
    assert court.judge(weights, weights.data)[0] == SILENT


def test_a_large_allocation(court, target):
    @keras.saving.register_keras_serializable("tests")
    class Greedy(keras.layers.Layer):
        @classmethod
        def from_config(cls, config):
            return np.ones(2**28)

    config = target("config")
    assert court.judge(config, with_layer(config, Greedy))[0] == MEMORY


def act_system():
    os.system("true")


def act_import():
    __import__(TRAP)


def act_write():
    (Path(__file__).parent / "conftest.py").open("a").close()


@pytest.mark.parametrize("act", [act_system, act_import, act_write])
def test_executed_code(act, court, target):
    @keras.saving.register_keras_serializable("tests")
    class Actor(keras.layers.Layer):
        @classmethod
        def from_config(cls, config):
            act()
            return cls()

    config = target("config")
    outcome, said = court.judge(config, with_layer(config, Actor))
    assert outcome == EXECUTED, said
    sys.modules.pop(TRAP, None)


def test_our_own_exceptions_are_of_two_kinds(court, target, monkeypatch):
    @keras.saving.register_keras_serializable("tests")
    class Careless(keras.layers.Layer):
        @classmethod
        def from_config(cls, config):
            return 1 / 0

    config = target("config")
    data = with_layer(config, Careless)
    monkeypatch.setattr(judge, "PACKAGE", str(Path(__file__).parent))
    assert court.judge(config, data)[0] == UNCLEAN
