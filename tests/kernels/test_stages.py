"""Projections that follow each other: stage by stage, or in one kernel."""

import conformance
import keras
import numpy as np
import pytest
from keras import ops
from stage_cases import check
from stage_cases import stages

from keras_randproj import kernels

BACKEND = keras.backend.backend()
NAMED = ["reference", *({"torch": ["torch_cpu", "triton"]}.get(BACKEND, []))]
# Features before, between and after the stages: between them all of a
# transform; then a choice in the middle, a second group, two orders.
ONE_KERNEL = [
    (1, 1, 1),
    (13, 16, 5),
    (64, 64, 64, 64),
    (33, 64, 64, 64),
    (5, 8, 8, 8, 8, 7),
]
APART = [(13, 15, 5), (5, 16, 16), (5, 8, 13)]

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
@pytest.mark.parametrize("widths", [*ONE_KERNEL, *APART], ids=str)
def test_value_and_gradients(name, widths, turned, rng):
    check(name, widths, turned, "float32", rng)


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(name, turned, dtype, rng):
    check(name, (37, 64, 64, 20), turned, dtype, rng)


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
def test_all_gradients_at_once(name, turned, rng):
    """From this order on a kernel gives those of a stage."""
    check(name, (256, 250), turned, "float32", rng)


@pytest.mark.parametrize("name", NAMED)
def test_an_empty_batch(name, rng):
    check(name, (13, 16, 16, 5), False, "float32", rng, batch=0)


@pytest.mark.parametrize("name", NAMED)
def test_leading_axes_and_vectors_left_out(name, rng):
    operands, matrices = stages((13, 16, 5))
    x = rng.normal(size=(2, 1, 3, 13)).astype("float32")
    alphas = [ops.ones((13,)), ops.ones((16,))]
    y = kernels.modulate(
        operands, ops.convert_to_tensor(x), alphas, implementation=name
    )
    wanted = x @ matrices[0] @ matrices[1]
    np.testing.assert_allclose(ops.convert_to_numpy(y), wanted, atol=1e-5)


def test_other_families_go_stage_by_stage(rng):
    """Also beside hadamard stages, and where P is stored."""
    operands, matrices = stages((13, 16, 16))
    operands.append(conformance.operand("gaussian", "dense", (16, 5)))
    matrices.append(conformance.matrix("gaussian", (16, 5)))
    x = rng.normal(size=(3, 13)).astype("float32")
    alphas = [ops.ones((n,)) for n in (13, 16, 16)]
    y = kernels.modulate(operands, ops.convert_to_tensor(x), alphas)
    wanted = x @ matrices[0] @ matrices[1] @ matrices[2]
    np.testing.assert_allclose(ops.convert_to_numpy(y), wanted, atol=1e-5)
