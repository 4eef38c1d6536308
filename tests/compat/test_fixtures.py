"""Files of every release load, on every backend, to what they were."""

import importlib.util
import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from hardening import models

HERE = Path(__file__).parent
RELEASES = sorted(path.parent for path in HERE.glob("*/manifest.json"))
FILES = [
    pytest.param(path, id=f"{path.parent.name}-{path.name}")
    for folder in RELEASES
    for path in sorted(folder.iterdir())
    if path.name.endswith((".keras", ".weights.h5"))
]
# Of the largest output; half precisions round each step in their own way.
TOLERANCES = {"mixed_bfloat16": 2.0**-6, "float16": 2.0**-9}


@pytest.fixture(scope="module")
def expected():
    """Arrays and digests of each release."""
    return {
        folder: (
            dict(np.load(folder / "expected.npz")),
            json.loads((folder / "manifest.json").read_text())["digests"],
        )
        for folder in RELEASES
    }


def load(path):
    """The model of a file; of bare weights in a model that knows none."""
    name = path.name.removesuffix(".weights.h5").removesuffix(".keras")
    # Keras writes the backend's own class of a compiled model's optimizer.
    manifest = json.loads((path.parent / "manifest.json").read_text())
    model = keras.models.load_model(
        path.with_name(f"{name}.keras"),
        compile=manifest["backend"] == keras.backend.backend(),
    )
    if path.suffix == ".h5":
        for weight in model.trainable_weights:
            weight.assign(np.zeros(weight.shape))
        model.load_weights(path)
    return name, model


@pytest.mark.parametrize("path", FILES)
def test_a_file_loads_to_what_it_was(path, expected, tmp_path):
    """And weights are written as they were."""
    name, model = load(path)
    arrays, digests = expected[path.parent]
    found = models.projections_of(model)
    assert [p.digest() for p in found] == digests[name]
    for k, projection in enumerate(found):
        projection.check_weights()
        atol = 1e-6 if projection.family.name == "orthogonal" else 0
        np.testing.assert_allclose(
            projection.materialize(), arrays[f"{name}.p{k}"], rtol=0, atol=atol
        )
    y = keras.ops.cast(model(arrays[f"{name}.x"]), "float32")
    wanted = arrays[f"{name}.y"]
    policies = {layer.dtype_policy.name for layer in model.layers}
    tolerance = max(TOLERANCES.get(policy, 1e-5) for policy in policies)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(y),
        wanted,
        rtol=0,
        atol=tolerance * np.abs(wanted).max(),
    )
    if path.suffix == ".h5":
        model.save_weights(tmp_path / "again.weights.h5")
        assert layout(tmp_path / "again.weights.h5") == layout(path)


def layout(path):
    """Shapes and types of a file's arrays, by name; not the optimizer's.

    Keras makes those at other times on each backend.
    """
    found = {}

    def note(name, item):
        ours = not name.startswith("optimizer/")
        if ours and isinstance(item, h5py.Dataset):
            found[name] = item.shape, item.dtype

    with h5py.File(path) as file:
        file.visititems(note)
    return found


@pytest.mark.one_backend
def test_every_model_of_a_release_is_there():
    assert RELEASES
    for folder in RELEASES:
        manifest = json.loads((folder / "manifest.json").read_text())
        names = {path.stem for path in folder.glob("*.keras")}
        assert names == set(manifest["digests"])
        assert manifest["keras_randproj"] == folder.name
    sizes = [p.stat().st_size for p in RELEASES[-1].iterdir()]
    assert sum(sizes) < 2**21


@pytest.mark.one_backend
def test_a_set_is_never_written_again(tmp_path):
    path = HERE / "write_fixtures.py"
    spec = importlib.util.spec_from_file_location("write_fixtures", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    (tmp_path / "manifest.json").write_text("released")
    with pytest.raises(FileExistsError):
        tool.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]
