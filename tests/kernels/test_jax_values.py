"""What kernels called from JAX compute, in Triton's interpreter.

Triton is told of its interpreter when it is imported, and the lowering tests
need its compiler, so these tests run in a process of their own. All cases:
`TRITON_INTERPRET=1 KERAS_BACKEND=jax python -m pytest tests/kernels -k Triton`.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_randproj.kernels.triton import requirements

if keras.backend.backend() != "jax":
    pytest.skip("JAX's programs", allow_module_level=True)
# The package imports it, and not these tests: see the test of its cache.
if importlib.util.find_spec("jax_triton") is None:
    pytest.skip("Needs jax-triton", allow_module_level=True)
pytest.importorskip("torch", reason="Triton's interpreter needs its tensors")

import conformance
import jax
import jax.numpy as jnp

# A case of each way through the kernels, forward and back.
CASES = [
    "value_and_gradients[('hadamard', 'seed', (13, 5))-P]",
    "value_and_gradients[('gaussian', 'seed', (31, 67))-P]",
    "packed[sparse_ternary-P^T]",
    "more_rows[rademacher-seed-P^T]",
    "large_batches_use_chunks[packed-P-float32]",
]
CACHE = "where-nothing-is-written"
interpreted = pytest.mark.skipif(
    not requirements.INTERPRETED, reason="Run by the test at the end"
)


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch):
    if requirements.INTERPRETED:
        import interpreted_jax

        interpreted_jax.stand_in(monkeypatch)


def draw(rng, *shape):
    return jnp.asarray(rng.normal(size=shape), "float32")


def case(family, storage="seed"):
    """A function of x and alpha, and the same of P in float64."""
    op = conformance.operand(family, storage, (13, 5))
    p = conformance.matrix(family, (13, 5))

    def ours(x, alpha):
        return conformance.modulate(op, x, alpha, implementation="triton")

    return ours, lambda x, alpha: (np.asarray(x, "float64") * alpha) @ p


@interpreted
@pytest.mark.parametrize("family", ["hadamard", "rademacher"])
def test_vmap_of_rows_and_of_vectors(family, rng):
    """Three batches, with one alpha or with one each."""
    ours, wanted = case(family)
    x, alphas = draw(rng, 3, 2, 13), draw(rng, 3, 13)
    close = {"rtol": 1e-5, "atol": 1e-5}
    one = jax.jit(jax.vmap(ours, (0, None)))(x, alphas[0])
    np.testing.assert_allclose(one, wanted(x, alphas[0]), **close)
    each = jax.jit(jax.vmap(ours))(x, alphas)
    np.testing.assert_allclose(each, wanted(x, alphas[:, None]), **close)


@interpreted
def test_gradients_of_each_row(rng):
    ours, wanted = case("sparse_ternary", "packed")
    x, alpha = draw(rng, 6, 13), draw(rng, 13)

    def loss(alpha, x):
        return (ours(x, alpha) ** 2).sum()

    found = jax.jit(jax.vmap(jax.grad(loss), (None, 0)))(alpha, x)
    p = wanted(np.eye(13), np.ones(13))
    back = 2 * wanted(x, alpha) @ p.T * np.asarray(x)
    np.testing.assert_allclose(found, back, rtol=1e-4, atol=1e-4)


@interpreted
def test_second_derivatives_of_products(rng):
    ours, wanted = case("rademacher")
    x, alpha = draw(rng, 2, 13), draw(rng, 13)

    def loss(x):
        return (ours(x, alpha) ** 3).sum()

    def slope(x):
        return (jax.grad(loss)(x) * x).sum()

    p = wanted(np.eye(13), np.ones(13)) * np.asarray(alpha)[:, None]
    y = np.asarray(x, "float64") @ p
    # Of x's part in its own gradient, 3 (x P)^2 P^T, and of the gradient's.
    exact = (6 * y * y) @ p.T + (3 * y * y) @ p.T
    found = jax.jit(jax.grad(slope))(x)
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-4)


@interpreted
def test_triton_keeps_its_cache():
    """Of jax-triton's import alone Triton would have none."""
    assert "jax_triton" in sys.modules
    assert os.environ["TRITON_CACHE_DIR"] == CACHE


@pytest.mark.skipif(requirements.INTERPRETED, reason="It starts this one")
def test_in_a_process_of_their_own():
    here = Path(__file__)
    chosen = [f"TestTriton::test_{name}" for name in CASES]
    files = [f"{here.parent / 'test_conformance.py'}::{n}" for n in chosen]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTEST_")
    }
    environment |= {
        "TRITON_INTERPRET": "1",
        "TRITON_CACHE_DIR": CACHE,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", *files, here],
        env=environment,
        cwd=here.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-4000:]
    assert f"{len(CASES) + 5} passed" in told.stdout
