"""The reference implementation against float64 NumPy, values and gradients."""

import autodiff
import keras
import numpy as np
import oracle
import pytest
from keras import ops

from keras_randproj import config
from keras_randproj import kernels
from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.kernels import dispatch
from keras_randproj.kernels import reference
from keras_randproj.kernels.gain import split_gain
from keras_randproj.kernels.reference import blockwise
from keras_randproj.kernels.reference import packed
from keras_randproj.kernels.reference import seeded
from keras_randproj.matrices.hadamard import factors
from keras_randproj.matrices.hadamard import walsh_matrix

SEED = 2**50 + 17
SHAPES = [(1, 1), (13, 5), (5, 40), (16, 16)]
ALL_SHAPES = ("hadamard", "gaussian")
# family, storage
FORMS = [
    *[(family, "dense") for family in oracle.FAMILIES],
    ("gaussian", "seed"),
    ("sparse_ternary", "packed"),
]
CASES = [
    # Stored matrices are multiplied in one way, whatever is in them.
    *[(f, "dense", (13, 5)) for f in oracle.FAMILIES if f not in ALL_SHAPES],
    *[(f, "dense", shape) for f in ALL_SHAPES for shape in SHAPES],
    *[(f, "seed", (33, 97)) for f in oracle.TILED],
    *[(f, "packed", (33, 97)) for f in oracle.TILED[1:]],
    ("gaussian", "seed", (1, 1)),
    ("rademacher", "packed", (1, 1)),
]


@pytest.fixture(scope="module")
def projection():
    """Built projections, each made once."""
    made = {}

    def get(family, storage, shape, turned=False):
        key = family, storage, shape
        if key not in made:
            layer = projections.get(
                family, units=shape[1], seed=SEED, storage=storage
            )
            layer.build((None, shape[0]))
            made[key] = layer
        layer = made[key]
        if turned:
            layer = layer.transposed()
            layer.build((None, shape[1]))
        return layer

    return get


def modulate(layer, x, alpha=None, scale=None, bias=None):
    operand = layer.held.operands[layer.is_transposed]
    return kernels.modulate([operand], x, [alpha], scale, bias)


def _arrays(shape, rng, batch=3):
    """x, alpha, scale, bias."""
    sizes = (batch, shape[0]), shape[:1], shape[1:], shape[1:]
    return [rng.normal(size=size) for size in sizes]


@pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
@pytest.mark.parametrize(("family", "storage", "shape"), CASES)
def test_value_and_gradients(family, storage, shape, turned, projection, rng):
    layer = projection(family, storage, shape, turned)
    p = oracle.matrix(family, SEED, shape)
    if turned:
        shape = shape[::-1]
        p = p.T * (shape[1] / shape[0]) ** 0.5
    x, alpha, scale, bias = _arrays(shape, rng)
    upstream = rng.normal(size=(3, shape[1]))
    y, grads = autodiff.gradients(
        lambda *tensors: modulate(layer, *tensors),
        [x, alpha, scale, bias],
        upstream,
    )
    back = (upstream * scale) @ p.T
    wanted = [
        back * alpha,
        (back * x).sum(0),
        (((x * alpha) @ p) * upstream).sum(0),
        upstream.sum(0),
    ]
    # Sums of at most 97 float32 products of order one.
    close = {"rtol": 2e-4, "atol": 2e-4}
    np.testing.assert_allclose(y, oracle.prp(x, p, alpha, scale, bias), **close)
    for found, want in zip(grads, wanted, strict=True):
        np.testing.assert_allclose(found, want, **close)


@pytest.mark.parametrize(("family", "storage"), FORMS)
def test_vectors_left_out_are_neutral(family, storage, projection, rng):
    layer = projection(family, storage, (33, 97))
    x = rng.normal(size=(4, 33)).astype("float32")
    found = ops.convert_to_numpy(layer(x))
    ones = ops.ones(33), ops.ones(97), ops.zeros(97)
    same = ops.convert_to_numpy(
        modulate(layer, ops.convert_to_tensor(x), *ones)
    )
    np.testing.assert_allclose(found, same, atol=1e-6)
    wanted = oracle.prp(x, oracle.matrix(family, SEED, (33, 97)))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("size", [1e-9, 1e6])
@pytest.mark.parametrize(("family", "storage"), FORMS)
def test_gradients_of_any_size_keep_precision(
    family, storage, size, projection, rng
):
    layer = projection(family, storage, (33, 97))
    x, alpha, scale, _ = _arrays((33, 97), rng)
    upstream = rng.normal(size=(3, 97)) * size
    a, w = (ops.convert_to_tensor(v, "float32") for v in (alpha, scale))
    _, (found,) = autodiff.gradients(
        lambda x: modulate(layer, x, a, w), [x], upstream
    )
    p = oracle.matrix(family, SEED, (33, 97))
    wanted = (upstream * scale) @ p.T * alpha
    np.testing.assert_allclose(found, wanted, atol=2e-5 * size)


