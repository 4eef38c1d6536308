"""What a file may make the loading of a model do."""

import shutil
import time

import archives
import h5py
import keras
import numpy as np
import pytest

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import _keras
from keras_randproj import config
from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.files import check_sizes
from keras_randproj.files import records_behind
from keras_randproj.files.hdf5 import walk


def build(seed=3):
    layers = [PRPDense(6, seed=seed), PRPDense(6, seed=seed + 1)]
    return keras.Sequential([keras.Input((6,)), *layers])


def edit(path, change, group="layers/prp_dense/vars"):
    """Applies `change` to a group of the file."""
    with h5py.File(path, "r+") as file:
        change(file[group])


def outside(path, name="alpha"):
    """Ways to have the bytes of another place in an array."""

    def external(group):
        del group[name]
        group.create_dataset(name, (6,), "f4", external=[(str(path), 0, 24)])

    def virtual(group):
        layout = h5py.VirtualLayout((6,), "f4")
        layout[:] = h5py.VirtualSource(str(path), "alpha", (6,))
        del group[name]
        group.create_virtual_dataset(name, layout)

    def link(group):
        del group[name]
        group[name] = h5py.ExternalLink(str(path), "/alpha")

    def soft(group):
        del group[name]
        group[name] = h5py.SoftLink("/layers")

    def variable(group):
        del group[name]
        kind = h5py.vlen_dtype(np.dtype("f4"))
        group.create_dataset(name, (6,), kind)

    def unlimited(group):
        """As long as its source, where HDF5 looks when asked for a shape."""
        space = h5py.h5s.create_simple((1,), (h5py.h5s.UNLIMITED,))
        space.select_hyperslab((0,), (h5py.h5s.UNLIMITED,), (1,), (1,))
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_virtual(space, str(path).encode(), b"alpha", space)
        del group[name]
        kind = h5py.h5t.IEEE_F32LE
        h5py.h5d.create(group.id, name.encode(), kind, space, properties)

    return external, virtual, link, soft, variable, unlimited


@pytest.mark.parametrize("which", range(6))
def test_other_files_are_not_read_and_nothing_is_assigned(which, tmp_path):
    """Keras's own layers refuse them too: see the next test."""
    path = tmp_path / "m.weights.h5"
    build().save_weights(path)
    edit(path, outside(tmp_path / "secret")[which])
    model = build(seed=9)
    before = [np.array(w) for w in model.get_weights()]
    with pytest.raises(ValueError, match=r"another file|must not link|a type"):
        model.load_weights(path)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert [layer.seed for layer in model.layers] == [9, 10]


@pytest.mark.one_backend
@pytest.mark.parametrize("which", range(5))
def test_dense_refuses_them_once_it_has_assigned_its_kernel(which, tmp_path):
    """`keras.layers.Dense`, whose bias lies elsewhere."""
    path = tmp_path / "m.weights.h5"
    models = [
        keras.Sequential([keras.Input((6,)), keras.layers.Dense(6)])
        for _ in range(2)
    ]
    models[0].save_weights(path)
    edit(path, outside(tmp_path / "secret", "1")[which], "layers/dense/vars")
    with pytest.raises(ValueError, match="could not be loaded"):
        models[1].load_weights(path)
    kernels = [model.get_weights()[0] for model in models]
    np.testing.assert_array_equal(*kernels)


def recipe_of(seed):
    """A change of a recipe, digest and all, to that of another seed."""

    def change(group):
        shape = tuple(group["shape"])
        digest = matrices.Gaussian().digest(seed, shape)
        for name in ("seed", "digest"):
            del group[name]
        group["seed"] = np.uint64(seed)
        group["digest"] = np.frombuffer(bytes.fromhex(digest), "uint8")

    return change


