"""keras.distribution on eight virtual devices (JAX)."""

import keras
import models
import numpy as np
import pytest

import keras_randproj
from keras_randproj.distribution import layout_map
from keras_randproj.layers.eugen.features import EUGenFeatures

if keras.backend.backend() != "jax":
    pytest.skip("keras.distribution is for JAX", allow_module_level=True)

import jax

# The order of sums differs.
TOLERANCE = {"rtol": 2e-5, "atol": 2e-6}


@pytest.fixture(autouse=True)
def _one_distribution_a_test():
    yield
    keras.distribution.set_distribution(None)


@pytest.fixture(scope="module")
def alone():
    """Losses on one device."""
    return {make: models.losses(make)[1] for make in models.MODELS}


def use(shape):
    mesh = keras.distribution.DeviceMesh(shape, ("batch", "model"))
    layouts = layout_map(mesh, replicated=("head",))
    keras.distribution.set_distribution(
        keras.distribution.ModelParallel(layout_map=layouts)
    )


def assert_each_device_holds_its_part(model, divided_by):
    """Every part of every P is the sub-block that the seed gives."""
    for projection in models.built_projections(model):
        for weight, initializer in models.fresh_weights(projection):
            spans = tuple((0, size) for size in weight.shape)
            whole = np.asarray(initializer.block(spans, None), weight.dtype)
            shards = weight.value.addressable_shards
            assert len(shards) == jax.device_count()
            for shard in shards:
                expected = models.fingerprint(whole[shard.index])
                assert models.fingerprint(shard.data) == expected
            head = "head" in weight.path
            if weight.name == "matrix" and not head:
                part = shards[0].data
                assert part.size * divided_by == whole.size, weight.path


@pytest.mark.parametrize("make", models.MODELS)
def test_data_parallel_gives_the_losses_of_one_device(make, alone):
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    model, losses = models.losses(make)
    np.testing.assert_allclose(losses, alone[make], **TOLERANCE)
    assert_each_device_holds_its_part(model, 1)


@pytest.mark.parametrize("make", models.MODELS)
def test_model_parallel_gives_the_losses_of_one_device(make, alone):
    shape = (1, 8) if make in models.MODELS[::2] else (2, 4)
    use(shape)
    model, losses = models.losses(make)
    np.testing.assert_allclose(losses, alone[make], **TOLERANCE)
    assert_each_device_holds_its_part(model, shape[1])


def test_no_part_of_a_matrix_is_made_twice_or_whole(monkeypatch):
    use((2, 4))
    asked = []
    original = keras_randproj.projections.HeldMatrix._matrix

    def entries(self, spans, dtype):
        asked.append(spans)
        return original(self, spans, dtype)

    monkeypatch.setattr(
        keras_randproj.projections.HeldMatrix, "_matrix", entries
    )
    layer = keras_randproj.PRPDense(64, seed=1)
    layer.build((None, 16))
    assert sorted(asked) == [
        ((0, 16), (start, start + 16)) for start in range(0, 64, 16)
    ]


def compiled_step(model):
    """The program of a training step, after the partitioner."""
    x, y = models.data(model)
    layout = keras.distribution.distribution().get_data_layout(x.shape)
    x, y = (jax.device_put(a, layout.backend_layout) for a in (x, y))
    trained, fixed = (
        [v.value for v in variables]
        for variables in (
            model.trainable_variables,
            model.non_trainable_variables,
        )
    )

    def loss(trained, fixed, x, y):
        outputs, _ = model.stateless_call(trained, fixed, x)
        return keras.ops.mean(keras.ops.square(outputs - y))

    step = jax.jit(jax.value_and_grad(loss))
    return step.lower(trained, fixed, x, y).compile().as_text()


def gathers(program):
    """The lines of a program that gather something from several devices."""
    return "\n".join(
        line for line in program.splitlines() if "all-gather" in line
    )


@pytest.mark.parametrize("make", [models.mlp, models.eugen, models.transformer])
def test_no_matrix_is_gathered(make):
    use((1, 8))
    model = make()
    program = compiled_step(model)
    assert "all-reduce" in program
    for projection in models.built_projections(model):
        if "head" not in projection.path:
            rows, cols = projection.held.shape
            assert f"f32[{rows},{cols}]" not in gathers(program)


