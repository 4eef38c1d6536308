"""Rows before a normalization count by what it divides them by."""

import keras
import numpy as np
import pytest
from keras import ops
from representatives import run_everywhere

from keras_randproj import distill
from keras_randproj.transfer import feed_forwards

LAYERS = {
    "layer": keras.layers.LayerNormalization,
    "rms": keras.layers.RMSNormalization,
    "batch": keras.layers.BatchNormalization,
}


def divided_by(norm, x):
    if norm == "batch":
        return np.ones(len(x))
    if norm == "layer":
        return x.var(axis=1) + 0.01
    return np.mean(x**2, axis=1) + 0.01


def teacher(norm, residual, twice):
    given = keras.Input((6,))
    inner = keras.layers.Dense(9, "relu", name="inner")(given)
    end = keras.layers.Dense(6, name="outer")(inner)
    if residual:
        end = keras.layers.Add(name="end")([given, end])
    outputs = LAYERS[norm](epsilon=0.01)(end)
    if twice:
        # As in a transformer that normalizes what a block is given.
        outputs = keras.layers.Add()([outputs, end])
    return keras.Model(given, outputs)


@pytest.mark.parametrize(
    "inputs", run_everywhere(["student"], ["student", "teacher"])
)
@pytest.mark.parametrize(
    ("norm", "residual", "twice", "weighted"),
    [
        ("layer", True, False, True),
        ("layer", False, False, True),
        ("rms", True, False, True),
        ("batch", True, False, False),
    ],
)
def test_the_head_is_that_of_weighted_rows(
    norm, residual, twice, weighted, inputs, rng
):
    model = teacher(norm, residual, twice)
    x = rng.normal(size=(400, 6)) * rng.lognormal(0, 1, size=(400, 1))
    x = x.astype("float32")
    rules = {"inner": feed_forwards(5, seed=3, norm_feature=False)}
    options = {"ridge": 0, "validation_split": 0, "verbose": 0}
    student, (report,) = distill(model, x, rules, inputs, **options)
    eugen = student.get_layer("inner")
    features = np.asarray(ops.convert_to_numpy(eugen.features(x)), "float64")
    inner = ops.convert_to_numpy(model.get_layer("inner")(x))
    y = ops.convert_to_numpy(model.get_layer("outer")(inner))
    size = divided_by(norm, x + y if residual else y)
    size = np.maximum(size, 1e-3 * size.mean())
    assert (np.ptp(size) > 1) == weighted
    root = 1 / np.sqrt(size)[:, None]
    given = np.append(features, np.ones((400, 1)), axis=1)
    wanted = np.linalg.lstsq(given * root, y * root, rcond=None)[0]
    found = ops.convert_to_numpy(eugen.kernel)
    np.testing.assert_allclose(found, wanted[:-1], atol=2e-3)
    error = np.linalg.norm((given @ wanted - y) * root)
    assert report.error == pytest.approx(
        error / np.linalg.norm(y * root), rel=1e-3
    )


def test_what_goes_elsewhere_as_well_counts_alike(rng):
    x = rng.normal(size=(400, 6)).astype("float32")
    x *= rng.lognormal(0, 1, size=(400, 1)).astype("float32")
    rules = {"inner": feed_forwards(5, seed=3, norm_feature=False)}
    heads = []
    once, both = teacher("layer", True, False), teacher("layer", True, True)
    both.set_weights(once.get_weights())
    # Without a normalization to find.
    plain = keras.Model(once.inputs, once.get_layer("end").output)
    for model in (plain, both, once):
        student, _ = distill(model, x, rules, verbose=0, ridge=1e-6)
        heads.append(ops.convert_to_numpy(student.get_layer("inner").kernel))
    plain, both, once = heads
    np.testing.assert_array_equal(both, plain)
    assert np.abs(once - plain).max() > 1e-3
