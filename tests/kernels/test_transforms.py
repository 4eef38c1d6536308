"""Each backend's own transformations of a layer, against its matrix.

A layer without activation is affine: all that a transformation may return
follows from the matrix A of the map. `keras.layers.Dense` goes through the
same cases.
"""

from dataclasses import replace

import conformance
import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj.kernels.reference import few_outputs

BACKEND = keras.backend.backend()
INPUTS, UNITS = 7, 5
KINDS = {
    "Dense": None,
    "dense": {},
    "hadamard": {"projection": "hadamard", "depth": 2},
    "seed": {"storage": "seed"},
    "packed signs": {"projection": "rademacher", "storage": "packed"},
    "packed digits": {"projection": "sparse_ternary", "storage": "packed"},
}
kinds = pytest.mark.parametrize("kind", KINDS)
# Where a program is compiled for each, those with rules of their own.
OWN_RULES = ("hadamard", "seed", "packed signs")
ruled = pytest.mark.parametrize("kind", ["Dense", *OWN_RULES])
blocks = pytest.mark.parametrize("kind", ["seed", "packed signs"])


def layer_of(kind, seed=1):
    options = KINDS[kind]
    if options is None:
        layer = keras.layers.Dense(UNITS)
    else:
        layer = PRPDense(**{"units": UNITS, "seed": seed, **options})
    layer.build((None, INPUTS))
    return layer


def slope(layer):
    """A of `x @ A + b`, from the layer's outputs."""
    eye = np.eye(INPUTS, dtype="float32")
    return ops.convert_to_numpy(layer(eye) - layer(eye * 0))


def arrays(count=2):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 3, INPUTS)).astype("float32")


def close(found, wanted):
    if not isinstance(found, np.ndarray):
        found = ops.convert_to_numpy(ops.stop_gradient(found))
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@keras.saving.register_keras_serializable("tests")
class Cell(keras.layers.Layer):
    """An RNN's cell around one layer."""

    def __init__(self, kind):
        super().__init__()
        self.inner = layer_of(kind)
        self.state_size = self.inner.units

    def call(self, inputs, states):
        found = self.inner(inputs) + states[0]
        return found, [found]


@ruled
def test_a_cell_learns(kind):
    """The gradient of the first step, from the matrix: outputs are sums."""
    # On TensorFlow, Dense itself fails under XLA here, on `Tensordot`.
    jit = BACKEND == "jax" or (BACKEND == "tensorflow" and kind == "seed")
    layer = keras.layers.RNN(Cell(kind))
    model = keras.Sequential([keras.Input((4, INPUTS)), layer])
    model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=jit)
    x = np.repeat(arrays(1)[0][:, None], 4, 1)
    inner = layer.cell.inner
    before = ops.convert_to_numpy(inner.bias)
    y = ops.convert_to_numpy(model(x))
    model.fit(x, np.zeros_like(y), verbose=0, batch_size=3)
    step = 2 * y.mean(0) / y.shape[1] * 4
    close(inner.bias.value, before - step)


