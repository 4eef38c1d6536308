"""A few rounds on one backend, and what each kind of mismatch takes."""

import archives
import numpy as np
import pytest

from keras_randproj import matrices
from keras_randproj import projections

from . import round_steps

MODEL = {
    "shape": "stack",
    "input": [6],
    "layers": [{"kind": "PRPDense", "options": {"units": 4}}],
}


def written(folder, model=MODEL, name="m.weights.h5"):
    """Path and digests of a file."""
    path = str(folder / name)
    return path, round_steps.write(path, model, 1)["digests"]


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
@pytest.mark.parametrize("number", [2, 3])
def test_rounds_without_a_mismatch(number, name, tmp_path):
    model = round_steps.describe(number)
    path, digests = written(tmp_path, model, name)
    assert round_steps.check(path, digests)
    found = round_steps.read(path, model, 2, digests)
    assert found["mismatches"] == []
    assert found["difference"] == 0


def other_seed(path):
    digest = matrices.Gaussian().digest(5, (6, 4))
    archives.tamper(path, "projection/vars/seed", lambda _: np.uint64(5))
    archives.tamper(
        path,
        "projection/vars/digest",
        lambda _: np.frombuffer(bytes.fromhex(digest), "uint8"),
    )


def other_digest(path):
    archives.tamper(path, "projection/vars/digest", lambda old: old ^ 1)


def last_bit(path):
    def flip(old):
        return (old.view("uint32") ^ 1).view("float32")

    archives.tamper(path, "vars/alpha", flip)


def larger(path):
    archives.tamper(path, "vars/bias", lambda old: old + 1)


@pytest.mark.parametrize(
    ("damage", "sound", "kinds"),
    [
        (other_digest, False, ["load"]),
        (other_seed, False, ["digests", "outputs"]),
        (last_bit, True, ["weights"]),
        (larger, True, ["weights", "outputs"]),
    ],
)
def test_damage_is_counted(damage, sound, kinds, tmp_path):
    path, digests = written(tmp_path)
    damage(path)
    assert round_steps.check(path, digests) == sound
    found = round_steps.read(path, MODEL, 2, digests)
    assert found["mismatches"] == kinds


def test_a_matrix_of_another_seed_is_counted(tmp_path, monkeypatch):
    """The seed is the file's, the weight is not regenerated."""
    path, digests = written(tmp_path)
    monkeypatch.setattr(
        projections.HeldMatrix,
        "set_seed",
        lambda held, seed, owner: setattr(held, "seed", seed),
    )
    found = round_steps.read(path, MODEL, 2, digests)
    assert found["mismatches"] == ["matrices", "outputs"]
