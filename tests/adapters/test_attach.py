"""Adapters on each kind of layer: what they compute, freeze and leave."""

import pickle

import keras
import numpy as np
import pytest

from keras_randproj import adapters

from . import models

CASES = {
    "encoder": (models.encoder, models.RULES),
    "image": (models.image, models.IMAGE_RULES),
}


@pytest.fixture(params=CASES)
def case(request, rng):
    make, rules = CASES[request.param]
    x = models.pixels(rng) if request.param == "image" else models.WORDS
    return make(), rules, x


def _same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_an_adapter_starts_as_nothing_and_leaves_nothing(case, rng):
    model, rules, x = case
    kinds = [type(layer) for layer in model.layers]
    before, weights = models.predict(model, x), model.get_weights()
    flags = [weight.trainable for weight in model.weights]
    adapters.attach(model, rules)
    np.testing.assert_array_equal(models.predict(model, x), before)
    models.learn(model, rng)
    assert np.abs(models.predict(model, x) - before).max() > 1e-3
    adapters.detach(model)
    np.testing.assert_array_equal(models.predict(model, x), before)
    assert _same(model.get_weights(), weights)
    assert [type(layer) for layer in model.layers] == kinds
    assert [weight.trainable for weight in model.weights] == flags


def test_training_changes_the_adapters_alone(case, rng):
    model, rules, x = case
    before = {weight.path: models.numbers(weight) for weight in model.weights}
    adapters.attach(model, rules)
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(x, np.array([0, 1, 2]), epochs=2, verbose=0)
    after = {weight.path: models.numbers(weight) for weight in model.weights}
    assert all(np.array_equal(after[path], before[path]) for path in before)
    learned = [w for w in model.weights if w.path not in before]
    assert {id(w) for w in model.trainable_weights} <= {id(w) for w in learned}
    changed = [np.any(models.numbers(w)) for w in model.trainable_weights]
    # A first step of LoRA moves b alone; of a word that is not there nothing.
    assert all(changed)
    slots = sum(np.prod(w.shape) for w in model.optimizer.variables)
    trained = sum(np.prod(w.shape) for w in model.trainable_weights)
    assert slots < 2 * trained + 10


def test_merging_gives_a_plain_model(case, rng):
    model, rules, x = case
    count = model.count_params()
    adapters.attach(model, rules)
    models.learn(model, rng)
    adapted = models.predict(model, x)
    adapters.merge(model)
    np.testing.assert_allclose(
        models.predict(model, x), adapted, rtol=1e-4, atol=1e-5
    )
    assert model.count_params() == count
    assert not any("adapter" in w.path for w in model.weights)


def _unshared(forms):
    forms = forms if isinstance(forms, list) else [forms]
    return [form for form in forms if not form.shared_size()]


@pytest.mark.parametrize(
    ("case", "how"),
    [
        *(("encoder", how) for how in ("keras", "clone", "pickle", "weights")),
        ("image", "keras"),
        ("image", "weights"),
    ],
    indirect=["case"],
)
def test_copies_of_an_adapted_model(case, rng, how, tmp_path):
    model, rules, x = case
    if how in ("clone", "weights"):
        # Keras clones layers one by one, and what they share is not shared.
        rules = {name: _unshared(forms) for name, forms in rules.items()}
    adapters.attach(model, rules)
    models.learn(model, rng)
    expected = models.predict(model, x)
    if how == "keras":
        model.save(tmp_path / "model.keras")
        copy = keras.saving.load_model(tmp_path / "model.keras")
    elif how == "pickle":
        copy = pickle.loads(pickle.dumps(model))
    else:
        copy = keras.models.clone_model(model)
        if how == "clone":
            copy.set_weights(model.get_weights())
        else:
            model.save_weights(tmp_path / "model.weights.h5")
            copy.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(models.predict(copy, x), expected)
    assert len(copy.trainable_weights) == len(model.trainable_weights)
    adapters.detach(copy)
    adapters.detach(model)
    np.testing.assert_array_equal(
        models.predict(copy, x), models.predict(model, x)
    )


def test_modulation_is_the_formula(rng):
    layer = keras.layers.Dense(4, "tanh", bias_initializer="normal")
    model = keras.Sequential([keras.Input((6,)), layer])
    x = rng.normal(size=(5, 6)).astype("float32")
    kernel, own = layer.get_weights()
    adapters.attach(model, {"*": adapters.Modulation(lr_multiplier=3.0)})
    models.learn(model, rng)
    alpha, scale, bias = (models.numbers(w) for w in model.trainable_weights)
    wanted = np.tanh(
        (1 + 3 * scale) * ((x * (1 + 3 * alpha)) @ kernel) + own + bias
    )
    np.testing.assert_allclose(models.predict(model, x), wanted, atol=1e-5)