def test_the_gather_of_a_matrix_would_be_seen():
    use((1, 8))
    layer = keras_randproj.PRPDense(64, seed=1)
    layer.build((None, 32))
    whole = jax.sharding.NamedSharding(
        layer.projection.matrix.value.sharding.mesh,
        jax.sharding.PartitionSpec(),
    )
    program = (
        jax.jit(lambda p: jax.lax.with_sharding_constraint(p, whole) * 2)
        .lower(layer.projection.matrix.value)
        .compile()
        .as_text()
    )
    assert "f32[32,64]" in gathers(program)


def test_a_file_goes_from_many_devices_to_one_and_back(tmp_path):
    use((2, 4))
    model, _ = models.losses(models.mlp, epochs=1)
    x, _ = models.data(model)
    y = model.predict(x, verbose=0)
    model.save(tmp_path / "many.keras")
    keras.distribution.set_distribution(None)
    one = keras.models.load_model(tmp_path / "many.keras")
    np.testing.assert_allclose(
        one.predict(x, verbose=0), y, rtol=1e-5, atol=1e-6
    )
    use((1, 8))
    many = keras.models.load_model(tmp_path / "many.keras")
    assert_each_device_holds_its_part(many, 8)
    other = models.mlp()
    for projection in models.built_projections(other):
        projection.set_seed(99)
    other.load_weights(tmp_path / "many.keras")
    assert_each_device_holds_its_part(other, 8)
    np.testing.assert_allclose(
        other.predict(x, verbose=0), y, rtol=1e-5, atol=1e-6
    )