@pytest.mark.parametrize(("family", "storage"), FORMS)
def test_one_bad_row_leaves_the_others_exact(family, storage, projection, rng):
    layer = projection(family, storage, (33, 97))
    x = rng.normal(size=(5, 33)).astype("float32")
    clean = ops.convert_to_numpy(layer(x))
    x[1] = np.nan
    x[3, 7] = np.inf
    found = ops.convert_to_numpy(layer(x))
    np.testing.assert_array_equal(found[[0, 2, 4]], clean[[0, 2, 4]])
    assert np.isnan(found[1]).all()
    assert not np.isfinite(found[3]).any() or family == "sparse_ternary"


@pytest.mark.parametrize("seed", oracle.SEEDS)
def test_the_generator_on_tensors(seed, rng):
    counters = rng.integers(0, 2**32, (4, 64), dtype="uint64")
    dtype = "uint32" if keras.backend.backend() == "jax" else "int64"
    key = [seed >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
    found = seeded.philox4x32(
        [ops.convert_to_tensor(c.astype(dtype)) for c in counters],
        ops.convert_to_tensor(np.array(key, "int32")),
    )
    found = np.stack([ops.convert_to_numpy(word) for word in found])
    wanted = [oracle.words(tuple(c), seed) for c in counters.T.tolist()]
    np.testing.assert_array_equal(found.T, wanted)


@pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
@pytest.mark.parametrize("shape", [(20, 150), (150, 20), (70, 33)])
@pytest.mark.parametrize(
    ("family", "storage"),
    [
        *[(family, "seed") for family in oracle.TILED],
        ("rademacher", "packed"),
        ("sparse_ternary", "packed"),
    ],
)
def test_many_blocks_equal_one(
    family, storage, shape, turned, monkeypatch, rng
):
    """Blocks of 1,024 entries, of heights that 1,024 is no multiple of."""
    monkeypatch.setattr(blockwise, "BLOCK_ENTRIES", 2**10)
    layer = projections.get(family, units=shape[1], seed=SEED, storage=storage)
    layer.build((None, shape[0]))
    operand = layer.held.operands[0]
    p = oracle.block(family, SEED, (0, shape[0]), (0, shape[1]))
    if turned:
        operand, p = operand.transpose(), p.T
    x = rng.normal(size=(2, operand.input_dim)).astype("float32")
    compute = seeded if storage == "seed" else packed
    found = compute.multiply(operand, ops.convert_to_tensor(x), 1.0)
    # 150 float32 products of order one.
    np.testing.assert_allclose(ops.convert_to_numpy(found), x @ p, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 7, 100, 1000, 1024, 5000, 2**20])
@pytest.mark.parametrize("cols", [1, 9, 11000, 2**20])
@pytest.mark.parametrize("family", oracle.TILED)
def test_blocks_are_whole_tiles_of_bounded_size(family, rows, cols):
    spec = matrices.get(family).spec()
    operand = kernels.SeededTiles(rows, cols, spec=spec)
    unit = spec.rows, spec.cols
    height, width = blockwise.block_shape(operand, unit)
    assert height % spec.rows == 0
    assert width % spec.cols == 0
    assert 0 < height * width <= blockwise.BLOCK_ENTRIES


@pytest.mark.parametrize("dim", [1, 2, 3, 64, 784, 4096, 2**20 + 1])
def test_the_two_parts_of_the_gain(dim):
    operand = kernels.StoredMatrix(dim, 3)
    before, after = split_gain(operand)
    assert before * after == pytest.approx(dim**-0.5, rel=1e-12)
    assert 0.5 < after <= 1
    assert np.log2(before) == int(np.log2(before))
    twice = operand.times(7.0).times(2.0)
    assert split_gain(twice) == (before, pytest.approx(14 * after, rel=1e-12))
    back = operand.transpose()
    assert back.gain == pytest.approx(3**-0.5, rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 4, 8, 32, 1024])
def test_factors_of_the_transform(order):
    first, second = factors(order)
    assert first * second == order
    assert second in (first, 2 * first)


def test_walsh_matrix():
    found = walsh_matrix(16)
    wanted = [
        [(-1) ** (i & j).bit_count() for j in range(16)] for i in range(16)
    ]
    np.testing.assert_array_equal(found, wanted)


def test_the_transform_needs_no_square_array(monkeypatch, rng):
    """At order 2**16 a square of float32 would take 16 GiB."""
    layer = projections.Hadamard(units=40000, seed=1)
    layer.build((None, 50000))
    assert sum(int(np.prod(w.shape)) for w in layer.weights) < 2**17
    x = rng.normal(size=(1, 50000)).astype("float32")
    y = ops.convert_to_numpy(layer(x))
    # Columns of P are nearly orthonormal: lengths are kept on average.
    assert np.sum(y**2) == pytest.approx(np.sum(x**2) * 0.8, rel=0.05)


def test_a_named_implementation_never_falls_back(monkeypatch):
    monkeypatch.setattr(reference, "refusals", lambda *args: ["it is Sunday"])
    layer = projections.Gaussian(4, seed=1, implementation="reference")
    with pytest.raises(RuntimeError, match="reference: it is Sunday"):
        layer(np.ones((1, 3), "float32"))


def test_set_implementation(monkeypatch):
    monkeypatch.setattr(dispatch, "_default", None)
    config.set_implementation("reference")
    assert config.implementation() == "reference"
    with pytest.raises(ValueError, match="Received: implementation='fast'"):
        config.set_implementation("fast")
    assert config.implementation() == "reference"
    config.set_implementation(None)
    assert config.implementation() is None
