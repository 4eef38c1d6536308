"""Conversion of every kind of model, and of real ones."""

import keras
import keras_hub
import numpy as np
import pytest
from keras import ops

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import convert
from keras_randproj.transfer import to_eugen
from keras_randproj.transfer import to_prp
from keras_randproj.transfer.conversion import conversion
from keras_randproj.transfer.dense_view import AxesAdapter


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def sequential():
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, "relu", name="first"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dense(8, "relu", name="second"),
            keras.layers.Dense(3, name="head"),
        ],
        name="net",
    )


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = keras.layers.Dense(8, "relu", name="first")
        self.blocks = [keras.layers.Dense(8, name=f"b{k}") for k in range(2)]
        self.heads = {"a": keras.layers.Dense(8, name="a")}
        self.attention = keras.layers.MultiHeadAttention(2, 4)
        self.tail = keras.Sequential([keras.layers.Dense(3, name="tail")])

    def call(self, inputs):
        x = self.first(inputs)
        for block in self.blocks:
            x = block(x)
        x = self.heads["a"](x)
        return self.tail(self.attention(x, x))

    def get_config(self):
        return super().get_config()


def one(layer):
    """A rule's right side that leaves a known function: all ones."""
    return keras.layers.Dense(
        layer.units,
        kernel_initializer="ones",
        name=layer.name,
        activation=layer.activation,
    )


def reference(model, names):
    """The model with these layers' weights set in place to what `one` has."""
    for name in names:
        layer = model.get_layer(name)
        layer.kernel.assign(np.ones(layer.kernel.shape))
        layer.bias.assign(np.zeros(layer.bias.shape))
    return model


def test_sequential(rng):
    model = sequential()
    x = rng.normal(size=(4, 6)).astype("float32")
    model.get_layer("norm").moving_mean.assign(rng.normal(size=8))
    before = numpy_of(model(x))
    new = convert(model, {"second": one}, verbose=0)
    assert type(new) is keras.Sequential
    assert new.name == "net"
    assert [la.name for la in new.layers] == [la.name for la in model.layers]
    np.testing.assert_array_equal(numpy_of(model(x)), before)
    assert not np.allclose(numpy_of(new(x)), before)
    expected = numpy_of(reference(model, ["second"])(x))
    np.testing.assert_allclose(numpy_of(new(x)), expected, rtol=1e-5)


def test_functional_with_shared_layers_several_inputs_and_nesting(rng):
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    shared = keras.layers.Dense(6, "tanh", name="shared")
    inner = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(3, name="deep")], name="inner"
    )
    out = inner(shared(a) * 2.0 + shared(b))
    model = keras.Model([a, b], out, name="both")
    x = [rng.normal(size=(4, 6)).astype("float32") for _ in range(2)]
    rules = [(lambda la: la.name in ("shared", "deep"), one)]
    done = conversion(model, rules, verbose=0)
    assert [r.path for r in done.replaced] == ["shared", "inner/deep"]
    new = done.model
    assert type(new) is type(model)
    assert new.get_layer("inner").get_layer("deep") is not None
    shared.kernel.assign(np.ones((6, 6)))
    deep = inner.get_layer("deep")
    deep.kernel.assign(np.ones((6, 3)))
    np.testing.assert_allclose(
        numpy_of(new(x)), numpy_of(model(x)), rtol=1e-4, atol=1e-5
    )


