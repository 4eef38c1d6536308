"""Files of adapters: round trips, sizes, and all that is refused."""

import json
import struct

import keras
import numpy as np
import pytest

from keras_randproj import adapters
from keras_randproj.files import verify
from keras_randproj.files.adapter_file import AdapterFile
from keras_randproj.files.safetensors_file import read_safetensors

from . import models

pytest.importorskip("safetensors")


@pytest.fixture
def saved(rng, tmp_path):
    """A model, its base's weights, and the file of its adapters."""
    model = models.encoder()
    weights = model.get_weights()
    adapters.attach(model, models.RULES)
    models.learn(model, rng)
    path = tmp_path / "adapter.safetensors"
    adapters.save(model, path)
    return model, weights, path


def base(weights):
    model = models.encoder()
    model.set_weights(weights)
    return model


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [("float32", 1e-6), ("bfloat16", 2e-2), ("int8", 6e-2)],
)
def test_a_file_gives_the_adapter_again(saved, dtype, tolerance):
    model, weights, path = saved
    before = [models.numbers(w) for w in model.trainable_weights]
    adapters.save(model, path, dtype=dtype)
    after = [models.numbers(w) for w in model.trainable_weights]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    loaded = base(weights)
    adapters.load(loaded, path)
    expected = models.predict(model, models.WORDS)
    found = models.predict(loaded, models.WORDS)
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert error < tolerance
    assert all(verdict.ok for verdict in verify(path))
    learned = sum(np.prod(w.shape) for w in model.trainable_weights)
    width = {"float32": 4, "bfloat16": 2, "int8": 1}[dtype]
    assert AdapterFile.read(path).learned_bytes == learned * width
    assert path.stat().st_size < learned * width + 3000
    adapters.detach(loaded)
    np.testing.assert_array_equal(
        models.predict(loaded, models.WORDS),
        models.predict(base(weights), models.WORDS),
    )


def test_safetensors_reads_the_file(saved):
    from safetensors.numpy import load_file

    found = load_file(saved[2])
    assert set(found) == {"vectors", "canary", "fingerprints"}
    np.testing.assert_array_equal(
        found["vectors"], AdapterFile.read(saved[2]).vectors
    )


def edited(path, change):
    """Rewrites the file with its recipe changed, and a right checksum."""
    file = AdapterFile.read(path)
    recipe = file._recipe()
    change(recipe)
    AdapterFile._from(json.loads(json.dumps(recipe)), file._arrays()).write(
        path
    )


def _other_seed(recipe):
    recipe["forms"] = [
        {**form, "seed": 5} if "seed" in form else form
        for form in recipe["forms"]
    ]


def _other_layer(recipe):
    path, kind = next(iter(recipe["layers"].items()))
    del recipe["layers"][path]
    recipe["layers"] = {"somewhere/else": kind, **recipe["layers"]}


def _other_kind(recipe):
    recipe["kinds"][0][0] = "Dense"


def _larger(recipe):
    for form in recipe["forms"]:
        if "rank" in form:
            form["rank"] = 2**40


def _fewer(recipe):
    recipe["kinds"][-1][2] = []


def _unknown_form(recipe):
    recipe["forms"][0]["form"] = "os.system"


def _unknown_argument(recipe):
    recipe["forms"][0]["shell"] = "true"


def _other_type(recipe):
    recipe["forms"][0]["lr_multiplier"] = True


def _swapped(recipe):
    kinds = recipe["kinds"]
    kinds[0][2], kinds[-1][2] = kinds[-1][2], kinds[0][2]


@pytest.mark.parametrize(
    "change",
    [
        _other_seed,
        _other_layer,
        _other_kind,
        _larger,
        _fewer,
        _unknown_form,
        _unknown_argument,
        _other_type,
        _swapped,
    ],
    ids=lambda change: change.__name__,
)
def test_an_edited_recipe_is_refused(saved, change):
    _, weights, path = saved
    edited(path, change)
    _refused(base(weights), path)


def _missing_form(recipe):
    recipe["kinds"][0][2] = [len(recipe["forms"])]


def _seed_of_65_bits(recipe):
    recipe["matrices"][0][2] = 2**64


def _short_kind(recipe):
    del recipe["kinds"][0][2]


def _short_record(recipe):
    del recipe["matrices"][0][4]


def _record_that_is_no_list(recipe):
    recipe["matrices"][0] = 5


@pytest.mark.parametrize(
    "change",
    [
        _missing_form,
        _seed_of_65_bits,
        _short_kind,
        _short_record,
        _record_that_is_no_list,
    ],
)
def test_numbers_out_of_range_are_refused(saved, change):
    with pytest.raises(ValueError, match="malformed"):
        edited(saved[2], change)


