"""Kernels called from JAX lower, and so compile, without a GPU.

jax-triton and the plugin that holds its compiler are not among what tests
install: `pip install jax-triton` and `pip install --no-deps
jax-cuda13-plugin` let these run.
"""

import keras
import pytest

if keras.backend.backend() != "jax":
    pytest.skip("JAX's programs", allow_module_level=True)
pytest.importorskip("jax_triton")

import conformance
import jax
import jax.numpy as jnp

from keras_randproj import kernels
from keras_randproj.kernels import devices
from keras_randproj.kernels.triton import requirements
from keras_randproj.kernels.triton.settings import gradient_setting

if requirements.INTERPRETED:
    pytest.skip("Interpreted kernels do not compile", allow_module_level=True)

KERNEL = "triton_kernel_call"
CASES = [
    ("float32", 2, 1, 1),
    ("float32", 4096, 512, 1),
    ("bfloat16", 128, 3, 2),
    ("bfloat16", 4096, 8192, 1),
    ("bfloat16", 16384, 512, 1),
    ("float16", 1024, 7, 2),
]


@pytest.fixture(autouse=True)
def _gpu(monkeypatch):
    monkeypatch.setattr(requirements, "jax_platform", lambda: "gpu")


def operand(order, groups=1, turned=False):
    """All of one group, or the first outputs of two."""
    cols = order if groups == 1 else order + 1
    return kernels.SignedHadamard(
        order,
        cols,
        transposed=turned,
        signs=jnp.ones((groups, order)),
        positions=None if groups == 1 else jnp.arange(cols),
    )


def lowered(function, *arguments):
    traced = jax.jit(function).trace(*arguments)
    return traced.lower(lowering_platforms=("cuda",)).as_text()


def call(op, x, alpha, scale, bias):
    return kernels.modulate([op], x, [alpha], scale, bias, "triton")


# All families with each dtype, and with batches of which each has a way
# through the kernels of its own.
FAMILIES = [
    ("rademacher", "seed"),
    ("sparse_ternary", "seed"),
    ("gaussian", "seed"),
    ("rademacher", "packed"),
    ("sparse_ternary", "packed"),
]
DTYPES = "bfloat16", "float16", "float32"
BATCHES = 1, 16, 128, 600
PRODUCTS = [
    (*family, dtype, BATCHES[(k + nth) % len(BATCHES)])
    for k, family in enumerate(FAMILIES)
    for nth, dtype in enumerate(DTYPES)
]


def draw(op, dtype, *batch):
    sizes = (*batch, op.input_dim), op.input_dim, op.output_dim, op.output_dim
    return [jnp.ones(size, dtype) for size in sizes]


@pytest.mark.parametrize(
    ("case", "turned"),
    [
        *((case, False) for case in CASES),
        *((case, True) for case in CASES[2::2]),
    ],
    ids=str,
)
def test_values_and_gradients_lower(case, turned):
    dtype, order, batch, groups = case
    op = operand(order, groups, turned)
    arrays = draw(op, dtype, batch)

    def loss(*arrays):
        return (call(op, *arrays).astype("float32") ** 2).sum()

    ahead = lowered(lambda *arrays: call(op, *arrays), *arrays)
    assert ahead.count(KERNEL) == 1
    # Forward, then all gradients at once, or those for alpha and for scale.
    back = lowered(jax.grad(loss, argnums=(0, 1, 2, 3)), *arrays)
    together = gradient_setting(groups, order, dtype)
    assert back.count(KERNEL) == (2 if together else 3)


@pytest.mark.parametrize("case", PRODUCTS, ids=str)
def test_products_lower(case):
    """With P and, for the gradient of x, with P^T."""
    family, storage, dtype, batch = case
    op = conformance.operand(family, storage, (96, 160))
    x, *vectors = draw(op, dtype, batch)

    def both(x):
        y, back = jax.vjp(lambda x: call(op, x, *vectors), x)
        return y, back(y)[0]

    y, dx = jax.eval_shape(both, x)
    assert (y.shape, dx.shape) == ((batch, 160), (batch, 96))
    assert y.dtype == dx.dtype == dtype
    # Signs of a seed are packed first; some launches add their splits.
    packs = case[:2] == ("rademacher", "seed") and batch > 4
    count = lowered(both, x).count(KERNEL)
    assert 2 * (1 + packs) <= count <= 2 * (2 + packs)


def test_all_gradients_of_a_product_lower():
    op = conformance.operand("sparse_ternary", "packed", (96, 160))
    arrays = draw(op, "bfloat16", 2)

    def loss(*arrays):
        return (call(op, *arrays).astype("float32") ** 2).sum()

    # Forward, P^T for x and alpha, and P for scale.
    back = lowered(jax.grad(loss, argnums=(0, 1, 2, 3)), *arrays)
    assert back.count(KERNEL) == 3


def test_a_symbolic_batch_is_refused():
    (size,) = jax.export.symbolic_shape("batch")
    x = jax.ShapeDtypeStruct((size, 96), "float32")
    op = conformance.operand("rademacher", "seed", (96, 160))
    (reason,) = requirements.refusals([op], x)
    assert "symbolic shape" in reason


@pytest.mark.parametrize(
    ("gpu", "part"),
    [((7, 5), "compute capability (7, 5)"), ("gfx90a", "gfx90a")],
    ids=str,
)
def test_other_gpus_are_refused(gpu, part, monkeypatch):
    monkeypatch.setattr(requirements, "jax_capability", lambda: gpu)
    op = operand(64)
    (reason,) = requirements.refusals([op], jnp.ones((1, 64)))
    assert part in reason


def test_what_was_not_measured_is_no_default(monkeypatch):
    monkeypatch.setattr(devices, "one_jax_gpu", lambda: True)
    seeded = conformance.operand("rademacher", "seed", (96, 160))
    assert devices.automatic([operand(64)], None) == ("triton", "reference")
    assert devices.automatic([seeded], None) == ("reference",)


def test_a_batch_of_batches_is_one_launch():
    op = operand(256)
    x, *vectors = draw(op, "bfloat16", 3, 5)
    text = lowered(jax.vmap(lambda x: call(op, x, *vectors)), x)
    assert text.count(KERNEL) == 1
    assert "while" not in text


def test_large_float32_is_the_librarys():
    op = operand(16384)
    arrays = draw(op, "float32", 2)
    text = lowered(lambda *arrays: call(op, *arrays), *arrays)
    assert KERNEL not in text
    assert "dot_general" in text