def test_subclassed(rng, tmp_path):
    model = Subclassed()
    x = rng.normal(size=(2, 3, 6)).astype("float32")
    before = numpy_of(model(x))
    rules = {
        "*/first": to_eugen(4, unbiased=True),
        "*/b1": to_prp(seed=2),
        "*/a": to_prp(),
        "*/query": to_eugen(5),
        "*/attention_output": to_prp(seed=1),
        "*tail*": to_prp(projection="hadamard", seed=3),
    }
    done = conversion(model, rules, verbose=0)
    new = done.model
    assert type(new) is Subclassed
    assert isinstance(new.first, EUGenDense)
    assert isinstance(new.blocks[1], PRPDense)
    assert type(new.blocks[0]) is keras.layers.Dense
    assert isinstance(new.heads["a"], PRPDense)
    assert isinstance(new.attention._query_dense, AxesAdapter)
    assert isinstance(new.tail.layers[-1], PRPDense)
    assert len(done.replaced) == 6
    np.testing.assert_array_equal(numpy_of(model(x)), before)
    np.testing.assert_array_equal(
        numpy_of(new.blocks[0].kernel), numpy_of(model.blocks[0].kernel)
    )
    # Training reaches the new layers, and no weight of a replaced one is left.
    assert len(new.weights) == len({id(w) for w in new.weights})
    old = [numpy_of(w).copy() for w in new.trainable_weights]
    new.compile(keras.optimizers.Adam(0.01), "mse")
    new.fit(x, np.ones((2, 3, 3)), verbose=0)
    changed = [
        not np.array_equal(numpy_of(w), o)
        for w, o in zip(new.trainable_weights, old, strict=True)
    ]
    kept_out = [
        w.path
        for w, c in zip(new.trainable_weights, changed, strict=True)
        if not c
    ]
    assert all("key/bias" in path for path in kept_out), kept_out
    # Weights travel to a model converted by the same rules.
    new.save_weights(tmp_path / "w.weights.h5")
    again = convert(model, rules, verbose=0)
    again.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(numpy_of(again(x)), numpy_of(new(x)))


def test_a_converted_graph_saves_whole(tmp_path, rng):
    new = convert(
        sequential(), {"first": to_eugen(4), "second": to_prp()}, verbose=0
    )
    x = rng.normal(size=(4, 6)).astype("float32")
    new.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(numpy_of(loaded(x)), numpy_of(new(x)))


def test_a_prp_layer_of_einsum_dense_is_the_same_map(rng):
    """An adapter around the layer's own dense view changes nothing."""
    for equation, shape, bias, source in (
        ("abc,cde->abde", (3, 2, 4), "de", (3, 6)),
        ("abcd,cde->abe", (3, 5), "e", (3, 2, 4)),
        ("...x,xy->...y", (3, 5), "y", (3, 6)),
    ):
        layer = keras.layers.EinsumDense(
            equation,
            shape,
            bias_axes=bias,
            activation="tanh",
            bias_initializer="normal",
            name="einsum",
        )
        model = keras.Sequential([keras.Input(source), layer])
        new = convert(model, {"einsum": lambda dense: _copy(dense)}, verbose=0)
        x = rng.normal(size=(2, *source)).astype("float32")
        np.testing.assert_allclose(
            numpy_of(new(x)), numpy_of(model(x)), rtol=1e-5, atol=1e-6
        )


def _copy(dense):
    new = keras.layers.Dense.from_config(dense.get_config())
    new.build((None, dense.kernel.shape[0]))
    new.set_weights(dense.get_weights())
    return new


def test_what_is_skipped_has_a_reason(capsys):
    model = keras.Sequential(
        [
            keras.Input((4, 6)),
            keras.layers.Dense(6, name="one"),
            keras.layers.Lambda(lambda t: 2 * t, name="double"),
            keras.layers.EinsumDense("abc,bd->adc", (2, 6), name="mixing"),
            keras.layers.Conv1D(3, 1, groups=3, name="conv"),
            keras.layers.Dense(3, activation="softmax", name="last"),
        ]
    )
    rules = {
        "one": to_prp(),
        "mixing": to_prp(),
        "conv": to_prp(),
        "last": to_eugen(4, unbiased=True),
    }
    done = conversion(model, rules)
    reasons = {path.split("/")[-1]: why for path, why in done.skipped}
    assert "Lambda" in reasons["double"]
    assert "last axes" in reasons["mixing"]
    assert "groups 1" in reasons["conv"]
    assert "no polynomial" in reasons["last"]
    printed = capsys.readouterr().out
    for text in (
        "replaced",
        "skipped",
        "double",
        "parameters",
        "FLOPs",
        "optimizer",
    ):
        assert text in printed
    x = np.ones((2, 4, 6), "float32")
    assert new_shape(done.model, x) == new_shape(model, x)


