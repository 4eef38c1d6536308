"""Transforms that compute the chosen outputs alone."""

import conformance
import keras
import numpy as np
import oracle
import pytest
from conformance import SEED
from conformance import Conformance
from keras import ops

from keras_randproj import PRPDense
from keras_randproj import projections
from keras_randproj.kernels import few_outputs

TORCH = keras.backend.backend() == "torch"
# One part and several, padded inputs, one output and a quarter of all.
SHAPES = [(64, 1), (64, 5), (37, 9), (100, 32), (256, 60)]


class FewOutputs(Conformance):
    implementation = "torch_cpu" if TORCH else "reference"


@pytest.fixture
def always(monkeypatch):
    """Takes this way at any size, and says how often."""
    if TORCH:
        from keras_randproj.kernels.torch_cpu import blocks

        monkeypatch.setattr(blocks, "FEW", ((0, 1),))
        monkeypatch.setattr(blocks, "FEW_ORDER", 1)
    else:
        monkeypatch.setattr(few_outputs, "SHARES", ((0, 1),))
    taken = []
    columns = few_outputs.columns

    def counted(*args):
        taken.append(args)
        return columns(*args)

    monkeypatch.setattr(few_outputs, "columns", counted)
    return taken


def cases(rows):
    """Blocks of so many rows."""
    return pytest.mark.parametrize("block", rows, ids="{} rows".format)


@cases([1, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_value_and_gradients(shape, block, always, monkeypatch, rng):
    order = oracle.hadamard_layout(shape)[0]
    monkeypatch.setattr(few_outputs, "BLOCK", block * order)
    monkeypatch.setattr(few_outputs, "FEWEST_ROWS", 1)
    operands = conformance.operand("hadamard", "seed", shape)
    assert few_outputs.rows_per_block(conformance.BATCH, order) == block
    FewOutputs().check("hadamard", "seed", shape, False, "float32", rng)
    assert always
    assert operands.fullest >= shape[1] / few_outputs.parts(shape[1])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype, always, rng):
    FewOutputs().check("hadamard", "seed", (100, 32), False, dtype, rng)
    assert always


def test_taken_at_the_size_it_is_meant_for(monkeypatch, rng):
    """A layer with 64 of 8192 outputs, unpatched, against its matrix."""
    seen = []
    columns = few_outputs.columns
    monkeypatch.setattr(
        few_outputs, "columns", lambda *a: seen.append(a) or columns(*a)
    )
    layer = projections.get("hadamard", units=64, seed=SEED)
    x = rng.normal(size=(512, 8192)).astype("float32")
    found = ops.convert_to_numpy(layer(x))
    assert seen
    wanted = x @ oracle.matrix("hadamard", SEED, (8192, 64))
    np.testing.assert_allclose(found, wanted, atol=2e-4)


@pytest.mark.parametrize(
    ("rows", "order", "groups", "cols", "wanted"),
    [
        (1000, 16384, 1, 512, True),
        (256, 1024, 1, 32, True),
        (256, 1024, 1, 33, False),
        (255, 1024, 1, 10, False),
        (256, 16384, 1, 2048, True),
        (256, 16384, 1, 2049, False),
        (1000, 16384, 2, 512, False),
        (None, 16384, 1, 512, False),
    ],
)
def test_the_choice(rows, order, groups, cols, wanted):
    sizes = rows, order, groups, cols
    assert few_outputs.pays(*sizes, few_outputs.SHARES) == wanted


@pytest.mark.parametrize(
    ("rows", "order", "wanted"),
    [(1000, 16384, 125), (997, 16384, 997), (4, 2**20, 4), (64, 1024, 64)],
)
def test_blocks_divide_the_batch(rows, order, wanted):
    assert few_outputs.rows_per_block(rows, order) == wanted


@pytest.mark.parametrize("jit", [True, False], ids=["jit", "no jit"])
def test_a_training_step_is_the_same(jit, always, monkeypatch, rng):
    """In blocks, under the backend's compiler and without it."""
    monkeypatch.setattr(few_outputs, "BLOCK", 256)
    monkeypatch.setattr(few_outputs, "FEWEST_ROWS", 1)
    x = rng.normal(size=(6, 256)).astype("float32")
    y = rng.normal(size=(6, 20)).astype("float32")
    trained = []
    for shares in (few_outputs.SHARES, ()):
        # torch compares its kernel with the reference.
        monkeypatch.setattr(few_outputs, "SHARES", shares)
        name = "reference" if TORCH and not shares else None
        layer = PRPDense(
            20, projection="hadamard", seed=SEED, implementation=name
        )
        model = keras.Sequential([keras.Input((256,)), layer])
        model.compile("sgd", "mse", jit_compile=jit)
        model.train_on_batch(x, y)
        trained.append(model.get_weights())
    assert always
    for ours, plain in zip(*trained, strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-5)


def test_another_seed_counts_again(always, rng):
    layer = projections.get("hadamard", units=60, seed=SEED)
    layer.build((None, 256))
    x = rng.normal(size=(4, 256)).astype("float32")
    for seed in range(5):
        layer.set_seed(seed)
        wanted = x @ oracle.matrix("hadamard", seed, (256, 60))
        found = ops.convert_to_numpy(layer(x))
        np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert len(always) == 5


@pytest.mark.skipif(TORCH, reason="torch's kernel counts what it is given")
def test_positions_that_do_not_fit_are_no_numbers(always, rng):
    """Overwritten weights give NaN, not another matrix's numbers."""
    layer = projections.get("hadamard", units=60, seed=SEED)
    x = rng.normal(size=(4, 256)).astype("float32")
    wanted = ops.convert_to_numpy(layer(x))
    layer.fullest -= 1
    found = ops.convert_to_numpy(layer(x))
    lost = np.isnan(found)
    assert lost.any()
    np.testing.assert_allclose(found[~lost], wanted[~lost], atol=1e-5)
