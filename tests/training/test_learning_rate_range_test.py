"""The sweep: its rates and losses, when it stops, what it leaves behind."""

import keras
import numpy as np
import pytest
from representatives import run_everywhere

from keras_randproj import PRPDense
from keras_randproj.training import LearningRateRangeTest

ROWS = 256


def data(rng):
    x = rng.normal(size=(ROWS, 8)).astype("float32")
    return x, x @ rng.normal(size=(8, 1)).astype("float32")


def model(optimizer=None, **compile_options):
    net = keras.Sequential(
        [
            keras.Input((8,)),
            PRPDense(16, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.1, seed=3),
            keras.layers.Dense(1),
        ]
    )
    net.compile(optimizer or keras.optimizers.Adam(1e-3), "mse")
    return net


def sweep(net, x, y, epochs=30, **options):
    test = LearningRateRangeTest(**options)
    history = net.fit(
        x, y, batch_size=32, epochs=epochs, callbacks=[test], verbose=0
    )
    return test, history


def state(net):
    variables = [*net.variables, *net.optimizer.variables]
    return [keras.ops.convert_to_numpy(v).copy() for v in variables]


def test_model_optimizer_and_rate_are_as_before(rng):
    x, y = data(rng)
    net = model()
    net.fit(x, y, epochs=1, verbose=0)
    before = state(net)
    test, _ = sweep(net, x, y, steps=30)
    assert len(test.losses) > 10
    assert max(test.losses) != min(test.losses)
    after = state(net)
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    assert float(net.optimizer.learning_rate) == pytest.approx(1e-3)


@pytest.mark.keras_order
def test_training_goes_on_as_if_there_had_been_no_sweep(rng):
    """Also where the sweep is what needs the optimizer's variables first."""
    x, y = data(rng)
    weights = []
    for with_sweep in (False, True):
        keras.utils.set_random_seed(5)
        net = model()
        if with_sweep:
            sweep(net, x, y, steps=20)
        net.fit(x, y, epochs=2, shuffle=False, verbose=0)
        weights.append(net.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_the_sweep_is_geometric_and_then_stops_training(rng):
    x, y = data(rng)
    options = {"min_rate": 1e-5, "max_rate": 1e-2, "steps": 20}
    test, history = sweep(model(), x, y, **options)
    np.testing.assert_allclose(test.rates, np.geomspace(1e-5, 1e-2, 20))
    assert len(test.losses) == len(test.smoothed) == 20
    assert len(history.epoch) == 3
    assert not test.diverged


@pytest.mark.parametrize(
    ("smoothing", "wrap"), [(0.0, False), (0.3, True), (0.9, False)]
)
def test_losses_are_those_of_single_batches_at_the_swept_rates(
    smoothing, wrap, rng
):
    """Plain gradient descent on one weight, worked out by hand."""
    x = rng.normal(size=(64, 1)).astype("float32")
    y = 3 * x
    net = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, use_bias=False)]
    )
    optimizer = keras.optimizers.SGD(0.5)
    if wrap:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    net.compile(optimizer, "mse")
    weight = float(net.get_weights()[0][0, 0])
    test = LearningRateRangeTest(1e-3, 1e-1, steps=12, smoothing=smoothing)
    net.fit(
        x, y, batch_size=16, epochs=3, shuffle=False, callbacks=[test],
        verbose=0,
    )  # fmt: skip
    mean = 0.0
    for k, rate in enumerate(np.geomspace(1e-3, 1e-1, 12)):
        part = x[16 * (k % 4) :][:16].astype("float64")
        loss = np.mean(((weight - 3) * part) ** 2)
        assert test.losses[k] == pytest.approx(loss, rel=1e-3)
        mean = smoothing * mean + (1 - smoothing) * loss
        corrected = mean / (1 - smoothing ** (k + 1))
        assert test.smoothed[k] == pytest.approx(corrected, rel=1e-3)
        weight -= rate * 2 * (weight - 3) * np.mean(part**2)


