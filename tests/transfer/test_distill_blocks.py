"""Feed-forward blocks: found where they run, and replaced by one layer."""

import keras
import keras_hub
import numpy as np
import pytest
from keras import ops
from representatives import run_everywhere

from keras_randproj import EUGenDense
from keras_randproj import distill
from keras_randproj.transfer import feed_forwards

RULES = {"*": feed_forwards(8, seed=3)}


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.fixture
def x(rng):
    return rng.normal(size=(300, 6)).astype("float32")


def functional():
    """Two blocks with residual sums, and dense layers that are none."""
    inputs = keras.Input((6,))
    x = inputs
    for k in range(2):
        inner = keras.layers.Dense(20, name=f"inner_{k}")(x)
        inner = keras.layers.Activation("gelu", name=f"gelu_{k}")(inner)
        inner = keras.layers.Dropout(0.3, name=f"dropout_{k}")(inner)
        outer = keras.layers.Dense(6, name=f"outer_{k}")(inner)
        x = keras.layers.Add(name=f"add_{k}")([outer, x])
        x = keras.layers.LayerNormalization(name=f"norm_{k}")(x)
    gate = keras.layers.Dense(5, "sigmoid", name="gate")(x)
    up = keras.layers.Dense(5, name="up")(x)
    x = keras.layers.Dense(4, name="down")(gate * up)
    return keras.Model(inputs, x)


def sequential():
    return keras.Sequential(
        [
            keras.Input((6,)),
            # Not the same when it is applied twice, as "relu" is.
            keras.layers.Dense(20, "gelu", name="inner_0"),
            keras.layers.Dropout(0.5, name="dropout_0"),
            keras.layers.GaussianNoise(0.5, name="noise_0"),
            keras.layers.Dense(6, name="outer_0"),
            keras.layers.Dense(20, name="inner_1"),
            keras.layers.ReLU(name="relu_1"),
            keras.layers.Dense(6, name="outer_1"),
        ]
    )


@pytest.mark.parametrize(
    "make", run_everywhere([functional], [functional, sequential])
)
def test_blocks_become_one_layer_each(make, x, tmp_path):
    teacher = make()
    wanted = numpy_of(teacher(x))
    student, reports = distill(teacher, x, RULES, pool=64, verbose=0)
    names = [report.layer.split("/")[-1] for report in reports]
    assert names == ["inner_0", "inner_1"]
    for k in range(2):
        assert isinstance(student.get_layer(f"inner_{k}"), EUGenDense)
        assert student.get_layer(f"inner_{k}").units == 6
        nothing = student.get_layer(f"outer_{k}")
        assert isinstance(nothing, keras.layers.Identity)
    found = numpy_of(student(x))
    assert np.linalg.norm(found - wanted) < 0.6 * np.linalg.norm(wanted)
    np.testing.assert_array_equal(numpy_of(teacher(x)), wanted)
    student.save(tmp_path / "student.keras")
    again = keras.saving.load_model(tmp_path / "student.keras")
    np.testing.assert_array_equal(numpy_of(again(x)), found)


@pytest.mark.one_backend
def test_the_second_sum_is_corrected(x):
    """The target of a block whose output is added to what has drifted."""
    teacher = functional()
    student, reports = distill(teacher, x, RULES, ridge=1e-6, verbose=0)
    names = ["norm_0", "add_1"]
    before, after = (
        keras.Model(m.inputs, [m.get_layer(n).output for n in names])
        for m in (teacher, student)
    )
    (_, target), (given, found) = before(x), after(x)
    target, given, found = map(numpy_of, (target, given, found))
    features = numpy_of(student.get_layer("inner_1").features(given))
    features = np.concatenate([features, np.ones((300, 1))], axis=1)
    fitted = np.arange(300) % 10 != 9
    # A layer normalization is behind the sum.
    root = 1 / np.sqrt(target.var(axis=1, keepdims=True) + 1e-3)
    wanted = (target - given) * root
    best = np.linalg.lstsq((features * root)[fitted], wanted[fitted])[0]
    np.testing.assert_allclose(
        found - given, features @ best, atol=0.02 * np.abs(target).max()
    )
    error = ((found - target) * root)[~fitted]
    error = np.linalg.norm(error) / np.linalg.norm(wanted[~fitted])
    assert reports[1].error == pytest.approx(error, rel=1e-3)


def test_a_block_with_an_activation_at_its_end(x):
    """Of full rank, the rival is the teacher."""
    teacher = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(20, "gelu", name="inner"),
            keras.layers.Dense(6, "tanh", name="outer"),
        ]
    )
    rules = {"*": feed_forwards(64, seed=3)}
    student, (report,) = distill(teacher, x, rules, method="best", verbose=0)
    assert report.method == "low_rank"
    np.testing.assert_allclose(
        numpy_of(student(x)), numpy_of(teacher(x)), atol=1e-4
    )


def test_what_is_no_block_is_said(x):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    with pytest.raises(ValueError, match="`Dense -> activation -> "):
        distill(model, x, RULES, verbose=0)
    x[0, 0] = np.nan
    with pytest.raises(ValueError, match="must be finite"):
        distill(sequential(), x, RULES, verbose=0)


@pytest.mark.one_backend
def test_what_another_operation_uses_is_no_block(x):
    inputs = keras.Input((6,))
    inner = keras.layers.Dense(6, "relu", name="inner")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(6, name="o")(inner) + inner)
    with pytest.raises(ValueError, match="fit none"):
        distill(model, x, RULES, verbose=0)