def test_metadata_that_are_no_strings_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    header = json.dumps({"__metadata__": {"recipe": 1}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ValueError, match="no strings"):
        AdapterFile.read(path)


def _refused(model, path, match=None):
    before = models.predict(model, models.WORDS)
    kinds = [type(layer) for layer in model.layers]
    trainable = len(model.trainable_weights)
    with pytest.raises(ValueError, match=match):
        adapters.load(model, path)
    np.testing.assert_array_equal(models.predict(model, models.WORDS), before)
    assert [type(layer) for layer in model.layers] == kinds
    assert len(model.trainable_weights) == trainable


def test_another_base_is_refused(saved):
    _, weights, path = saved
    for k, weight in enumerate(weights):
        # Layers without an adapter are not asked.
        if k in (5, 6, 9, 10) or weight.size == 0:
            continue
        changed = [np.array(w) for w in weights]
        changed[k].flat[0] += 1e-3
        model = base(changed)
        path_of = model.weights[k].path
        if "key" in path_of or "norm" in path_of:
            continue
        _refused(model, path, "other weights")


def test_other_vectors_with_a_right_checksum_fail_the_canary(saved):
    _, weights, path = saved
    file = AdapterFile.read(path)
    arrays = {k: np.array(v) for k, v in file._arrays().items()}
    arrays["vectors"] = np.roll(arrays["vectors"], 1)
    AdapterFile._from(file._recipe(), arrays).write(path)
    _refused(base(weights), path, "computes something else")


def test_a_file_cut_or_flipped_anywhere_is_refused(saved, rng):
    _, weights, path = saved
    whole = path.read_bytes()
    model = base(weights)
    for at in [0, 7, 8, 100, len(whole) - 1]:
        path.write_bytes(whole[:at])
        with pytest.raises(ValueError, match=r"file|header"):
            adapters.load(model, path)
    header = struct.unpack("<Q", whole[:8])[0]
    for at in rng.integers(header + 8, len(whole), 20):
        data = bytearray(whole)
        data[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"damaged or edited|finite"):
            adapters.load(model, path)
        assert [type(x) for x in model.layers] == [
            type(x) for x in base(weights).layers
        ]


def test_an_adapted_model_is_refused(saved):
    model, _, path = saved
    with pytest.raises(ValueError, match="adapters already"):
        adapters.load(model, path)


def test_wrong_digests_are_found_by_verify(saved):
    def change(recipe):
        recipe["matrices"][0][4] = "0" * 32

    edited(saved[2], change)
    found = [verdict.ok for verdict in verify(saved[2])]
    assert found.count(False) == 1
    assert len(found) == 8


def test_a_quantized_base(rng, tmp_path):
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(6, "relu", name="hidden")]
    )
    model.quantize("int8")
    x = rng.normal(size=(5, 8)).astype("float32")
    before = models.predict(model, x)
    forms = [adapters.Modulation(), adapters.SeededLowRank(2, seed=3)]
    adapters.attach(model, {"hidden": forms})
    np.testing.assert_array_equal(models.predict(model, x), before)
    models.learn(model, rng)
    adapted = models.predict(model, x)
    assert np.abs(adapted - before).max() > 1e-3
    path = tmp_path / "adapter.safetensors"
    adapters.save(model, path)
    with pytest.raises(ValueError, match="quantised"):
        adapters.merge(model)
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(models.predict(copy, x), adapted)
    adapters.detach(model)
    np.testing.assert_array_equal(models.predict(model, x), before)
    adapters.load(model, path)
    np.testing.assert_allclose(models.predict(model, x), adapted, atol=1e-5)


def test_a_layer_of_one_input_and_one_output(rng, tmp_path):
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, name="one")]
    )
    weights = model.get_weights()
    adapters.attach(model, {"one": adapters.Modulation()})
    models.learn(model, rng)
    adapters.save(model, tmp_path / "a.safetensors")
    x = rng.normal(size=(3, 1)).astype("float32")
    wanted = models.predict(model, x)
    adapters.detach(model)
    model.set_weights(weights)
    adapters.load(model, tmp_path / "a.safetensors")
    np.testing.assert_allclose(models.predict(model, x), wanted, atol=1e-6)


def _two_axes(arrays):
    arrays["vectors"] = arrays["vectors"][None]


def _scale_of_two_axes(arrays):
    arrays["scales"] = np.ones((1, 1), "float32")


def _infinite(arrays):
    arrays["vectors"][-1] = np.inf


def _canary_that_is_no_number(arrays):
    arrays["canary"][0] = np.nan


@pytest.mark.parametrize(
    "change",
    [_two_axes, _scale_of_two_axes, _infinite, _canary_that_is_no_number],
    ids=lambda change: change.__name__,
)
def test_arrays_of_another_form_are_refused(saved, change):
    """With a checksum that is right, as an attacker can write it."""
    file = AdapterFile.read(saved[2])
    arrays = {name: np.array(a) for name, a in file._arrays().items()}
    change(arrays)
    with pytest.raises(ValueError, match=r"malformed|not finite"):
        AdapterFile._from(file._recipe(), arrays)


@pytest.mark.parametrize("rank", [64, 65])
def test_arrays_of_as_many_axes_as_numpy_has(rank, tmp_path):
    entry = {"dtype": "F32", "shape": [1] * rank, "data_offsets": [0, 4]}
    header = json.dumps({"__metadata__": {}, "a": entry}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")
    if rank == 64:
        _, arrays = read_safetensors(path, 10**6)
        assert arrays["a"].ndim == 64
    else:
        with pytest.raises(ValueError, match="header is malformed"):
            read_safetensors(path, 10**6)