def test_divergence_stops_the_sweep(rng):
    x, y = data(rng)
    net = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    net.compile(keras.optimizers.SGD(0.1), "mse")
    before = net.get_weights()
    test, _ = sweep(net, x, y, min_rate=1e-3, max_rate=1e4, steps=100)
    assert test.diverged
    assert len(test.losses) < 100
    for old, new in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_loss_that_is_not_finite_stops_the_sweep(rng):
    x, y = data(rng)
    x[:] = np.nan
    test, _ = sweep(model(), x, y, steps=100)
    assert test.diverged
    with pytest.raises(ValueError, match="no sweep"):
        test.suggestion()


def test_the_suggestion_is_below_the_edge_of_stability(rng):
    """On a quadratic the largest stable rate is 2 / its curvature."""
    x, y = data(rng)
    net = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    net.compile(keras.optimizers.SGD(0.1), "mse")
    test, _ = sweep(net, x, y, min_rate=1e-4, max_rate=10.0, steps=100)
    edge = 1 / np.linalg.eigvalsh(x.T @ x / len(x)).max()
    assert 1e-3 < test.suggestion() < edge


@pytest.mark.one_backend
def test_vectors_ask_for_a_higher_rate_than_a_kernel(rng):
    """Why the callback is here: multiplier 1 is the paper's own form."""
    x = rng.normal(size=(ROWS, 256)).astype("float32")
    y = x[:, :8]
    found = []
    for layer in (
        keras.layers.Dense(256, activation="relu"),
        PRPDense(256, activation="relu", seed=1, lr_multiplier=1.0),
    ):
        net = keras.Sequential([keras.Input((256,)), layer])
        head = type(layer)(8, **({} if layer.name[0] == "d" else {"seed": 2}))
        net.add(head)
        net.compile("adam", "mse")
        found.append(sweep(net, x, y, steps=100)[0].suggestion())
    assert found[1] > 2 * found[0]


@pytest.mark.one_backend
def test_plot_writes_a_picture(rng, tmp_path):
    pytest.importorskip("matplotlib")
    test, _ = sweep(model(), *data(rng), steps=60)
    figure = test.plot(tmp_path / "sweep.png")
    assert (tmp_path / "sweep.png").stat().st_size > 5_000
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    np.testing.assert_allclose(axes.lines[0].get_ydata(), test.losses)


def accumulating():
    return keras.optimizers.Adam(1e-3, gradient_accumulation_steps=3)


def wrapped(make=keras.optimizers.Adam, **options):
    def wrap():
        inner = make(learning_rate=1e-3, **options)
        return keras.optimizers.LossScaleOptimizer(
            inner, initial_scale=2.0**20, dynamic_growth_steps=4
        )

    return wrap


OPTIMIZERS = {
    "wrapped": wrapped(),
    "wrapped, accumulating": wrapped(gradient_accumulation_steps=2),
    "accumulating": accumulating,
    **{
        kind.__name__: lambda kind=kind: kind(learning_rate=1e-3)
        for kind in (
            keras.optimizers.SGD,
            keras.optimizers.RMSprop,
            keras.optimizers.AdamW,
            keras.optimizers.Adadelta,
            keras.optimizers.Adagrad,
            keras.optimizers.Adamax,
            keras.optimizers.Adafactor,
            keras.optimizers.Nadam,
            keras.optimizers.Ftrl,
            keras.optimizers.Lion,
            keras.optimizers.Lamb,
        )
    },
}


# Optimizers whose state is of arrays alone, as SGD's and AdamW's is, which
# every backend assigns alike.
ARRAYS = "RMSprop", "Adadelta", "Adagrad", "Adamax", "Adafactor", "Ftrl", "Lion"


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            kind, marks=[pytest.mark.one_backend] if kind in ARRAYS else []
        )
        for kind in OPTIMIZERS
    ],
)
def test_every_optimizer_is_swept_and_left_as_it_was(kind, rng):
    x, y = data(rng)
    net = model(OPTIMIZERS[kind]())
    net.fit(x, y, batch_size=32, epochs=1, verbose=0)
    before = state(net)
    test, _ = sweep(net, x, y, steps=12, max_rate=1e-2, divergence=1e6)
    assert len(test.losses) == 12
    for old, new in zip(before, state(net), strict=True):
        np.testing.assert_array_equal(old, new)
    rate = keras.ops.convert_to_numpy(net.optimizer.learning_rate)
    assert rate == np.float32(1e-3)


