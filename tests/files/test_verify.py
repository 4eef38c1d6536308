"""`verify`: files are checked without building their models."""

import h5py
import keras
import numpy as np
import pytest

import keras_randproj
from keras_randproj import PRPDense
from keras_randproj.files.verify import text
from keras_randproj.report import verify

FAMILIES = [
    "gaussian",
    "rademacher",
    "sparse_ternary",
    "orthogonal",
    "hadamard",
]


@pytest.fixture
def weights(tmp_path):
    """A `.weights.h5` file with one layer, gaussian 12 x 5, seed 3."""
    path = tmp_path / "m.weights.h5"
    keras.Sequential([keras.Input((12,)), PRPDense(5, seed=3)]).save_weights(
        path
    )
    return path


def edit(path, change):
    """Applies `change` to the group of the file that holds the record."""
    with h5py.File(path, "r+") as file:
        found = []
        file.visititems(
            lambda name, item: (
                found.append(item)
                if isinstance(item, h5py.Group) and "digest" in item
                else None
            )
        )
        change(found[0])


def put(name, value):
    def change(group):
        del group[name]
        group[name] = value

    return change


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_an_intact_file_passes(tmp_path, family, name):
    path = tmp_path / name
    model = keras.Sequential(
        [keras.Input((12,)), PRPDense(20, projection=family, depth=2, seed=3)]
    )
    model.save(path) if name == "m.keras" else model.save_weights(path)
    verdicts = verify(path)
    assert [v.ok for v in verdicts] == [True, True]
    assert {v.record.family for v in verdicts} == {family}
    projections = model.layers[0].projections
    assert {v.record.digest for v in verdicts} == {
        p.digest() for p in projections
    }


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("digest", np.zeros(16, "uint8"), "gives the digest"),
        ("seed", np.array(4, "uint64"), "gives the digest"),
        ("contract_version", np.array(2, "int32"), "version 2"),
        ("family", np.frombuffer(b"no_such", "uint8"), "no_such"),
        ("options", np.frombuffer(b"{", "uint8"), "options"),
        ("options", np.frombuffer(b'{"x": 1}', "uint8"), "x"),
        ("seed", np.array(0.5), "seed"),
        ("shape", np.array([0, 5], "int64"), "shape"),
        ("shape", np.array([2**30, 2**30], "int64"), "limit"),
        ("digest", np.zeros(10**6, "uint8"), "digest"),
    ],
)
def test_an_altered_file_fails(weights, name, value, said):
    edit(weights, put(name, value))
    (verdict,) = verify(weights)
    assert not verdict.ok
    assert said in verdict.problem
    assert "FAILED" in text([verdict])


@pytest.mark.parametrize("name", ["digest", "seed", "family", "shape"])
def test_a_missing_part_fails(weights, name):
    edit(weights, lambda group: group.pop(name))
    (verdict,) = verify(weights)
    assert name in verdict.problem


def test_links_out_of_the_file_are_refused(weights):
    def link(group):
        group["elsewhere"] = h5py.ExternalLink("/etc/hostname", "/")

    edit(weights, link)
    with pytest.raises(ValueError, match="ExternalLink"):
        verify(weights)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x.keras"
    path.write_text("no model")
    with pytest.raises(ValueError, match=r"`\.keras`"):
        verify(path)


def test_a_model_without_projections_has_no_verdicts(tmp_path):
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(path)
    assert verify(path) == []
    assert "no seeded projection" in text([])


def test_the_limit_can_be_raised(weights):
    keras_randproj.config.set_max_elements(59)
    try:
        assert not verify(weights)[0].ok
        keras_randproj.config.set_max_elements(60)
        assert verify(weights)[0].ok
    finally:
        keras_randproj.config.set_max_elements(None)
