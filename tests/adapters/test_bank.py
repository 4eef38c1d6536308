"""A bank of adapters: each row as its own adapter would compute it alone."""

import keras
import numpy as np
import pytest

from keras_randproj import adapters
from keras_randproj.files.adapter_file import AdapterFile

from . import models

RULES = {name: forms for name, forms in models.RULES.items() if name != "words"}
RULES["words"] = adapters.Modulation(alpha=False)
NAMES = ["ann", None, "cat"]


@pytest.fixture
def tenants(rng, tmp_path):
    """Base weights, files by name, and outputs of each adapter alone."""
    model = models.encoder()
    weights = model.get_weights()
    files, alone = {}, {None: models.predict(model, models.WORDS)}
    for name in ("ann", "ben", "cat"):
        adapters.attach(model, RULES)
        models.learn(model, rng)
        files[name] = tmp_path / f"{name}.safetensors"
        adapters.save(model, files[name])
        alone[name] = models.predict(model, models.WORDS)
        adapters.detach(model)
    return weights, files, alone


def base(weights):
    model = models.encoder()
    model.set_weights(weights)
    return model


def rows_of(alone, names):
    return np.stack([alone[name][k] for k, name in enumerate(names)])


def test_each_row_is_that_of_its_own_adapter(tenants):
    weights, files, alone = tenants
    model = base(weights)
    bank = adapters.AdapterBank(model, files, capacity=4)
    for names in (NAMES, ["ben"] * 3, [None, "ben", "ann"]):
        found = keras.ops.convert_to_numpy(bank(models.WORDS, names))
        np.testing.assert_allclose(found, rows_of(alone, names), atol=1e-5)
    compiled = bank.predict([models.WORDS, bank.rows(NAMES)], verbose=0)
    np.testing.assert_allclose(compiled, rows_of(alone, NAMES), atol=1e-5)
    np.testing.assert_array_equal(
        models.predict(model, models.WORDS), alone[None]
    )
    assert not bank.trainable_weights
    adapters.detach(model)
    np.testing.assert_array_equal(
        models.predict(model, models.WORDS), alone[None]
    )


def test_tenants_come_and_go(tenants):
    weights, files, alone = tenants
    bank = adapters.AdapterBank(
        base(weights), {"ann": files["ann"]}, capacity=2
    )
    bank.predict([models.WORDS, bank.rows(["ann"] * 3)], verbose=0)
    compiled = bank.predict_function
    bank.add("ben", files["ben"])
    with pytest.raises(ValueError, match="full"):
        bank.add("cat", files["cat"])
    bank.remove("ann")
    with pytest.raises(ValueError, match="no such tenants"):
        bank(models.WORDS, ["ann"] * 3)
    bank.add("cat", files["cat"])
    assert bank.names == ["ben", "cat"]
    names = ["cat", "ben", None]
    found = bank.predict([models.WORDS, bank.rows(names)], verbose=0)
    np.testing.assert_allclose(found, rows_of(alone, names), atol=1e-5)
    bank.add("cat", files["ann"])
    found = bank.predict([models.WORDS, bank.rows(names)], verbose=0)
    wanted = rows_of(alone, ["ann", "ben", None])
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert bank.predict_function is compiled


def test_a_bad_file_changes_no_other_row(tenants, tmp_path):
    weights, files, alone = tenants
    bank = adapters.AdapterBank(base(weights), files, capacity=4)
    data = bytearray(files["ann"].read_bytes())
    data[-1] ^= 1
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(data)
    other = models.encoder()
    adapters.attach(other, RULES)
    adapters.save(other, tmp_path / "other_base.safetensors")
    adapters.detach(other)
    other.set_weights(weights)
    adapters.attach(other, {"head": adapters.FullRank()})
    adapters.save(other, tmp_path / "other_recipe.safetensors")
    for name, said in (
        ("bad", "damaged or edited"),
        ("other_base", "another base"),
        ("other_recipe", "other forms"),
    ):
        with pytest.raises(ValueError, match=said):
            bank.add("dan", tmp_path / f"{name}.safetensors")
    assert bank.names == ["ann", "ben", "cat"]
    found = keras.ops.convert_to_numpy(bank(models.WORDS, NAMES))
    np.testing.assert_allclose(found, rows_of(alone, NAMES), atol=1e-5)