def test_seeded_low_rank_is_the_formula(rng):
    layer = keras.layers.Dense(4, use_bias=False)
    model = keras.Sequential([keras.Input((6,)), layer])
    x = rng.normal(size=(5, 6)).astype("float32")
    (kernel,) = layer.get_weights()
    form = adapters.SeededLowRank(3, seed=7, projection="sparse_ternary")
    adapters.attach(model, {"*": form})
    models.learn(model, rng)
    middle, out = (models.numbers(w) * 10 for w in model.trainable_weights)
    from keras_randproj import matrices

    a, b = (
        matrices.get("sparse_ternary").matrix(matrices.derive_seed(7, k), shape)
        / np.sqrt(shape[0])
        for k, shape in enumerate([(6, 3), (3, 4)])
    )
    wanted = x @ kernel + out * (((1 + middle) * (x @ a)) @ b)
    np.testing.assert_allclose(models.predict(model, x), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"nothing": adapters.Modulation()}, "fit none"),
        ({"words": adapters.SeededLowRank(2, seed=1)}, "for the classes"),
        ({"head": [adapters.Modulation()] * 2}, "two modulations"),
        ({"head": "lora"}, "gets a form"),
        ({"words": adapters.Modulation(scale=False, bias=False)}, "nothing"),
        ({}, "fit none"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rules_that_are_refused_change_nothing(rules, said):
    model = models.encoder()
    before = models.predict(model, models.WORDS)
    trainable = len(model.trainable_weights)
    with pytest.raises(ValueError, match=said):
        adapters.attach(model, rules)
    np.testing.assert_array_equal(models.predict(model, models.WORDS), before)
    assert len(model.trainable_weights) == trainable
    with pytest.raises(ValueError, match="no adapters"):
        adapters.detach(model)


def test_a_merged_layer_without_a_bias_gets_one(rng):
    model = keras.Sequential(
        [
            keras.Input((3, 6)),
            keras.layers.EinsumDense("abc,cde->abde", (None, 2, 4), "relu"),
            keras.layers.Reshape((3, 8)),
            keras.layers.Dense(4, use_bias=False),
        ]
    )
    x = rng.normal(size=(5, 3, 6)).astype("float32")
    adapters.attach(model, {"*": adapters.Modulation()})
    models.learn(model, rng)
    adapted = models.predict(model, x)
    adapters.merge(model)
    np.testing.assert_allclose(models.predict(model, x), adapted, atol=1e-5)
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    np.testing.assert_allclose(models.predict(copy, x), adapted, atol=1e-5)


def test_a_seeded_update_is_what_the_contract_says(rng):
    """The count sketch of the oracle, row by row, in float64."""
    import oracle

    size, rank, seed = 7, 2, 5
    sizes = [(6, 4), (4, 3)]
    model = keras.Sequential(
        [keras.Input((6,)), *(keras.layers.Dense(n) for _, n in sizes)]
    )
    weights = model.get_weights()
    form = adapters.SeededUpdate(size, rank, seed=seed, lr_multiplier=2.0)
    adapters.attach(model, {"*": form})
    (vector,) = model.trainable_weights
    vector.assign(rng.normal(size=size))
    total = rank * sum(sum(shape) for shape in sizes)
    spreading = oracle.derived_seed(seed, 1)
    places = [oracle.count_sketch_row(spreading, size, i) for i in range(total)]
    counts = np.bincount([column for column, _ in places], minlength=size)
    learned = 2.0 * models.numbers(vector).astype("float64")
    spread = np.array([s * learned[c] / counts[c] ** 0.5 for c, s in places])
    x = y = rng.normal(size=(5, 6))
    for k, (rows, cols) in enumerate(sizes):
        a = spread[: rows * rank].reshape(rows, rank)
        b = spread[rows * rank : rank * (rows + cols)].reshape(rank, cols)
        spread = spread[rank * (rows + cols) :]
        a0 = oracle.matrix("gaussian", oracle.derived_seed(seed, 0), a.shape)
        y = y @ (weights[2 * k] + (a0 + a) @ b) + weights[2 * k + 1]
    assert spread.size == 0
    np.testing.assert_allclose(models.predict(model, x), y, atol=1e-4)