if BACKEND == "jax":
    import jax
    from jax import export

    def square(layer, variables, x):
        return ops.sum(layer.stateless_call(*variables, x)[0] ** 2)

    def pair(kind):
        """A layer, and the variables and the matrix of one of another seed."""
        layer, other = layer_of(kind), layer_of(kind, seed=2)
        variables = tuple(
            [v.value for v in found]
            for found in (
                other.trainable_variables,
                other.non_trainable_variables,
            )
        )
        return layer, variables, slope(other)

    def scanned(f):
        def total(variables, rows):
            def step(carry, row):
                return carry + f(variables, row[None]), None

            return jax.lax.scan(step, 0.0, rows)[0]

        return total

    WRAPPERS = {
        "jit": jax.jit,
        "checkpoint of jit": lambda f: jax.checkpoint(jax.jit(f)),
        "checkpoint in scan": lambda f: scanned(jax.checkpoint(f)),
    }

    @pytest.mark.parametrize(
        ("kind", "wrapper"),
        [
            *((kind, "jit") for kind in KINDS),
            *((kind, "checkpoint in scan") for kind in OWN_RULES),
            ("packed signs", "checkpoint of jit"),
        ],
    )
    def test_gradient_of_the_variables_that_were_given(kind, wrapper):
        """Not of those that the layer holds: a rule closes over nothing."""
        layer, variables, a = pair(kind)

        def loss(variables, x):
            return square(layer, variables, x)

        x = arrays(1)[0]
        found = jax.grad(WRAPPERS[wrapper](loss), 1)(variables, x)
        y = layer.stateless_call(*variables, x)[0]
        close(found, 2 * np.asarray(y) @ a.T)

    @kinds
    def test_every_order_and_direction(kind):
        layer, variables, a = pair(kind)
        x, t = arrays()

        def call(x):
            return layer.stateless_call(*variables, x)[0]

        def loss(x):
            return square(layer, variables, x)

        close(jax.jvp(call, (x,), (t,))[1], t @ a)
        close(jax.jit(jax.jacfwd(call))(x[:1])[0, :, 0], a.T)
        close(jax.hessian(loss)(x[:1])[0, :, 0], 2 * a @ a.T)
        by_row = jax.vmap(jax.grad(lambda row: loss(row[None])))
        close(by_row(x), 2 * np.asarray(call(x)) @ a.T)

    @kinds
    def test_a_mapped_matrix(kind):
        """An ensemble: one program, a matrix for each member."""
        layer, two, a = pair(kind)
        one = [v.value for v in layer.non_trainable_variables]
        both = jax.tree.map(lambda *p: np.stack(p), one, two[1])
        x = arrays(1)[0]

        def loss(x, fixed):
            return square(layer, (two[0], fixed), x)

        if not both:
            close(jax.grad(loss)(x, both), jax.grad(loss)(x, two[1]))
            return
        for rows, axis in ((x, None), (np.stack([x, x]), 0)):
            found = jax.vmap(jax.grad(loss), (axis, 0))(rows, both)
            y = np.asarray(layer.stateless_call(*two, x)[0])
            close(found[1], 2 * y @ a.T)
            assert np.abs(found[0] - found[1]).max() > 1e-2

    @pytest.mark.parametrize(
        ("kind", "mode"),
        [*((kind, "full") for kind in KINDS), ("seed", "activations")],
    )
    def test_remat_changes_nothing(kind, mode):
        x, y = arrays(1)[0], np.ones((3, 1), "float32")
        trained = []
        for scope in (mode, None):
            keras.utils.set_random_seed(0)
            with keras.RematScope(scope):
                layers = [layer_of(kind), keras.layers.Dense(1)]
                model = keras.Sequential([keras.Input((INPUTS,)), *layers])
                model.compile("sgd", "mse")
                model.train_on_batch(x, y)
            trained.append(model.get_weights())
        for ours, plain in zip(*trained, strict=True):
            np.testing.assert_allclose(ours, plain, atol=1e-6)

    @pytest.mark.parametrize("kind", [*KINDS, "eugen"])
    def test_a_program_for_any_batch(kind):
        if kind == "eugen":
            layer = EUGenDense(3, 5, projection="hadamard", seed=1)
            layer.build((None, INPUTS))
        else:
            layer = layer_of(kind)
        (batch,) = export.symbolic_shape("batch")
        shape = jax.ShapeDtypeStruct((batch, INPUTS), "float32")
        program = export.export(jax.jit(lambda x: layer(x)))(shape)
        program = export.deserialize(program.serialize(vjp_order=1))
        for x in (arrays(1)[0], arrays(4).reshape(-1, INPUTS)):
            close(program.call(x), np.asarray(layer(x)))

    def test_few_outputs_of_a_known_batch_alone(monkeypatch):
        """Where every known batch would take that way."""
        monkeypatch.setattr(few_outputs, "SHARES", ((0, 1),))
        test_a_program_for_any_batch("hadamard")


