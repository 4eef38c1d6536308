"""What is trained in a model is trained in its conversion, and no more."""

import keras
import numpy as np
import pytest

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import convert
from keras_randproj import distill
from keras_randproj.transfer import to_eugen
from keras_randproj.transfer import to_prp
from keras_randproj.transfer.dense_view import AxesAdapter


def dense(name, units=4):
    return keras.layers.Dense(units, name=name)


def graph():
    """Nested models, a shared layer, a normalisation, an attention."""
    shared = dense("shared", 6)
    inner = keras.Sequential(
        [
            keras.Input((None, 6)),
            dense("deep", 6),
            keras.layers.BatchNormalization(name="norm"),
            shared,
        ],
        name="inner",
    )
    x = keras.Input((3, 6))
    y = shared(inner(x))
    y = keras.layers.MultiHeadAttention(2, 3, name="attention")(y, y)
    y = keras.layers.EinsumDense("abc,cde->abde", (3, 2, 4), name="einsum")(y)
    return keras.Model(x, dense("head")(y))


@keras.saving.register_keras_serializable("tests.trainable")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = dense("first", 6)
        self.blocks = [dense(f"block_{k}", 6) for k in range(2)]
        norm = keras.layers.BatchNormalization(name="norm")
        self.pair = (dense("left", 6), norm)
        self.attention = keras.layers.MultiHeadAttention(2, 3, name="attention")
        tail = [dense("tail_0"), dense("tail_1")]
        self.tail = keras.Sequential(tail, name="tail")

    def call(self, inputs):
        x = self.first(inputs)
        for layer in (*self.blocks, *self.pair):
            x = layer(x)
        return self.tail(self.attention(x, x))

    def get_config(self):
        return super().get_config()


def subclassed():
    model = Subclassed()
    model(np.ones((2, 3, 6), "float32"))
    return model


def sequential():
    return keras.Sequential(
        [
            keras.Input((3, 6)),
            dense("first"),
            keras.layers.BatchNormalization(name="norm"),
            dense("second"),
        ]
    )


MODELS = {"sequential": sequential, "graph": graph, "subclassed": subclassed}
RULES = {
    "one": {"*first": to_prp(seed=1)},
    "shared": {"*shared": to_eugen(4)},
    "einsum": {"einsum": to_prp(seed=1)},
    "inside attention": {"*query": to_prp(seed=1)},
    "attention": {keras.layers.MultiHeadAttention: to_prp(seed=1)},
    "tail": {"*tail_0": to_prp(seed=1)},
    "head": {"head": to_eugen(4)},
}
CASES = [
    ("sequential", "one"),
    ("graph", "shared"),
    ("graph", "einsum"),
    ("graph", "inside attention"),
    ("graph", "attention"),
    ("graph", "head"),
    ("subclassed", "one"),
    ("subclassed", "inside attention"),
    ("subclassed", "attention"),
    ("subclassed", "tail"),
]


def parts(model):
    """The model and all layers in it, by the names on the way to them."""
    found = {}

    def walk(layer, path):
        found[path] = layer
        for part in layer._layers:
            if not isinstance(part, keras.layers.InputLayer):
                walk(part, f"{path}/{part.name}")

    walk(model, "")
    return found


def flags(model):
    """Of each layer: its flag, and which of its weights the model trains.

    Weights are those of layers that hold no others.
    """
    trained = {id(weight) for weight in model.trainable_weights}
    return {
        (path, type(part)): (
            part.trainable,
            [] if part._layers else [id(w) in trained for w in part.weights],
        )
        for path, part in parts(model).items()
    }


def assert_as_before(new, old):
    """Flags of layers that both have."""
    ours, theirs = flags(new), flags(old)
    both = ours.keys() & theirs.keys()
    assert len(both) > len(theirs) / 2
    for key in both:
        assert ours[key] == theirs[key], key


def freeze_all(model):
    model.trainable = False


def freeze_one_by_one(model):
    """Each second layer, in an order in which parents come first."""
    for k, part in enumerate(parts(model).values()):
        part.trainable = k % 3 != 1


def thaw_inside_frozen(model):
    """A frozen model whose leaves are marked as trained."""
    model.trainable = False
    for part in parts(model).values():
        if not part._layers:
            part.trainable = True


def freeze_a_weight(model):
    """Vectors only, as a user may choose them by hand."""
    for weight in model.trainable_weights:
        weight.trainable = len(weight.shape) == 1


WAYS = (freeze_all, freeze_one_by_one, thaw_inside_frozen, freeze_a_weight)


@pytest.mark.one_backend
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("make", "rules"), CASES)
def test_flags_are_those_of_the_model(make, rules, way):
    model = MODELS[make]()
    way(model)
    before = flags(model)
    new = convert(model, RULES[rules], verbose=0)
    assert_as_before(new, model)
    assert flags(model) == before


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize(
    ("make", "rules", "path", "kind"),
    [
        ("sequential", "one", "first", PRPDense),
        ("graph", "shared", "shared", EUGenDense),
        ("graph", "einsum", "einsum", AxesAdapter),
        ("subclassed", "one", "first", PRPDense),
    ],
)
def test_a_replacement_is_as_frozen_as_what_it_replaces(
    make, rules, path, kind, frozen
):
    model = MODELS[make]()
    for name, part in parts(model).items():
        part.trainable = (name.split("/")[-1] != path) == frozen
    new = convert(model, RULES[rules], verbose=0)
    (found,) = (p for p in new._flatten_layers() if isinstance(p, kind))
    assert found.trainable == (not frozen)
    assert bool(found.trainable_weights) == (not frozen)


def test_it_keeps_what_keras_keeps():
    model = sequential()
    model.get_layer("norm").trainable = False
    model.get_layer("second").trainable = False
    copies = (
        keras.models.clone_model(model),
        convert(model, RULES["one"], verbose=0),
    )
    for copy in copies:
        kept = [layer.trainable for layer in copy.layers]
        assert kept == [True, False, False]
        assert not copy.get_layer("second").trainable_weights


def test_frozen_normalisation_keeps_its_statistics():
    model = sequential()
    model.get_layer("norm").trainable = False
    new = convert(model, RULES["one"], verbose=0)
    new.compile("sgd", "mse")
    before = new.get_layer("norm").get_weights()
    head = new.get_layer("second").get_weights()
    new.fit(np.full((8, 3, 6), 5.0), np.ones((8, 3, 4)), verbose=0)
    for old, found in zip(
        before, new.get_layer("norm").get_weights(), strict=True
    ):
        np.testing.assert_array_equal(old, found)
    assert np.any(head[0] != new.get_layer("second").get_weights()[0])


def test_a_frozen_teacher_is_distilled_and_fine_tuned(rng):
    """Its flags say what is trained later; the distillation is asked for."""
    x = rng.normal(size=(300, 6)).astype("float32")
    errors = []
    for frozen in (False, True):
        keras.utils.set_random_seed(3)
        model = keras.Sequential(
            [
                keras.Input((6,)),
                keras.layers.Dense(8, "gelu", name="hidden"),
                keras.layers.Dense(2),
            ]
        )
        model.trainable = not frozen
        rules = {"hidden": to_eugen(3, seed=1, trainable_projection=True)}
        student, (report,) = distill(
            model, x, rules, epochs=20, learning_rate=3e-3, verbose=0
        )
        errors.append((report.error, report.fine_tuned_error))
        assert bool(student.trainable_weights) == (not frozen)
        assert student.get_layer("hidden").trainable == (not frozen)
    assert errors[0] == pytest.approx(errors[1], rel=1e-3)
    assert errors[0][1] < 0.95 * errors[0][0]
