"""The cases that every implementation faces."""

import dataclasses
import functools
import hashlib

import autodiff
import ml_dtypes
import numpy as np
import oracle
import pytest
from keras import ops

from keras_randproj import kernels
from keras_randproj import projections

SEED = 2**50 + 17
BATCH = 3
ONE = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}

# family, storage, shape: one block and several, odd and prime, and one entry
CASES = [
    ("hadamard", "seed", (1, 1)),
    ("hadamard", "seed", (13, 5)),
    ("hadamard", "seed", (5, 41)),
    ("hadamard", "seed", (64, 64)),
    ("rademacher", "seed", (131, 149)),
    ("sparse_ternary", "seed", (67, 31)),
    ("gaussian", "seed", (31, 67)),
    ("gaussian", "seed", (1, 1)),
]
HALVES = [
    ("hadamard", "seed", (37, 20)),
    ("rademacher", "seed", (67, 131)),
    ("sparse_ternary", "seed", (67, 31)),
    ("gaussian", "seed", (31, 67)),
]


@functools.cache
def operand(family, storage, shape, turned=False, dtype="float32"):
    """The operand as a layer hands it over: signs in the inputs' dtype."""
    layer = projections.get(family, units=shape[1], seed=SEED, storage=storage)
    layer.build((None, shape[0]))
    found = layer.held.operands[0]
    if family == "hadamard":
        signs = ops.cast(ops.convert_to_tensor(found.signs), dtype)
        found = dataclasses.replace(found, signs=signs)
    return found.transpose() if turned else found


@functools.cache
def matrix(family, shape, turned=False):
    """P as the operand multiplies by it, with its factor, float64."""
    p = oracle.matrix(family, SEED, shape)
    return p.T * (shape[0] / shape[1]) ** 0.5 if turned else p


def modulate(
    operand, x, alpha=None, scale=None, bias=None, implementation=None
):
    """One stage."""
    return kernels.modulate([operand], x, [alpha], scale, bias, implementation)


def rounded(array, dtype):
    """float64 array of numbers that the dtype holds."""
    dtype = getattr(ml_dtypes, dtype, dtype)
    return np.asarray(array).astype(dtype).astype("float64")


def run(implementation, operand, arrays, upstream, dtype):
    """y and the gradients of `sum(y * upstream)`, as float64 arrays."""

    def forward(x, alpha, scale, bias):
        return modulate(operand, x, alpha, scale, bias, implementation)

    y, grads = autodiff.gradients(forward, arrays, upstream, dtype)
    return [v.astype("float64") for v in (y, *grads)]


def assert_close(implementation, compute, dtype, wanted):
    """What `compute(implementation)` returns is as good as the reference's.

    And the reference is right to a few roundings of the largest number.
    """
    ours = compute(implementation)
    plain = compute("reference") if implementation != "reference" else None
    for k, (a, c) in enumerate(zip(ours, wanted, strict=True)):
        assert a.shape == c.shape
        allowed = ONE[dtype] * np.abs(c).max(initial=0)
        if plain is None:
            allowed *= 8
        else:
            allowed = 4 * allowed + 2 * np.abs(plain[k] - c).max(initial=0)
        assert np.abs(a - c).max(initial=0) <= allowed, k


def expected(p, arrays, upstream):
    x, alpha, scale, bias = arrays
    back = (upstream * scale) @ p.T
    ahead = (x * alpha) @ p
    return [
        ahead * scale + bias,
        back * alpha,
        (back * x).sum(0),
        (ahead * upstream).sum(0),
        upstream.sum(0),
    ]