AVERAGED = [(False, None), (False, 5), (True, None), (True, 5)]


@pytest.mark.parametrize(
    ("wrap", "frequency"), run_everywhere([AVERAGED[0], AVERAGED[3]], AVERAGED)
)
def test_averages_of_weights_are_left_as_they_were(wrap, frequency, rng):
    """Before any training: on JAX, Keras cannot train such a model twice."""
    options = {"use_ema": True, "ema_overwrite_frequency": frequency}
    make = wrapped(keras.optimizers.SGD, **options)
    net = model(make() if wrap else make().inner_optimizer)
    net.optimizer.build(net.trainable_variables)
    before = state(net)
    test, _ = sweep(net, *data(rng), steps=12, max_rate=1e-2, divergence=1e6)
    assert len(test.losses) == 12
    for old, new in zip(before, state(net), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("kind", ["wrapped", "accumulating", "Nadam"])
def test_no_optimizer_remembers_the_sweep(kind, rng):
    x, y = data(rng)
    weights = []
    for with_sweep in (False, True):
        keras.utils.set_random_seed(5)
        net = model(OPTIMIZERS[kind]())
        net.fit(x, y, batch_size=32, shuffle=False, verbose=0)
        if with_sweep:
            sweep(net, x, y, steps=20)
        net.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0)
        weights.append(net.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.fixture
def mixed_float16():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.usefixtures("mixed_float16")
def test_mixed_precision_is_swept(rng):
    """`compile` wraps the optimizer itself, to scale the loss."""
    x, y = data(rng)
    net = model()
    assert isinstance(net.optimizer, keras.optimizers.LossScaleOptimizer)
    net.fit(x, y, batch_size=32, verbose=0)
    before = state(net)
    test, _ = sweep(net, x, y, steps=60)
    assert test.min_rate <= test.suggestion() <= test.max_rate
    for old, new in zip(before, state(net), strict=True):
        np.testing.assert_array_equal(old, new)


def rate_refused(optimizer, message, rng):
    net = model(optimizer)
    before = net.get_weights()
    with pytest.raises(ValueError, match=message):
        sweep(net, *data(rng), steps=20)
    for old, new in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize(
    "rate",
    [keras.optimizers.schedules.CosineDecay(0.25, 10**9), lambda: 0.25],
    ids=["schedule", "function"],
)
def test_a_rate_that_is_computed_is_refused(rate, wrap, rng):
    optimizer = keras.optimizers.Adam(rate, name="mine")
    if wrap:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, name="mine")
    rate_refused(
        optimizer, "schedule.*Received: the optimizer 'mine'.*0.25", rng
    )


def test_several_rates_are_refused(rng):
    mapped = keras.optimizers.OptimizerMap(
        keras.optimizers.SGD(0.1), {".*bias": keras.optimizers.SGD(0.2)}
    )
    optimizer = keras.optimizers.MultiOptimizer(mapped)
    rate_refused(optimizer, "one learning rate.*MultiOptimizer", rng)


def test_too_few_batches_are_refused(rng):
    with pytest.raises(ValueError, match="offers 8"):
        sweep(model(), *data(rng), epochs=1, steps=20)


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_rate": 0},
        {"min_rate": 1.0, "max_rate": 0.1},
        {"max_rate": float("inf")},
        {"steps": 5},
        {"steps": 10.5},
        {"smoothing": 1.0},
        {"smoothing": -0.1},
        {"divergence": 1},
        {"divergence": "4"},
    ],
    ids=str,
)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match="Received"):
        LearningRateRangeTest(**wrong)


def test_no_sweep_no_suggestion():
    with pytest.raises(ValueError, match="call `fit`"):
        LearningRateRangeTest().suggestion()
