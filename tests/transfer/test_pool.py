"""Features chosen from a pool, against choosing them by hand."""

import keras
import numpy as np
import pytest
from keras import ops
from representatives import run_everywhere

from keras_randproj import EUGenDense
from keras_randproj import distill_layer
from keras_randproj.transfer.normal_equations import SumsToChooseBy
from tests.transfer.test_forward_selection import brute_force


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.fixture
def x(rng):
    return rng.normal(size=(300, 6)).astype("float32")


@pytest.fixture
def teacher():
    teacher = keras.layers.Dense(5, activation="relu", name="teacher")
    teacher.build((None, 6))
    kernel = np.random.default_rng(5).normal(size=(6, 5))
    teacher.kernel.assign(kernel)
    return teacher


def make(count=4, **options):
    options = {
        "order": 1,
        "feature_activation": "relu",
        "projection": "gaussian",
        "shift": 0.5,
        "norm_feature": False,
        "seed": 3,
        **options,
    }
    return EUGenDense(5, count, **options)


def by_hand(x, y, size, order, teacher=None, count=4):
    """Rows, neurons and directions that brute force chooses."""
    features = make(size, order=order).features
    found = numpy_of(features(x)).astype("float64")
    candidates = np.tile(np.arange(size), order)
    costs = np.full(size, 1.0 + 5 * order)
    if teacher is not None:
        found = np.concatenate([found, numpy_of(teacher(x))], axis=1)
        candidates = np.append(candidates, size + np.arange(5))
        costs = np.append(costs, np.full(5, 7.0 + 5))
    fitted = np.arange(300) % 10 != 9
    budget = count * (1 + 5 * order)
    if teacher is not None:
        directions = linear(x, y, fitted, budget // 11)
        found = np.concatenate([found, directions], axis=1)
        more = np.arange(directions.shape[1])
        candidates = np.append(candidates, size + 5 + more)
        costs = np.append(costs, np.full(len(more), 6.0 + 5))
    found, y = found[fitted], y[fitted]
    found, y = found - found.mean(0), y - y.mean(0)
    chosen = sorted(brute_force(found, y, budget, costs, candidates))
    ends = size, size + 5
    return [
        [k for k in chosen if k < ends[0]],
        [k - size for k in chosen if ends[0] <= k < ends[1]],
        [k - ends[1] for k in chosen if k >= ends[1]],
    ]


def linear(x, y, fitted, count):
    """Directions of x that the best linear map of this rank looks at."""
    given, wanted = x[fitted].astype("float64"), y[fitted]
    given, wanted = given - given.mean(0), wanted - wanted.mean(0)
    kernel = np.linalg.lstsq(given, wanted, rcond=None)[0]
    outputs = np.linalg.svd(given @ kernel, full_matrices=False)[2].T
    return x @ kernel @ outputs[:, :count]


@pytest.mark.parametrize("order", run_everywhere([2], [1, 2]))
def test_rows_are_those_of_brute_force(order, teacher, x):
    y = numpy_of(teacher(x))
    eugen = make(order=order)
    report = distill_layer(eugen, teacher, x, pool=20, verbose=0)
    rows, *_ = by_hand(x, y, 20, order)
    assert list(eugen.features.family.rows) == rows
    fresh = make(order=order)
    first = distill_layer(fresh, teacher, x, verbose=0)
    assert report.error < first.error
    assert report.stored == first.stored + 4
    held_out = np.arange(300) % 10 == 9
    error = numpy_of(eugen(x))[held_out] - y[held_out]
    error = np.linalg.norm(error) / np.linalg.norm(y[held_out])
    assert report.error == pytest.approx(error, rel=1e-3)


def test_neurons_compete_with_rows(teacher, x, tmp_path):
    eugen = make(9)
    report = distill_layer(
        eugen, teacher, x, pool=20, neurons=True, ridge=1e-6, verbose=0
    )
    model = keras.Sequential([keras.Input((6,)), eugen])
    rows, neurons, directions = by_hand(
        x, numpy_of(teacher(x)), 20, 1, teacher, 9
    )
    assert neurons
    assert directions
    assert report.neurons == len(neurons)
    assert report.residual_rank == len(directions)
    assert list(eugen.features.family.rows) == rows
    np.testing.assert_array_equal(
        numpy_of(eugen.features.neurons.kernel),
        numpy_of(teacher.kernel)[:, neurons],
    )
    fitted = np.arange(300) % 10 != 9
    wanted = linear(x, numpy_of(teacher(x)), fitted, 5)[:, directions]
    found = x @ numpy_of(eugen.features.residual.kernel)
    wanted /= wanted[fitted].std(axis=0)
    signs = np.sign(np.sum(found * wanted, axis=0))
    np.testing.assert_allclose(found * signs, wanted, atol=1e-3)
    assert report.stored <= 9 * 6 + 5
    fresh = EUGenDense.from_config(eugen.get_config())
    fresh.build((None, 6))
    fresh.set_weights(eugen.get_weights())
    wanted = numpy_of(eugen(x))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numpy_of(again(x)), wanted)
    if keras.backend.backend() == "torch":
        # What torch trains is what there is now.
        found = {id(p) for p in model.parameters()}
        assert found == {id(w.value) for w in model.weights}