@pytest.mark.one_backend
def test_a_backbone_of_keras_hub(rng):
    teacher = keras_hub.models.BertBackbone(
        vocabulary_size=50,
        num_layers=2,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=32,
        max_sequence_length=10,
        dropout=0.0,
    )
    data = {
        "token_ids": rng.integers(1, 50, (64, 10)).astype("int32"),
        "segment_ids": np.zeros((64, 10), "int32"),
        "padding_mask": np.ones((64, 10), "int32"),
    }
    rules = {"*feedforward_intermediate_dense": feed_forwards(16, seed=3)}
    student, reports = distill(teacher, data, rules, pool=64, verbose=0)
    assert len(reports) == 2
    assert student.count_params() < teacher.count_params()
    wanted, found = (
        numpy_of(m(data)["sequence_output"]) for m in (teacher, student)
    )
    assert np.linalg.norm(found - wanted) < 0.5 * np.linalg.norm(wanted)


@pytest.mark.one_backend
@pytest.mark.parametrize("method", ["low_rank", "neurons", "best"])
def test_the_best_of_several_methods(method, x):
    teacher = sequential()
    rules = {"*": feed_forwards(24, seed=3)}
    student, reports = distill(
        teacher, x, rules, pool=64, neurons=True, method=method, verbose=0
    )
    last = reports[1]
    errors = {
        "eugen": last.error,
        "low_rank": last.low_rank_error,
        "neurons": last.neurons_error,
    }
    chosen = min(errors, key=errors.get) if method == "best" else method
    assert last.method == chosen
    held_out = x[9::10]
    after = keras.Model(student.inputs, student.get_layer("outer_0").output)
    given = numpy_of(after(held_out))
    wanted = numpy_of(teacher(held_out))
    found = numpy_of(student.get_layer("inner_1")(given))
    error = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
    assert error == pytest.approx(errors[chosen], rel=1e-2)
    if chosen != "eugen":
        layer = student.get_layer("inner_1")
        assert isinstance(layer, keras.Sequential)
        assert layer.count_params() <= last.stored + last.neurons + 14


@pytest.mark.parametrize("method", ["low_rank", "neurons", "eugen"])
def test_methods_take_sequences_of_any_length(method, rng):
    x = rng.normal(size=(60, 5, 6)).astype("float32")
    inputs = keras.Input((None, 6))
    inner = keras.layers.Dense(20, "relu", name="inner")(inputs)
    teacher = keras.Model(inputs, keras.layers.Dense(6, name="outer")(inner))
    rules = {"inner": feed_forwards(24, seed=3)}
    student, _ = distill(teacher, x, rules, pool=48, method=method, verbose=0)
    longer = rng.normal(size=(30, 9, 6)).astype("float32")
    wanted, found = numpy_of(teacher(longer)), numpy_of(student(longer))
    assert np.linalg.norm(found - wanted) < 0.9 * np.linalg.norm(wanted)


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("low_rank", marks=pytest.mark.one_backend),
        pytest.param("neurons", marks=pytest.mark.one_backend),
        "eugen",
    ],
)
def test_methods_hand_masks_on(method, rng, tmp_path, recwarn):
    """Pads of any length change nothing, after a reload neither."""
    tokens = rng.integers(1, 30, (60, 5))
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(30, 6, mask_zero=True)(inputs)
    inner = keras.layers.Dense(20, "gelu", name="inner")(x)
    x = keras.layers.Add()([x, keras.layers.Dense(6)(inner)])
    teacher = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))
    student, _ = distill(
        teacher,
        tokens,
        {"*": feed_forwards(16, seed=3)},
        pool=64,
        neurons=True,
        method=method,
        verbose=0,
    )
    padded = np.pad(tokens, [(0, 0), (0, 4)])
    student.save(tmp_path / "student.keras")
    for model in (student, keras.saving.load_model(tmp_path / "student.keras")):
        np.testing.assert_allclose(
            numpy_of(model(padded)),
            numpy_of(student(tokens)),
            rtol=1e-4,
            atol=1e-5,
        )
    assert not [w for w in recwarn if "destroy the mask" in str(w.message)]


@pytest.mark.one_backend
def test_a_rule_for_the_second_of_three_layers(x):
    """The first two would be a block, too, but no rule names their first."""
    teacher = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(16, "relu", name="one"),
            keras.layers.Dense(16, "relu", name="two"),
            keras.layers.Dense(3, name="three"),
        ]
    )
    rules = {"two": feed_forwards(8, seed=3)}
    student, (report,) = distill(teacher, x, rules, pool=64, verbose=0)
    assert isinstance(student.get_layer("two"), EUGenDense)
    assert student.get_layer("two").units == 3
    assert report.layer.endswith("two")
    np.testing.assert_array_equal(
        *(numpy_of(m.get_layer("one").kernel) for m in (teacher, student))
    )


@pytest.mark.one_backend
def test_a_method_that_there_is_none_of(x):
    with pytest.raises(ValueError, match="needs a `pool`"):
        distill(sequential(), x, RULES, method="neurons", verbose=0)
    with pytest.raises(ValueError, match="method='svd'"):
        distill(sequential(), x, RULES, method="svd", verbose=0)
