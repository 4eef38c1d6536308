"""Stages of several sizes, their operands, and what they compute."""

import dataclasses
import itertools

import autodiff
import oracle
from conformance import assert_close
from conformance import rounded
from keras import ops

from keras_randproj import kernels
from keras_randproj import projections


def stages(widths, turned=False, dtype="float32"):
    """The operands between these widths, or back, and their matrices."""
    operands, matrices = [], []
    for k, shape in enumerate(itertools.pairwise(widths)):
        layer = projections.Hadamard(shape[1], seed=k)
        layer.build((None, shape[0]))
        op = layer.held.operands[0]
        signs = ops.cast(ops.convert_to_tensor(op.signs), dtype)
        op = dataclasses.replace(op, signs=signs)
        p = oracle.matrix("hadamard", k, shape)
        if turned:
            op, p = op.transpose(), p.T * (shape[0] / shape[1]) ** 0.5
        operands.append(op)
        matrices.append(p)
    if turned:
        return operands[::-1], matrices[::-1]
    return operands, matrices


def run(implementation, operands, arrays, upstream, dtype):
    """y and the gradients of `sum(y * upstream)`, as float64 arrays."""

    def forward(x, scale, bias, *alphas):
        return kernels.modulate(
            operands, x, alphas, scale, bias, implementation
        )

    y, grads = autodiff.gradients(forward, arrays, upstream, dtype)
    return [v.astype("float64") for v in (y, *grads)]


def expected(matrices, arrays, upstream):
    """The same in float64, by the chain rule."""
    x, scale, bias, *alphas = arrays
    entered = [x]
    for alpha, p in zip(alphas, matrices, strict=True):
        entered.append((entered[-1] * alpha) @ p)
    back, grads = upstream * scale, []
    for alpha, p, into in zip(
        alphas[::-1], matrices[::-1], entered[-2::-1], strict=True
    ):
        back = back @ p.T
        grads.append((back * into).sum(0))
        back = back * alpha
    outer = (entered[-1] * upstream).sum(0), upstream.sum(0)
    return [entered[-1] * scale + bias, back, *outer, *grads[::-1]]


def draw(matrices, batch, dtype, rng):
    """x, scale, bias and alphas, and an upstream gradient."""
    inputs, outputs = len(matrices[0]), matrices[-1].shape[1]
    sizes = (batch, inputs), (outputs,), (outputs,)
    sizes += tuple(p.shape[:1] for p in matrices)
    arrays = [rounded(rng.normal(size=s), dtype) for s in sizes]
    return arrays, rounded(rng.normal(size=(batch, outputs)), dtype)


def check(implementation, widths, turned, dtype, rng, batch=3):
    operands, matrices = stages(widths, turned, dtype)
    arrays, upstream = draw(matrices, batch, dtype, rng)
    wanted = expected(matrices, arrays, upstream)
    assert_close(
        implementation,
        lambda name: run(name, operands, arrays, upstream, dtype),
        dtype,
        wanted,
    )