if BACKEND == "torch":
    import torch

    @kinds
    def test_every_order_and_direction(kind):
        layer = layer_of(kind)
        a = slope(layer)
        x, t = (torch.tensor(v) for v in arrays())

        def loss(x):
            return (layer(x) ** 2).sum()

        gradient = 2 * layer(x).detach().numpy() @ a.T
        func = torch.func
        close(func.jvp(layer, (x,), (t,))[1], t.numpy() @ a)
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(x, t)
            y = torch.autograd.forward_ad.unpack_dual(layer(dual))
            close(y.tangent, t.numpy() @ a)
        close(func.grad(loss)(x), gradient)
        close(func.jacrev(layer)(x[:1])[0, :, 0], a.T)
        close(func.jacfwd(layer)(x[:1])[0, :, 0], a.T)
        close(func.hessian(loss)(x[:1])[0, :, 0], 2 * a @ a.T)
        by_row = func.vmap(func.grad(lambda row: loss(row[None])))
        close(by_row(x), gradient)
        close(func.vmap(lambda row: layer(row[None])[0])(x), layer(x).detach())

    @pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
    def test_forward_mode_of_every_argument(turned):
        op = conformance.operand("hadamard", "seed", (6, 11), turned)
        sides = op.input_dim, op.output_dim
        shapes = (2, sides[0]), sides[0], sides[1], sides[1]
        inputs = [
            torch.randn(s, dtype=torch.float64, requires_grad=True)
            for s in shapes
        ]
        assert torch.autograd.gradcheck(
            lambda *v: conformance.modulate(op, *v),
            inputs,
            check_forward_ad=True,
        )

    @blocks
    def test_a_mapped_matrix(kind):
        first, second = layer_of(kind), layer_of(kind, seed=2)
        layers = [layer.projection for layer in (first, second)]
        name = "key" if kind == "seed" else "words"
        both = torch.stack([layer.held.weights[name].value for layer in layers])
        op = layers[0].held.operands[0]

        def call(x, array):
            return conformance.modulate(replace(op, **{name: array}), x)

        x = torch.tensor(arrays(1)[0])
        wanted = torch.stack([layer(x) for layer in layers]).numpy()
        close(torch.func.vmap(call, (None, 0))(x, both), wanted)
        stacked = torch.stack([x, x])
        close(torch.func.vmap(call, (0, 0))(stacked, both), wanted)

    @kinds
    def test_traced_for_any_batch(kind, tmp_path):
        """The file needs nothing of this package: no operator of ours."""
        layer = layer_of(kind)
        layer.eval()
        for lead in ((2,), (2, 3)):
            traced = torch.jit.trace(layer, torch.randn(*lead, INPUTS))
            assert "keras_randproj::" not in str(traced.inlined_graph)
            traced.save(tmp_path / "traced.pt")
            traced = torch.jit.load(tmp_path / "traced.pt")
            x = torch.randn(7, *lead[1:], INPUTS)
            close(traced(x), layer(x).detach().numpy())


if BACKEND == "tensorflow":
    import tensorflow as tf

    MODES = {
        "eager": lambda f: f,
        "graph": lambda f: tf.function(f, autograph=False),
        "XLA": lambda f: tf.function(f, autograph=False, jit_compile=True),
    }
    kinds_and_modes = pytest.mark.parametrize(
        ("kind", "mode"),
        [
            *((kind, "eager") for kind in KINDS),
            # In plain graphs the others are in the penalty of a fit, below.
            ("seed", "graph"),
            *((kind, "XLA") for kind in OWN_RULES),
        ],
    )

    def gradient_of(f):
        def gradient(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.reduce_sum(f(x) ** 2)
            return tape.gradient(y, x)

        return gradient

    @kinds_and_modes
    def test_second_derivatives_and_loops(kind, mode):
        layer = layer_of(kind)
        a, x = slope(layer), tf.constant(arrays(1)[0])
        y = ops.convert_to_numpy(layer(x))
        first = gradient_of(layer)
        close(MODES[mode](first)(x), 2 * y @ a.T)
        second = MODES[mode](gradient_of(first))(x)
        close(second / 10, 2 * (2 * y @ a.T) @ (2 * a @ a.T) / 10)
        mapped = gradient_of(
            lambda x: tf.map_fn(lambda row: layer(row[None])[0], x)
        )
        close(MODES[mode](mapped)(x), 2 * y @ a.T)

    @kinds_and_modes
    def test_forward_mode(kind, mode):
        layer = layer_of(kind)
        a = slope(layer)
        x, t = (tf.constant(v) for v in arrays())

        def tangent(x, t):
            with tf.autodiff.ForwardAccumulator(x, t) as accumulator:
                y = layer(x)
            return accumulator.jvp(y)

        if mode != "eager" and ("seed" in kind or "packed" in kind):
            with pytest.raises(LookupError, match="for eager execution"):
                MODES[mode](tangent)(x, t)
            return
        close(MODES[mode](tangent)(x, t), t.numpy() @ a)

    class Penalised(keras.Model):
        """Its loss is the size of its gradient by the input."""

        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def call(self, x):
            return self.layer(x)

        def compute_loss(self, x=None, *args, **kwargs):
            return tf.reduce_mean(gradient_of(self)(x) ** 2)

    @ruled
    def test_a_gradient_penalty_in_fit(kind):
        x, biases = arrays(1)[0], []
        for eager in (False, True):
            keras.utils.set_random_seed(0)
            model = Penalised(layer_of(kind))
            model.compile("sgd", jit_compile=kind == "seed" and not eager)
            model.run_eagerly = eager
            model.fit(x, x, verbose=0)
            biases.append(ops.convert_to_numpy(model.layer.bias))
        assert np.abs(biases[0]).max() > 0
        np.testing.assert_allclose(*biases, rtol=1e-4, atol=1e-5)