class Conformance:
    """A subclass names its implementation."""

    implementation: str

    def check(self, family, storage, shape, turned, dtype, rng):
        op = operand(family, storage, shape, turned, dtype)
        p = matrix(family, shape, turned)
        sizes = (BATCH, p.shape[0]), p.shape[:1], p.shape[1:], p.shape[1:]
        arrays = [rounded(rng.normal(size=s), dtype) for s in sizes]
        upstream = rounded(rng.normal(size=(BATCH, p.shape[1])), dtype)
        wanted = expected(p, arrays, upstream)
        assert_close(
            self.implementation,
            lambda name: run(name, op, arrays, upstream, dtype),
            dtype,
            wanted,
        )

    @pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
    @pytest.mark.parametrize("case", CASES, ids=str)
    def test_value_and_gradients(self, case, turned, rng):
        self.check(*case, turned, "float32", rng)

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
    @pytest.mark.parametrize("case", HALVES, ids=str)
    def test_half_precision(self, case, dtype, rng):
        self.check(*case, False, dtype, rng)

    @pytest.mark.parametrize("family", oracle.TILED)
    def test_the_digest_of_what_was_multiplied_by(self, family):
        """The identity times P is P: its integers have the contract's."""
        shape = (37, 29)
        eye = ops.convert_to_tensor(np.eye(37, dtype="float32"))
        op = operand(family, "seed", shape)
        p = modulate(op, eye, implementation=self.implementation)
        p = ops.convert_to_numpy(p).astype("float64") * 37**0.5
        assert digest(family, p) == oracle.digest(family, SEED, shape)

    @pytest.mark.parametrize("family", ["hadamard", "rademacher"])
    def test_vectors_left_out_are_neutral(self, family, rng):
        x = rng.normal(size=(2, 13)).astype("float32")
        op = operand(family, "seed", (13, 5))
        y = modulate(op, x_tensor(x), implementation=self.implementation)
        wanted = x @ matrix(family, (13, 5))
        np.testing.assert_allclose(ops.convert_to_numpy(y), wanted, atol=1e-5)

    @pytest.mark.parametrize("family", ["hadamard", "gaussian"])
    def test_leading_axes_and_empty_batches(self, family, rng):
        x = rng.normal(size=(2, 1, 3, 13)).astype("float32")
        op = operand(family, "seed", (13, 5))
        y = modulate(op, x_tensor(x), implementation=self.implementation)
        wanted = x @ matrix(family, (13, 5))
        np.testing.assert_allclose(ops.convert_to_numpy(y), wanted, atol=1e-5)
        none = modulate(op, x_tensor(x[:0]), implementation=self.implementation)
        assert tuple(none.shape) == (0, 1, 3, 5)

    @pytest.mark.parametrize("family", ["hadamard", "rademacher"])
    def test_input_that_is_not_contiguous(self, family, rng):
        x = rng.normal(size=(13, 4)).astype("float32")
        op = operand(family, "seed", (13, 5))
        y = modulate(
            op,
            ops.transpose(x_tensor(x)),
            implementation=self.implementation,
        )
        wanted = x.T @ matrix(family, (13, 5))
        np.testing.assert_allclose(ops.convert_to_numpy(y), wanted, atol=1e-5)

    @pytest.mark.parametrize("family", ["hadamard", "rademacher"])
    def test_one_bad_row_leaves_the_others_exact(self, family, rng):
        x = rng.normal(size=(5, 13)).astype("float32")
        op = operand(family, "seed", (13, 5))
        clean, bad = [], x.copy()
        bad[1], bad[3, 7] = np.nan, np.inf
        for rows in (x, bad):
            y = modulate(op, x_tensor(rows), implementation=self.implementation)
            clean.append(ops.convert_to_numpy(y))
        good = [0, 2, 4]
        np.testing.assert_array_equal(clean[1][good], clean[0][good])
        assert not np.isfinite(clean[1][[1, 3]]).any()

    def test_half_precision_does_not_overflow(self):
        """The sum of 64 inputs of 2**12 is beyond float16."""
        op = operand("hadamard", "seed", (64, 64), dtype="float16")
        signs = ops.convert_to_numpy(op.signs)[0]
        x = ops.cast(x_tensor(signs[None] * 2.0**12), "float16")
        y = modulate(op, x, implementation=self.implementation)
        y = ops.convert_to_numpy(ops.cast(y, "float32"))
        assert y[0, 0] == 2.0**15
        assert np.abs(y[0, 1:]).max() == 0


def x_tensor(x):
    return ops.convert_to_tensor(np.ascontiguousarray(x, "float32"))


def digest(family, p):
    """The digest of the integers behind entries at unit variance."""
    if family == "gaussian":
        table = np.array(oracle.quantiles())
        integers = np.searchsorted((table[1:] + table[:-1]) / 2, p)
        integers = integers.astype("<u2")
    else:
        integers = np.sign(np.round(p)).astype("int8")
    return hashlib.blake2b(integers.tobytes(), digest_size=16).hexdigest()
