"""`verify`: files are checked without building their models."""

import io
import zipfile

import archives
import h5py
import keras
import numpy as np
import pytest

from keras_randproj import PRPDense
from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.files import NotCheckedError
from keras_randproj.files import source
from keras_randproj.files import verify
from keras_randproj.files.summary import status
from keras_randproj.files.summary import text

pytestmark = pytest.mark.one_backend

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
        ("contract_version", np.array(0, "int32"), "version 0"),
        ("options", np.frombuffer(b"{", "uint8"), "options"),
        ("options", np.frombuffer(b'{"x": 1}', "uint8"), "x"),
        ("seed", np.array(0.5), "seed"),
        ("shape", np.array([0, 5], "int64"), "shape"),
        ("digest", np.zeros(10**6, "uint8"), "digest"),
    ],
)
def test_an_altered_file_fails(weights, name, value, said):
    edit(weights, put(name, value))
    (verdict,) = verify(weights)
    assert not verdict.ok
    assert said in verdict.problem


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("contract_version", np.array(2, "int32"), "version 2"),
        ("family", np.frombuffer(b"no_such", "uint8"), "no_such"),
        ("shape", np.array([2**30, 2**30], "int64"), "too large to check"),
    ],
)
def test_what_cannot_be_checked_is_said_to_be_so(weights, name, value, said):
    edit(weights, put(name, value))
    (verdict,) = verify(weights)
    assert not verdict.ok
    assert not verdict.checked
    assert said in verdict.problem
    assert text([verdict]).startswith("NOT CHECKED: layers/")
    assert status([verdict]) == 2


@pytest.mark.parametrize("name", ["digest", "seed", "family", "shape"])
def test_a_missing_part_fails(weights, name):
    edit(weights, lambda group: group.pop(name))
    (verdict,) = verify(weights)
    assert name in verdict.problem


def test_links_out_of_the_file_are_refused(weights):
    def link(group):
        group["elsewhere"] = h5py.ExternalLink("/etc/hostname", "/")

    edit(weights, link)
    with pytest.raises(ValueError, match="must not link"):
        verify(weights)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x.keras"
    path.write_text("no model")
    with pytest.raises(ValueError, match="must be an archive"):
        verify(path)
    with pytest.raises(ValueError, match=r"`\.keras`, `\.weights\.h5` or"):
        verify(tmp_path / "x.npz")


def test_a_damaged_member_of_an_archive_gives_a_reason(tmp_path):
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((4,)), PRPDense(2, seed=3)]).save(path)
    data = path.read_bytes()
    at = data.index(b"gaussian", data.index(b"\x89HDF"))
    path.write_bytes(data[:at] + b"G" + data[at + 1 :])
    with pytest.raises(ValueError, match="Bad CRC-32"):
        verify(path)


def test_weights_may_be_compressed_a_hundred_times(tmp_path):
    """Keras compresses nothing; who does so is no enemy."""
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((12,)), PRPDense(5, seed=3)]).save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        file["beside"] = np.random.default_rng(1).integers(0, 2, 2**21, "u1")
    members["model.weights.h5"] = weights.getvalue()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert path.stat().st_size < 2**20
    assert [v.ok for v in verify(path)] == [True]


@pytest.mark.parametrize(("version", "at"), [(0, 40), (1, 44), (2, 28)])
def test_an_hdf5_file_ends_where_it_says(version, at, tmp_path):
    """By its version: the rest of such a file is damaged, or follows it."""
    path = tmp_path / "m.weights.h5"
    head = bytearray(b"\x89HDF\r\n\x1a\n".ljust(64, b"\1"))
    head[8], head[13 if version < 2 else 9] = version, 8
    for size, said in ((64, "damaged HDF5"), (63, "nothing after it")):
        head[at : at + 8] = size.to_bytes(8, "little")
        path.write_bytes(head)
        with pytest.raises(ValueError, match=said):
            verify(path)