def test_one_kernel_for_all_rows_is_refused(rng, tmp_path):
    model = models.image()
    adapters.attach(model, models.IMAGE_RULES)
    path = tmp_path / "image.safetensors"
    adapters.save(model, path)
    adapters.detach(model)
    with pytest.raises(ValueError, match="all rows with one kernel"):
        adapters.AdapterBank(model, {"ann": path})
    x = models.pixels(rng)
    adapters.attach(model, {"*": adapters.Modulation()})
    models.learn(model, rng)
    adapters.save(model, path)
    alone = models.predict(model, x)
    adapters.detach(model)
    plain = models.predict(model, x)
    bank = adapters.AdapterBank(model, {"ann": path}, capacity=1)
    found = keras.ops.convert_to_numpy(bank(x, ["ann", None, "ann"]))
    wanted = np.stack([alone[0], plain[1], alone[2]])
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="one format is enough"
)
def test_a_bank_is_exported_with_its_tenants(tenants, tmp_path):
    import tensorflow as tf

    from keras_randproj import export

    weights, files, alone = tenants
    bank = adapters.AdapterBank(base(weights), files, capacity=3)
    spec = keras.layers.InputSpec
    signature = [spec(shape=(None, 4), dtype="int32", name="words")]
    signature += [spec(shape=(None,), dtype="int32", name="rows")]
    export(
        bank,
        tmp_path / "served",
        format="tf_saved_model",
        input_signature=[signature],
        verbose=False,
    )
    served = tf.saved_model.load(str(tmp_path / "served"))
    found = served.serve([tf.constant(models.WORDS), bank.rows(NAMES)])
    np.testing.assert_allclose(found, rows_of(alone, NAMES), atol=1e-5)


def test_a_file_holds_what_each_row_gets(tenants):
    """One array a layer: what is read is put where it belongs."""
    weights, files, _ = tenants
    bank = adapters.AdapterBank(base(weights), files, capacity=3)
    total = sum(
        layer.adapter.numbers.shape[1] for layer in bank._current.layers
    )
    shared = {
        id(layer.adapter.shared): layer.adapter.shared.size
        for layer in bank._current.layers
        if layer.adapter.shared is not None
    }
    learned = AdapterFile.read(files["ann"]).vectors.size
    assert total + sum(shared.values()) == learned


def test_each_row_needs_a_tenant(tenants):
    """A name is not spread over rows that may be another tenant's."""
    weights, files, _ = tenants
    bank = adapters.AdapterBank(base(weights), {"ann": files["ann"]})
    for names in (["ann"], ["ann"] * 4):
        with pytest.raises(ValueError, match="Each row of the batch needs"):
            bank(models.WORDS, names)
    with pytest.raises(ValueError, match="must be a sequence with a name"):
        bank(models.WORDS, "ann")
    with pytest.raises(ValueError, match="Call the bank as"):
        bank(models.WORDS)
    for name in (None, 5):
        with pytest.raises(ValueError, match="name must be a string"):
            bank.add(name, files["ben"])
    assert bank.names == ["ann"]


def test_an_empty_batch(tenants):
    weights, files, _ = tenants
    bank = adapters.AdapterBank(base(weights), {"ann": files["ann"]})
    wanted = base(weights)(models.WORDS[:0]).shape
    assert bank(models.WORDS[:0], []).shape == wanted


def test_a_call_leaves_its_input_and_earlier_outputs(rng, tmp_path):
    """Sums take the place of outputs in `predict`, and of nothing else."""
    model = keras.Sequential(
        [
            keras.Input((5, 8)),
            keras.layers.Dense(8, name="first"),
            keras.layers.Dense(8, name="second"),
        ]
    )
    forms = [
        adapters.Modulation(),
        adapters.LowRank(2),
        adapters.SeededLowRank(2, seed=1),
        adapters.SeededUpdate(10, 2, seed=2),
    ]
    adapters.attach(model, {"*": forms})
    models.learn(model, rng)
    path = tmp_path / "ann.safetensors"
    adapters.save(model, path)
    alone = models.predict(model, x := rng.normal(size=(3, 5, 8)))
    adapters.detach(model)
    plain = models.predict(model, x)
    bank = adapters.AdapterBank(model, {"ann": path}, capacity=1)
    given = keras.ops.convert_to_tensor(x, "float32")
    found = [
        bank.predict_on_batch([given, bank.rows(names)])
        for names in (["ann"] * 3, [None] * 3, ["ann"] * 3)
    ]
    for outputs, wanted in zip(found, (alone, plain, alone), strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(outputs), wanted, atol=1e-5
        )
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(given), x.astype("float32")
    )


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="a transform of PyTorch"
)
def test_torch_batches_one_adapter(tenants):
    """Its `vmap` does not go with sums that take the place of outputs."""
    import torch

    weights, files, alone = tenants
    model = base(weights)
    adapters.load(model, files["ann"])
    fixed = [w.value for w in model.non_trainable_variables]

    def outputs(learned):
        return model.stateless_call(learned, fixed, models.WORDS)[0]

    with torch.no_grad():
        learned = [torch.stack([w.value] * 2) for w in model.trainable_weights]
        found = torch.vmap(outputs)(learned)
    np.testing.assert_allclose(found[1], alone["ann"], atol=1e-5)
