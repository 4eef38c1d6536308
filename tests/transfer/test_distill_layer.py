"""The closed form against NumPy's least squares, and what it refuses."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import EUGenDense
from keras_randproj import distill_layer
from keras_randproj.transfer import normal_equations
from keras_randproj.transfer.low_rank import LowRank


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def make_teacher(activation="gelu", input_dim=6, units=4):
    teacher = keras.layers.Dense(units, activation=activation, name="teacher")
    teacher.build((None, input_dim))
    teacher.bias.assign(np.linspace(-1, 1, units))
    return teacher


def make_eugen(**options):
    options = {"num_features": 10, "order": 2, "seed": 3, **options}
    return EUGenDense(4, **options)


@pytest.fixture
def x(rng):
    return rng.normal(size=(500, 6)).astype("float32")


@pytest.mark.parametrize("use_bias", [True, False])
def test_is_least_squares(use_bias, x):
    teacher = make_teacher()
    eugen = make_eugen(num_features=5, use_bias=use_bias)
    report = distill_layer(
        eugen, teacher, x, ridge=0, validation_split=0.2, verbose=0
    )
    y = numpy_of(teacher(x)).astype("float64")
    features = numpy_of(eugen.features(x)).astype("float64")
    if use_bias:
        features = np.concatenate([features, np.ones((500, 1))], axis=1)
    held_out = np.arange(500) % 5 == 4
    best = np.linalg.lstsq(features[~held_out], y[~held_out], rcond=None)[0]
    np.testing.assert_allclose(
        numpy_of(eugen.kernel), best[:10], rtol=1e-3, atol=1e-3
    )
    wanted = y[held_out]
    error = np.linalg.norm(features[held_out] @ best - wanted)
    assert report.error == pytest.approx(
        error / np.linalg.norm(wanted), rel=1e-4
    )
    mean = np.linalg.norm(y[~held_out].mean(axis=0) - wanted)
    assert report.mean_error == pytest.approx(
        mean / np.linalg.norm(wanted), rel=1e-6
    )
    assert (report.rows, report.held_out_rows) == (400, 100)


def test_what_it_installs_has_the_error_it_reports(x):
    teacher, eugen = make_teacher(), make_eugen()
    report = distill_layer(eugen, teacher, x, verbose=0)
    held_out = np.arange(500) % 10 == 9
    wanted = numpy_of(teacher(x))[held_out]
    found = numpy_of(eugen(x))[held_out]
    error = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
    assert report.error == pytest.approx(error, rel=1e-3)
    assert report.error < 0.5 * report.mean_error


def test_ridge_is_ridge_regression_on_standardized_features(rng):
    features = rng.normal(size=(300, 5)) * [1, 10, 0.1, 1, 1] + 2
    targets = rng.normal(size=(300, 2))
    sums = normal_equations.NormalEquations(5, 2)
    for part in np.split(np.arange(300), [7, 100]):
        sums.add(features[part], targets[part])
    kernel, bias = sums.solve(0.3)
    scaled = (features - features.mean(0)) / features.std(0)
    rows = np.concatenate([scaled, np.sqrt(0.3 * 300) * np.eye(5)])
    wanted = np.concatenate([targets - targets.mean(0), np.zeros((5, 2))])
    best = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    np.testing.assert_allclose(kernel, best / features.std(0)[:, None])
    np.testing.assert_allclose(
        bias, targets.mean(0) - features.mean(0) @ kernel
    )
    squares = np.sum((features @ kernel + bias - targets) ** 2)
    assert sums.squared_error(kernel, bias) == pytest.approx(squares)


def test_singular_features_take_the_pseudo_inverse(rng):
    features = rng.normal(size=(50, 4))
    features = np.concatenate([features, features, 0 * features], axis=1)
    targets = rng.normal(size=(50, 2))
    sums = normal_equations.NormalEquations(12, 2)
    sums.add(features, targets)
    kernel, bias = sums.solve(0.0, use_bias=False)
    best = np.linalg.lstsq(features, targets, rcond=None)[0]
    np.testing.assert_allclose(kernel, best, atol=1e-8)
    np.testing.assert_array_equal(bias, 0)


def test_directions_below_float32_are_noise(rng):
    """Ten float32 features of seven numbers have rank seven."""
    wide = rng.normal(size=(7, 10))
    features = (rng.normal(size=(500, 7)) @ wide).astype("float32")
    sums = normal_equations.NormalEquations(10, 1)
    sums.add(features, rng.normal(size=(500, 1)))
    assert np.abs(sums.solve(0.0)[0]).max() < 10


@pytest.mark.one_backend
def test_auto_takes_the_ridge_of_least_held_out_error(rng):
    features = rng.normal(size=(60, 40))
    targets = features[:, :1] + rng.normal(size=(60, 1))
    train = normal_equations.NormalEquations(40, 1)
    train.add(features[:50], targets[:50])
    test = normal_equations.NormalEquations(40, 1)
    test.add(features[50:], targets[50:])
    ridge, kernel, bias = normal_equations.choose_ridge(train, test, True)
    errors = {
        r: np.sum(
            (
                features[50:] @ train.solve(r)[0]
                + train.solve(r)[1]
                - targets[50:]
            )
            ** 2
        )
        for r in normal_equations.RIDGES
    }
    assert ridge == min(errors, key=errors.get)
    assert ridge > 0
    assert test.squared_error(kernel, bias) == pytest.approx(errors[ridge])


def sources(x, y):
    """Batches of 100 rows, of which two sizes are compiled in all."""

    def generator():
        for start in range(0, len(x), 100):
            yield x[start : start + 100]

    class Sequence(keras.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, k):
            return x[100 * k : 100 * k + 100], y[100 * k : 100 * k + 100]

    import tensorflow as tf
    import torch

    tensors = torch.from_numpy(x)
    dataset = torch.utils.data.TensorDataset(tensors)
    return {
        "array": x,
        "tensor": ops.convert_to_tensor(x),
        "pair": (x, y),
        "generator": generator(),
        "sequence": Sequence(),
        "tf.data": tf.data.Dataset.from_tensor_slices(x).batch(100),
        "torch": torch.utils.data.DataLoader(dataset, batch_size=100),
        "rank 3": x.reshape(100, 5, 6),
    }


def test_every_kind_of_data_gives_the_same_head(x):
    teacher = make_teacher()
    y = numpy_of(teacher(x))
    heads = {}
    for name, data in sources(x, y).items():
        eugen = make_eugen()
        distill_layer(eugen, teacher, data, batch_size=200, verbose=0)
        heads[name] = numpy_of(eugen.kernel)
    eugen = make_eugen()
    distill_layer(eugen, None, (x, y), batch_size=200, verbose=0)
    heads["without a teacher"] = numpy_of(eugen.kernel)
    for name, head in heads.items():
        np.testing.assert_allclose(
            head, heads["array"], rtol=1e-3, atol=1e-4, err_msg=name
        )


def reduced_rank(x, y, rank):
    """The best map of a rank with a bias, by NumPy, as a function."""
    mean_x, mean_y = x.mean(0), y.mean(0)
    best = np.linalg.lstsq(x - mean_x, y - mean_y, rcond=None)[0]
    right = np.linalg.svd((x - mean_x) @ best)[2][:rank]
    kernel = best @ right.T @ right
    return lambda x: (x - mean_x) @ kernel + mean_y


def gelu(x):
    return numpy_of(keras.activations.gelu(ops.convert_to_tensor(x)))


@pytest.mark.one_backend
def test_the_low_rank_of_two_layers(x):
    first, second = make_teacher(units=8), keras.layers.Dense(5)
    y = numpy_of(second(first(x)))
    layers = [first, second], [first.activation, None]
    # 3 * (6 + 8 + 8 + 5) + 8 + 5 numbers: rank 3.
    rival = LowRank.of(*layers, 94)
    assert rival.rank == 3
    assert LowRank.of(*layers, 39) is None
    rows = np.arange(len(x))
    rival.fit(
        lambda: [(x[k], y[k], None, None, None) for k in np.split(rows, [200])]
    )
    inner = x @ numpy_of(first.kernel) + numpy_of(first.bias)
    hidden = gelu(reduced_rank(x, inner, 3)(x))
    wanted = reduced_rank(hidden, y, 3)(hidden)
    np.testing.assert_allclose(rival(x), wanted, rtol=1e-2, atol=1e-3)


@pytest.mark.one_backend
@pytest.mark.parametrize("split", [0.2, 0.0])
@pytest.mark.parametrize("activation", ["gelu", None])
def test_the_report_has_the_errors_of_low_rank_layers(activation, split, x):
    """On the rows that are held out, or on all where none are."""
    teacher = make_teacher(activation, units=5)
    eugen = EUGenDense(5, num_features=4, order=1, seed=3)
    report = distill_layer(
        eugen, teacher, x, ridge=0.1, validation_split=split, verbose=0
    )
    # Rank r has r * (6 + 5) numbers beside the bias.
    assert report.stored == 4 * 5 + 5
    assert report.low_rank_rank == (report.stored - 5) // 11
    assert report.low_rank_in_memory_rank == (report.parameters - 5) // 11
    held_out = np.arange(500) % 5 == 4 if split else np.zeros(500, bool)
    inner = x @ numpy_of(teacher.kernel) + numpy_of(teacher.bias)
    z = reduced_rank(x[~held_out], inner[~held_out], report.low_rank_rank)(x)
    z = gelu(z) if activation else z
    judged = held_out if split else ~held_out
    wanted = numpy_of(teacher(x))[judged]
    error = np.linalg.norm(z[judged] - wanted) / np.linalg.norm(wanted)
    assert error > 0.01
    assert report.low_rank_error == pytest.approx(error, rel=1e-3)
    assert report.low_rank_in_memory_error < report.low_rank_error
    worse = report.low_rank_error < report.error
    assert ("a low rank would be better" in str(report)) == worse


@pytest.mark.parametrize("epochs", [0, 3])
def test_rows_that_are_held_out_have_no_part_in_the_fit(epochs, x):
    """Only in its errors: they may be anything."""
    y = numpy_of(make_teacher()(x)).copy()
    held_out = np.arange(500) % 5 == 4
    found = []
    for changed in (False, True):
        keras.utils.set_random_seed(1)
        given, wanted = x.copy(), y.copy()
        if changed:
            given[held_out] *= 3
            wanted[held_out] = 50 - wanted[held_out]
        eugen = make_eugen(trainable_projection=True)
        report = distill_layer(
            eugen,
            None,
            (given, wanted),
            ridge=0.1,
            validation_split=0.2,
            epochs=epochs,
            verbose=0,
        )
        found.append((report, [numpy_of(w) for w in eugen.weights]))
    (first, ours), (second, theirs) = found
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)
    assert second.error > 2 * first.error
    if epochs:
        assert second.fine_tuned_error > 2 * first.fine_tuned_error


@pytest.mark.parametrize(
    "options", [{}, {"trainable_projection": True}, {"modulation": True}]
)
def test_fine_tuning_starts_from_the_closed_form(options, x):
    eugen = make_eugen(num_features=4, order=1, feature_activation="relu")
    eugen = EUGenDense.from_config({**eugen.get_config(), **options})
    eugen.build((None, 6))
    before = [numpy_of(w).copy() for w in eugen.features.trainable_weights]
    report = distill_layer(
        eugen, make_teacher("relu"), x, epochs=5, learning_rate=3e-3, verbose=0
    )
    assert report.fine_tuned_error < 1.02 * report.error
    if options:
        assert report.fine_tuned_error < report.error
        for old, new in zip(
            before, eugen.features.trainable_weights, strict=True
        ):
            assert not np.allclose(old, numpy_of(new))


@pytest.mark.one_backend
def test_the_report_reads_well(x):
    report = distill_layer(make_eugen(), make_teacher(), x, verbose=0)
    text = str(report)
    assert f"{report.error:.4f}" in text
    assert f"rank {report.low_rank_rank}" in text
    assert f"{report.low_rank_error:.4f}" in text


def refused(message, data, eugen=None, teacher=None, **options):
    options = {"verbose": 0, **options}
    with pytest.raises(ValueError, match=message):
        distill_layer(
            eugen or make_eugen(), teacher or make_teacher(), data, **options
        )


def test_rows_that_are_not_finite_are_named(x):
    x[[250, 301], 0] = np.nan
    refused("2 rows of one batch: rows 250, 301", x)
    refused("rows 250", x, batch_size=100)
    x[[250, 301], 0] = 1.0
    y = numpy_of(make_teacher()(x)).copy()
    y[7, 2] = np.inf
    with pytest.raises(ValueError, match=r"Targets must be finite.*rows 7"):
        distill_layer(make_eugen(), None, (x, y), verbose=0)


@pytest.mark.one_backend
def test_too_little_data_is_refused(x):
    refused("16 rows do not determine 20 features", x[:17], ridge=0)
    refused("at least one row", x[:0])
    refused("at least one row", [])
    refused("held-out", x[:5])
    report = distill_layer(
        make_eugen(), make_teacher(), x[:5], ridge=0.1, verbose=0
    )
    assert report.held_out_rows == 0


@pytest.mark.one_backend
def test_what_does_not_fit_is_refused(x):
    refused("must give 4 outputs", x, teacher=make_teacher(units=5))
    refused("EUGenDense", x, eugen=make_teacher())
    refused("output activation", x, eugen=make_eugen(activation="relu"))
    refused("ridge=-1", x, ridge=-1)
    refused("ridge='best'", x, ridge="best")
    refused("validation_split=1", x, validation_split=1)
    refused("needs a `pool`", x, neurons=True)
    with pytest.raises(ValueError, match="pairs"):
        distill_layer(make_eugen(), None, x, verbose=0)
    with pytest.raises(ValueError, match="same number of rows"):
        distill_layer(make_eugen(), None, iter([(x, x[:50, :4])]), verbose=0)