def test_a_model_built_while_it_is_fitted():
    use((1, 8))

    class Late(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras_randproj.PRPDense(32, seed=1)

        def call(self, inputs):
            return self.dense(inputs)

    model = Late()
    model.compile("adam", "mse")
    model.fit(np.ones((16, 8)), np.ones((16, 32)), verbose=0)
    assert_each_device_holds_its_part(model, 8)


def test_every_matrix_has_a_layout_and_vectors_have_none():
    mesh = keras.distribution.DeviceMesh((1, 8), ("batch", "model"))
    layouts = layout_map(mesh)
    model = models.transformer()
    for weight in [*model.weights, *models.mlp().weights]:
        layout = layouts[weight.path]
        matrix = weight.name == "matrix" or weight.name == "kernel"
        if weight.path.endswith("/head/kernel"):
            matrix = False
        assert (layout is not None) == matrix, weight.path
    block = model.layers[0]
    first = block.attention.query.projection.matrix.path
    second = block.attention.attention_output.projection.matrix.path
    assert layouts[first].axes == (None, "model")
    assert layouts[second].axes == ("model", None)
    assert layout_map(mesh, replicated=["query"])[first] is None
    assert layout_map(mesh, replicated=["query"])[second] is not None


def parts_of(weight):
    """How many parts each side of a weight is in."""
    part = weight.value.addressable_shards[0].data
    return tuple(
        whole // size
        for whole, size in zip(weight.shape, part.shape, strict=True)
    )


def named_like_ours():
    """Keras's layers under the names that our layers give their parts."""
    x = keras.Input((6, 12))
    y = keras.layers.MultiHeadAttention(3, 5, name="attention")(x, x)
    for name in (
        "query",
        "key",
        "gate",
        "intermediate",
        "output",
        "attention_output",
        "eugen_head",
        "factor_0",
        "gaussian",
    ):
        y = keras.layers.Dense(7, name=name)(y)

    @keras.saving.register_keras_serializable("tests")
    class Matrix(keras.layers.Layer):
        def build(self, input_shape):
            self.matrix = self.add_weight((3, 3), name="matrix")

        def call(self, inputs):
            return inputs

    return keras.Model(x, Matrix(name="projection")(y))


def test_layers_of_others_are_left_alone():
    mesh = keras.distribution.DeviceMesh((1, 8), ("batch", "model"))
    layouts = layout_map(mesh)
    keras.distribution.set_distribution(
        keras.distribution.ModelParallel(layout_map=layouts)
    )
    model = named_like_ours()
    assert len(model.weights) > 20
    for weight in model.weights:
        assert layouts[weight.path] is None
        assert set(parts_of(weight)) == {1}, weight.path


def test_keys_for_layers_of_others_are_theirs_alone():
    mesh = keras.distribution.DeviceMesh((1, 8), ("batch", "model"))
    layouts = layout_map(mesh)
    layouts[".*query/kernel"] = (None, "model", None)
    keras.distribution.set_distribution(
        keras.distribution.ModelParallel(layout_map=layouts)
    )
    x = keras.Input((6, 16))
    y = keras.layers.MultiHeadAttention(8, 4)(x, x)
    y = keras_randproj.PRPMultiHeadAttention(8, 4, name="ours")(y, y)
    model = keras.Model(x, y)
    theirs, ours = model.layers[1:]
    assert parts_of(theirs._query_dense.kernel) == (1, 8, 1)
    assert parts_of(theirs._key_dense.kernel) == (1, 1, 1)
    assert parts_of(ours.query.projection.matrix) == (1, 8)
    assert parts_of(ours.attention_output.projection.matrix) == (8, 1)


@pytest.mark.parametrize(
    ("key", "axes", "parts"),
    [
        (".*matrix", ("model", None), (8, 1)),
        ("mine/projection/matrix", (None, None), (1, 1)),
        (".*alpha", ("model",), (1, 8)),
    ],
)
def test_a_key_of_the_user_counts_before_ours(key, axes, parts):
    mesh = keras.distribution.DeviceMesh((1, 8), ("batch", "model"))
    layouts = layout_map(mesh)
    layouts[key] = axes
    assert list(layouts) == [key]
    keras.distribution.set_distribution(
        keras.distribution.ModelParallel(layout_map=layouts)
    )
    layer = keras_randproj.PRPDense(16, seed=1, name="mine")
    layer.build((None, 32))
    assert parts_of(layer.projection.matrix) == parts
    assert parts_of(layer.alpha) == ((8,) if "alpha" in key else (1,))


def test_two_keys_of_the_user_still_may_not_meet():
    mesh = keras.distribution.DeviceMesh((1, 8), ("batch", "model"))
    layouts = layout_map(mesh)
    layouts[".*kernel"] = (None, "model")
    layouts["dense/.*"] = (None, "model")
    with pytest.raises(ValueError, match="matches multiple"):
        layouts["dense/kernel"]


def projection(**options):
    return keras_randproj.projections.Gaussian(64, seed=1, **options)


@pytest.mark.parametrize(
    "make",
    [
        lambda: projection(name="mine"),
        lambda: projection(name="head_of_mine"),
        lambda: keras_randproj.PRPDense(64, projection=projection(name="mine")),
        lambda: keras_randproj.PRPDense(64, seed=1, name="attention_output"),
        lambda: keras_randproj.PRPDense(
            64,
            depth=2,
            projection=[
                projection(name="one"),
                keras_randproj.projections.Rademacher(64, seed=2, name="two"),
            ],
        ),
        lambda: EUGenFeatures(
            16, trainable_projection=True, norm_feature=False, name="mine"
        ),
        lambda: EUGenFeatures(
            16, modulation=True, norm_feature=False, projection="gaussian"
        ),
    ],
)
def test_matrices_are_divided_whatever_they_are_called(make):
    use((1, 8))
    layer = make()
    layer.build((None, 32))
    matrices = [w for w in layer.weights if len(w.shape) == 2]
    assert matrices
    for weight in matrices:
        assert parts_of(weight) == (1, 8), weight.path


def test_blocks_are_divided_as_before_beside_a_model_of_the_same_names():
    """Paths are those of a model that was there before."""
    use((1, 8))
    old = models.transformer()
    first = [parts_of(w) for w in old.weights]
    del old
    assert [parts_of(w) for w in models.transformer().weights] == first
    assert {(8, 1), (1, 8), (1, 1)} <= set(first)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model_axis": "rows"}, "must be an axis of the mesh"),
        ({"replicated": "head"}, "must be a list or tuple"),
    ],
)
def test_wrong_arguments(arguments, message):
    mesh = keras.distribution.DeviceMesh((1, 8), ("batch", "model"))
    with pytest.raises(ValueError, match=message):
        layout_map(mesh, **arguments)