def new_shape(model, x):
    return tuple(model(x).shape)


def test_flops_and_parameters(capsys):
    convert(sequential(), {"second": to_eugen(2, order=1)})
    printed = capsys.readouterr().out
    # Dense 8 x 8; EUGen (8 + 1) x 2 and 2 x 8.
    assert "FLOPs a row 128 -> 68" in printed
    assert "parameters 72 -> 42" in printed


def test_rules_by_type_and_first_match():
    rules = [("head", to_prp(seed=1)), (keras.layers.Dense, to_eugen(2))]
    new = convert(sequential(), rules, verbose=0)
    kinds = [type(new.get_layer(n)) for n in ("first", "second", "head")]
    assert kinds == [EUGenDense, EUGenDense, PRPDense]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"nothing": to_prp()}, "fit none of 'net': 'nothing'.*head"),
        ({"head": lambda dense: None}, "No layer of 'net' was replaced"),
        ({3: to_prp()}, "selector"),
        ({"head": 3}, "maker"),
        ([3], "pairs"),
    ],
)
def test_bad_rules(rules, message):
    with pytest.raises(ValueError, match=message):
        convert(sequential(), rules, verbose=0)


def attention_model():
    inner = keras.Sequential(
        [keras.Input((4, 6)), keras.layers.Dense(6, name="deep")], name="inner"
    )
    x = keras.Input((4, 6))
    y = inner(x)
    y = keras.layers.MultiHeadAttention(2, 3, name="attention")(y, y)
    return keras.Model(x, keras.layers.Dense(2, name="head")(y), name="net")


def never(layer):
    return False


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        (("haed", to_prp()), "'haed'"),
        ((keras.layers.GroupQueryAttention, to_prp()), "QueryAttention"),
        ((never, to_prp()), "never"),
        # A model is followed, and is no layer to be replaced.
        (("inner", to_prp()), "'inner'"),
        # Not attention itself, and no layer in it is called so.
        (("attention", to_eugen(4)), "'attention'"),
        # An earlier rule takes the only layer of that name.
        (("h*", to_eugen(4)), r"'h\*'"),
    ],
    ids=["haed", "class", "function", "inner", "attention", "h*"],
)
def test_a_rule_without_effect_is_refused(rule, shown):
    """Though another one has an effect."""
    rules = [("head", to_prp()), rule]
    with pytest.raises(ValueError, match=f"fit none of 'net': .*{shown}") as e:
        convert(attention_model(), rules, verbose=0)
    assert "inner/deep" in str(e.value)
    assert "attention" in str(e.value)
    convert(attention_model(), rules[:1], verbose=0)


def test_a_rule_whose_layers_are_skipped_has_had_its_effect():
    rules = [("head", to_prp()), ("deep", lambda dense: None)]
    done = conversion(attention_model(), rules, verbose=0)
    assert [path for path, _ in done.skipped] == ["inner/deep"]


def test_the_layers_that_a_rule_could_have_named_are_listed_to_a_limit():
    layers = [keras.layers.Dense(2, name=f"layer_{k}") for k in range(25)]
    model = keras.Sequential([keras.Input((2,)), *layers])
    with pytest.raises(ValueError, match=r"layer_19, \.\.\.$"):
        convert(model, {"layr": to_prp()}, verbose=0)