@pytest.mark.parametrize("kind", ["as it is", "other recipe", "other config"])
def test_a_file_that_names_a_model_in_memory_leaves_it_alone(kind, tmp_path):
    """By its seed, by its layers' names, and by Keras's number of a matrix."""
    shared = projections.Gaussian(6, seed=3)
    layers = [PRPDense(6, projection=shared, name=name) for name in "ab"]
    dense = keras.layers.Dense(2, name="dense")
    here = keras.Sequential([keras.Input((6,)), *layers, dense], name="m")
    path = tmp_path / "m.keras"
    here.save(path)
    number = id(layers[0].projection.held)
    if kind == "other recipe":
        archives.edit_weights(path, recipe_of(77))
    if kind == "other config":

        def change(text):
            assert str(number) in text
            return text.replace('"seed": 3', '"seed": 77')

        archives.edit_config(path, change)
        archives.edit_weights(path, recipe_of(77))
    before = [np.array(w) for w in here.get_weights()]
    digests = [layer.projection.digest() for layer in layers]
    there = keras.models.load_model(path)
    for weight in there.trainable_weights:
        weight.assign(weight + 1.0)
    there.layers[0].projection.set_seed(78)
    assert there.layers[1].seed == 78
    assert [layer.seed for layer in layers] == [3, 3]
    assert [layer.projection.digest() for layer in layers] == digests
    for a, b in zip(here.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_skipping_a_mismatch_skips_a_layer_whose_digest_is_wrong(tmp_path):
    """`keras.layers.Dense` beside it is loaded."""

    def model(seed):
        layers = [PRPDense(6, seed=seed), keras.layers.Dense(6)]
        return keras.Sequential([keras.Input((6,)), *layers])

    saved, target = model(3), model(9)
    path = tmp_path / "w.weights.h5"
    for weight in saved.trainable_weights:
        weight.assign(weight + 1.0)
    saved.save_weights(path)
    archives.tamper(path, "projection/vars/seed", lambda seed: seed + 1)
    before = [np.array(w) for w in target.layers[0].get_weights()]
    with pytest.warns(UserWarning, match="could not be loaded"):
        target.load_weights(path, skip_mismatch=True)
    assert target.layers[0].seed == 9
    target.layers[0].projection.check_weights()
    for a, b in zip(target.layers[0].get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    dense = [each.layers[1].get_weights() for each in (saved, target)]
    for a, b in zip(*dense, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_deep_chain_of_groups_is_not_followed(tmp_path):
    """Three hundred take as long as thirty thousand: they are not visited."""
    path = tmp_path / "m.weights.h5"
    build().save_weights(path)
    with h5py.File(path, "r+") as file:
        group = file.create_group("deep")
        for _ in range(30):
            group = group.create_group("/".join("aaaaaaaaaa"))
    start = time.perf_counter()
    with pytest.raises(ValueError, match="deep"):
        build().load_weights(path)
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("chunks", [None, (2**10,)])
def test_a_mebibyte_may_be_declared(chunks, tmp_path):
    """And nothing stored; all arrays in chunks of a file together."""
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("0", (2**18,), "f4", chunks=chunks)
        groups = list(walk([file]))
        assert groups[0].arrays["0"].shape == (2**18,)
        more = 1 if chunks else 2**18 + 1
        file.create_dataset("1", (more,), "f4", chunks=chunks and (1,))
        with pytest.raises(ValueError, match="declares"):
            list(walk([file]))


@pytest.mark.parametrize("shard", [0, -1])
def test_every_shard_is_guarded(shard, tmp_path):
    path = tmp_path / "m.weights.json"
    build().save_weights(path, max_shard_size=100 / 2**30)
    shards = sorted(tmp_path.glob("*.h5"))
    assert len(shards) > 1
    with h5py.File(shards[shard], "r+") as file:
        file.create_dataset("huge", (2**28,), "f4", chunks=(2**16,))
    with pytest.raises(ValueError, match="declares 1073741824 bytes"):
        build().load_weights(path)


def test_records_behind_a_store_are_those_of_all_shards(tmp_path, monkeypatch):
    found = {}

    def load(layer, store, original=PRPDense.load_own_variables):
        found[layer.seed] = records_behind(store), records_behind(dict(store))
        original(layer, store)

    monkeypatch.setattr(PRPDense, "load_own_variables", load)
    for name in ("m.weights.h5", "m.weights.json"):
        found.clear()
        model = build()
        sizes = {} if name.endswith("h5") else {"max_shard_size": 2e-7}
        model.save_weights(tmp_path / name, **sizes)
        model.load_weights(tmp_path / name)
        for records, none in found.values():
            assert [record.seed for record in records] == [3, 4]
            assert none == []
        assert len(found) == 2


def test_a_plain_dict_is_searched_by_nobody():
    check_sizes({"a": np.zeros(3)}, "A layer")
    assert records_behind({"digest": np.zeros(16, "uint8")}) == []


def test_blocks_are_counted_before_one_is_built():
    layer = EUGenDense(1, 2**29, norm_feature=False)
    start = time.perf_counter()
    with pytest.raises(ValueError, match="matrices"):
        layer.build((None, 1))
    assert time.perf_counter() - start < 5


def test_the_limit_is_of_all_matrices_of_one_load(tmp_path, monkeypatch):
    """And not of what is built by hand, or of two loads."""
    path = tmp_path / "m.keras"
    layers = [PRPDense(200, seed=seed) for seed in range(4)]
    keras.Sequential([keras.Input((200,)), *layers]).save(path)
    monkeypatch.setattr(config, "_max_elements", 4 * 200 * 200)
    for _ in range(3):
        keras.models.load_model(path)
    monkeypatch.setattr(config, "_max_elements", 4 * 200 * 200 - 1)
    with pytest.raises(Exception, match="together take as much work as 160000"):
        keras.models.load_model(path)
    for seed in range(4):
        PRPDense(200, seed=seed).build((None, 200))


def test_a_qr_counts_by_its_cost(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    layer = PRPDense(256, projection="orthogonal", seed=1)
    keras.Sequential([keras.Input((256,)), layer]).save(path)
    monkeypatch.setattr(config, "_max_elements", 256 * 256)
    with pytest.raises(Exception, match="as much work as"):
        keras.models.load_model(path)
    cost = layer.projection.family.cost((256, 256))
    monkeypatch.setattr(config, "_max_elements", cost)
    keras.models.load_model(path)


def test_keras_tells_one_load_from_the_next(tmp_path, monkeypatch):
    """What `_keras.shared_objects` is for; no public name gives it."""
    assert _keras.shared_objects() is None
    seen = []

    def charge(*_, original=config.charge):
        seen.append(_keras.shared_objects())
        original(*_)

    monkeypatch.setattr(config, "charge", charge)
    path = tmp_path / "m.keras"
    build().save(path)
    assert seen == [None, None]
    keras.models.load_model(path)
    assert seen[2] is seen[3]
    assert isinstance(seen[2], dict)
    assert _keras.shared_objects() is None
    shutil.copy(path, tmp_path / "other.keras")
    keras.models.load_model(tmp_path / "other.keras")
    assert seen[4] is not seen[2]