def test_a_teacher_that_is_not_built_yet(x):
    teacher = keras.layers.Dense(5, activation="relu")
    report = distill_layer(make(), teacher, x, pool=20, neurons=True, verbose=0)
    assert report.neurons_error is not None


@pytest.mark.one_backend
def test_neurons_alone_are_a_rival(teacher, x):
    report = distill_layer(make(12), teacher, x, pool=40, verbose=0)
    # A neuron stores 6 + 1 + 5 numbers, a row 1 + 5: six neurons, all five.
    assert report.neurons_error < 1e-3
    assert "the teacher's own neurons would be better" in str(report)


@pytest.mark.one_backend
def test_a_budget_below_a_neuron(teacher, x):
    report = distill_layer(make(1), teacher, x, pool=20, verbose=0)
    # A neuron stores 12 numbers, a row 6.
    assert report.neurons_error is None
    assert report.error < report.mean_error


@pytest.mark.one_backend
def test_rivals_may_be_left_out(teacher, x):
    every, none = make(), make()
    options = {"pool": 20, "neurons": True, "verbose": 0}
    wanted = distill_layer(every, teacher, x, **options)
    report = distill_layer(none, teacher, x, rivals=False, **options)
    assert wanted.neurons_error
    assert wanted.low_rank_in_memory_error
    assert report.neurons_error is None
    assert report.low_rank_error is None
    assert report.low_rank_in_memory_error is None
    assert report.error == wanted.error
    np.testing.assert_array_equal(numpy_of(none(x)), numpy_of(every(x)))


@pytest.mark.one_backend
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_to_choose_by_are_exact_to_rounding(weighted, rng):
    """Means a hundred times the deviations do not show in the products."""
    features = (100 + rng.normal(size=(3000, 20))).astype("float32")
    targets = rng.normal(size=(3000, 4)).astype("float32")
    weights = rng.uniform(size=3000) if weighted else None
    sums = SumsToChooseBy(20, 4)
    for part in np.split(np.arange(3000), [100, 2000]):
        own = None if weights is None else weights[part]
        sums.add(features[part], targets[part], own)
    gram, cross, _, _ = sums.centred()
    both = np.concatenate([features, targets], axis=1).astype("float64")
    wanted = np.cov(both.T, bias=True, aweights=weights)
    np.testing.assert_allclose(gram, wanted[:20, :20], atol=1e-6)
    np.testing.assert_allclose(cross, wanted[:20, 20:], atol=1e-6)


@pytest.mark.one_backend
def test_a_pool_of_hadamard_outputs(teacher, x):
    eugen = make(projection="hadamard")
    report = distill_layer(eugen, teacher, x, pool=64, verbose=0)
    assert report.error < report.mean_error
    assert len(eugen.features.family.rows) == 4


def test_a_pool_takes_fine_tuning(teacher, x):
    eugen = make()
    report = distill_layer(
        eugen, teacher, x, pool=20, neurons=True, epochs=3, verbose=0
    )
    assert report.fine_tuned_error < 1.2 * report.error


@pytest.mark.one_backend
def test_what_no_pool_can_be(teacher, x):
    def refused(message, eugen, **options):
        with pytest.raises(ValueError, match=message):
            distill_layer(eugen, teacher, x, verbose=0, **options)

    refused("'orthogonal'", make(projection="orthogonal"), pool=20)
    refused(
        "trainable_projection=True", make(trainable_projection=True), pool=9
    )
    refused("pool=3", make(), pool=3)
    refused("pool=0", make(), pool=0)
    refused(
        "needs a teacher of dense",
        make(feature_activation="gelu"),
        pool=20,
        neurons=True,
    )