@keras.saving.register_keras_serializable("tests")
class InTuple(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pair = (keras.layers.Dense(3, name="left"), attention_model())
        self.last = keras.layers.Dense(2, name="last")

    def call(self, inputs):
        return self.last(self.pair[1](inputs)) + self.pair[0](inputs)[..., :2]

    def get_config(self):
        return super().get_config()


def test_a_layer_in_a_tuple_is_skipped_with_a_reason():
    model = InTuple()
    model(np.ones((2, 4, 6), "float32"))
    rules = {"*left": to_prp(), "*last": to_prp(), "*head": to_prp()}
    done = conversion(model, rules, verbose=0)
    reasons = {path.split("/")[-1]: why for path, why in done.skipped}
    assert reasons.keys() == {"left", "head"}
    assert "tuple" in reasons["left"]
    assert isinstance(done.model.last, PRPDense)
    assert type(done.model.pair[0]) is keras.layers.Dense


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_prp_layer_has_a_bias_where_the_dense_layer_had_one(use_bias):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(3, use_bias=use_bias, name="dense"),
            keras.layers.Reshape((3, 1)),
            keras.layers.EinsumDense(
                "abc,cd->abd",
                (None, 4),
                bias_axes="d" if use_bias else None,
                name="einsum",
            ),
        ]
    )
    rules = [(lambda layer: layer.name in ("dense", "einsum"), to_prp(seed=1))]
    new = convert(model, rules, verbose=0)
    for name in ("dense", "einsum"):
        layer = new.get_layer(name)
        assert isinstance(layer, PRPDense)
        assert layer.use_bias == use_bias
        assert len(layer.trainable_weights) == 2 + use_bias


def test_a_model_that_is_not_built():
    with pytest.raises(ValueError, match="built"):
        convert(Subclassed(), {"*": to_prp()}, verbose=0)
    with pytest.raises(ValueError, match="need `data`"):
        convert(sequential(), {"*": to_prp()}, verbose=0, ridge=1.0)


@pytest.mark.one_backend
def test_mobilenet():
    model = keras.applications.MobileNetV2(
        weights=None, input_shape=(32, 32, 3), classes=5, alpha=0.35
    )
    new = convert(model, {"predictions": to_prp(seed=1)}, verbose=0)
    assert new.output_shape == (None, 5)
    assert isinstance(new.layers[-1], PRPDense)
    assert len(new.layers) == len(model.layers)
    for old, copy in zip(model.layers[:-1], new.layers[:-1], strict=True):
        assert (type(old), old.name) == (type(copy), copy.name)
        for w, v in zip(old.get_weights(), copy.get_weights(), strict=True):
            np.testing.assert_array_equal(w, v)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("BertBackbone", marks=pytest.mark.one_backend),
        "GPT2Backbone",
    ],
)
def test_keras_hub(name, rng):
    model = getattr(keras_hub.models, name)(
        vocabulary_size=50,
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=8,
    )
    x = {
        "token_ids": rng.integers(0, 50, (40, 8)),
        "padding_mask": np.ones((40, 8), "int32"),
    }
    if name == "BertBackbone":
        x["segment_ids"] = np.zeros((40, 8), "int32")
    rules = {
        "*feedforward_intermediate_dense": to_eugen(
            32, order=1, feature_activation="relu", seed=4
        ),
    }
    if name == "BertBackbone":
        rules["pooled_dense"] = to_prp()
    new = convert(model, rules, data=x, verbose=0)
    assert type(new) is type(model)
    found = [
        layer
        for layer in new._flatten_layers()
        if isinstance(layer, EUGenDense)
    ]
    assert len(found) == 2
    for wanted, got in zip(
        keras.tree.flatten(model(x)), keras.tree.flatten(new(x)), strict=True
    ):
        wanted, got = numpy_of(wanted), numpy_of(got)
        change = np.linalg.norm(got - wanted) / np.linalg.norm(wanted)
        assert 0 < change < 0.1, change


@pytest.mark.parametrize(
    ("width", "projection", "warned"),
    [
        (33, "hadamard", True),
        (33, "gaussian", False),
        (64, "hadamard", False),
    ],
)
def test_padding_and_the_start_are_said(width, projection, warned, capsys):
    model = keras.Sequential([keras.Input((width,)), keras.layers.Dense(64)])
    convert(model, {"*": to_prp(projection=projection)})
    said = capsys.readouterr().out
    assert "starts near chance" in said
    assert ("pads 33 inputs to 64" in said) == warned