@pytest.mark.parametrize("shape", [(1, 1), (1, 999), (999, 1), (100, 70)])
def test_whole_tiles_are_counted(shape):
    """Four rows and two columns of gaussian entries come from one call."""
    rows, cols = (-(-n // k) * k for n, k in zip(shape, (4, 2), strict=True))
    assert matrices.get("gaussian").digest_cost(shape) == rows * cols


def test_what_is_made_by_itself_counts_by_itself():
    """A group of a count sketch takes time, however few its rows are."""
    sketch = matrices.get("count_sketch")
    assert sketch.digest_cost((2**18, 1)) > 2**27
    assert sketch.digest_cost((2**18, 2**18)) < 2**23


def test_a_model_without_projections_has_no_verdicts(tmp_path):
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(path)
    assert verify(path) == []
    assert "no recipe" in text([])
    assert status([]) == 3


def test_the_limit_can_be_raised(weights):
    assert not verify(weights, max_elements=2**14 - 1)[0].checked
    assert verify(weights, max_elements=2**14)[0].ok
    size = weights.stat().st_size
    with pytest.raises(NotCheckedError, match="too large"):
        verify(weights, max_bytes=size - 1)
    assert verify(weights, max_bytes=size)[0].ok


def test_a_recipe_is_counted_once(tmp_path):
    """However many layers have it."""
    path = tmp_path / "m.weights.h5"
    layers = [PRPDense(128, seed=seed) for seed in (1, 1, 1, 2)]
    keras.Sequential([keras.Input((128,)), *layers]).save_weights(path)
    assert [v.ok for v in verify(path, max_elements=2**15)] == [True] * 4
    verdicts = verify(path, max_elements=2**15 - 1)
    assert [v.checked for v in verdicts] == [True, True, True, False]


def test_the_worst_gives_the_status(weights):
    (right,) = verify(weights)
    edit(weights, put("contract_version", np.array(2, "int32")))
    (unknown,) = verify(weights)
    edit(weights, put("contract_version", np.array(0.5)))
    (wrong,) = verify(weights)
    assert status([right]) == 0
    assert status([right, unknown, right]) == 2
    assert status([wrong, unknown, right]) == status([right, wrong]) == 1
    assert "Not checked: learned parameters" in text([right])


def test_the_number_of_shards_is_bounded(tmp_path, monkeypatch):
    path = tmp_path / "m.weights.json"
    layers = [PRPDense(12, seed=seed) for seed in (1, 2, 3)]
    model = keras.Sequential([keras.Input((12,)), *layers])
    model.save_weights(path, max_shard_size=600 / 6 / 2**30)
    count = len(list(tmp_path.glob("*.h5")))
    monkeypatch.setattr(source, "MAX_SHARDS", count)
    assert len(verify(path)) == 3
    monkeypatch.setattr(source, "MAX_SHARDS", count - 1)
    with pytest.raises(NotCheckedError, match=f"names {count} shards"):
        verify(path)


@pytest.mark.parametrize("count", [1, 2, 6])
def test_sharded_weights(tmp_path, count):
    """A recipe that two shards hold parts of, too."""
    path = tmp_path / "m.weights.json"
    layers = [PRPDense(12, seed=seed) for seed in (1, 2, 3)]
    model = keras.Sequential([keras.Input((12,)), *layers])
    model.save_weights(path, max_shard_size=600 / count / 2**30)
    assert len(list(tmp_path.glob("*.h5"))) >= count
    verdicts = verify(path)
    assert {v.record.seed for v in verdicts if v.ok} == {1, 2, 3}
    assert len(verdicts) == 3
    for shard in tmp_path.glob("*.h5"):
        with h5py.File(shard, "r+") as file:
            names = []
            file.visit(names.append)
            for name in names:
                if name.endswith("projection/vars/digest"):
                    file[name][0] ^= 1
    assert [v.ok for v in verify(path)] == [False] * 3
    with pytest.raises(ValueError, match="digest"):
        model.load_weights(path)


def test_layers_that_share_a_matrix_must_agree(tmp_path):
    """In the weights of a `.keras` file, and in its configuration."""
    path = tmp_path / "m.keras"
    first = PRPDense(12, seed=1)
    inputs = keras.Input((12,))
    hidden = first(inputs)
    second = PRPDense(12, projection=first.projection)
    keras.Model(inputs, PRPDense(12, seed=2)(second(hidden))).save(path)
    verdicts = verify(path)
    assert status(verdicts) == 0
    assert sorted(v.record.seed for v in verdicts) == [1, 1, 2]
    found = []

    def change(group):
        if not found and int(group["seed"][()]) == 1:
            found.append(group.name)
            put("seed", np.array(3, "uint64"))(group)
            digest = bytes.fromhex(matrices.get("gaussian").digest(3, (12, 12)))
            put("digest", np.frombuffer(digest, "uint8"))(group)

    archives.edit_weights(path, change)
    verdicts = verify(path)
    assert status(verdicts) == 1
    assert "share" in verdicts[-1].problem
    assert [v.ok for v in verdicts] == [True] * 3 + [False]
    with pytest.raises(ValueError, match="share"):
        keras.models.load_model(path)


def test_layers_may_share_a_matrix_with_options(tmp_path):
    path = tmp_path / "m.keras"
    shared = projections.SparseTernary(12, density=0.25, seed=1)
    layers = [PRPDense(12, projection=shared) for _ in range(2)]
    keras.Sequential([keras.Input((12,)), *layers]).save(path)
    assert status(verify(path)) == 0


def test_a_family_of_ones_own_names_its_options(weights):
    """What a file gives as options reaches no other constructor."""

    class Scaled(matrices.Gaussian):
        name = "test_scaled"
        option_types = {"times": int}

        def __init__(self, times=1):
            self.times = times

        def options(self):
            return {"times": self.times}

    matrices.register(Scaled)
    made = matrices.from_options("test_scaled", {"times": 2})
    assert made == Scaled(2)
    for options in ({}, {"times": 2.0}, {"times": True}, {"times": 1, "x": 1}):
        with pytest.raises(ValueError, match="has the options"):
            matrices.from_options("test_scaled", options)
    with pytest.raises(ValueError, match="must name a family"):
        matrices.from_options("no_such", {})


def test_an_adapter_that_cannot_be_opened_gives_a_reason(tmp_path):
    folder = tmp_path / "folder.safetensors"
    folder.mkdir()
    for path in (tmp_path / "none.safetensors", folder):
        with pytest.raises(ValueError, match=r"cannot be read|regular file"):
            verify(path)


@pytest.mark.parametrize(("at", "value"), [(8, 9), (13, 4)])
def test_another_superblock_is_refused(at, value, weights):
    """Of an unknown version, or with addresses of four bytes."""
    data = bytearray(weights.read_bytes())
    assert data[8] == 0
    assert data[13] == 8
    data[at] = value
    weights.write_bytes(data)
    with pytest.raises(ValueError, match="addresses of 8 bytes"):
        verify(weights)


def test_an_archive_without_its_weights_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match=r"lacks \['model.weights.h5'\]"):
        verify(tmp_path / "m.keras")
