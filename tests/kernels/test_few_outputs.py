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
from keras_randproj.kernels.reference import few_outputs
from keras_randproj.matrices.hadamard import row_of_h

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
    assert few_outputs.rows_per_block(conformance.BATCH, order) == block
    FewOutputs().check("hadamard", "seed", shape, False, "float32", rng)
    assert always


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
        (4096, 1024, 1, 10, True),
        (4095, 1024, 1, 10, False),
        (256, 16384, 1, 1024, True),
        (256, 16384, 1, 1025, False),
        (1024, 16384, 1, 2048, True),
        (1024, 16384, 1, 2049, False),
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


@pytest.mark.parametrize("jit", [False] if TORCH else [False, True])
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


def test_a_compiled_model_takes_another_seed(always, rng):
    """What was counted at the first call does not bind later ones."""
    layer = projections.get("hadamard", units=60, seed=0)
    model = keras.Sequential([keras.Input((256,)), layer])
    model.compile(jit_compile=not TORCH)
    x = rng.normal(size=(4, 256)).astype("float32")
    for seed in range(12):
        layer.set_seed(seed)
        wanted = x @ oracle.matrix("hadamard", seed, (256, 60))
        found = model.predict_on_batch(x)
        np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert always


def test_a_crowded_seed(always, monkeypatch, rng):
    """Such a layer computes all outputs; others refuse to become it."""
    rows = [row_of_h(np.array(p), 256) for p in map(_chosen, range(9))]
    counts = [few_outputs.fullest(r, 256) for r in rows]
    full, other = int(np.argmax(counts)), int(np.argmin(counts))
    assert counts[full] > counts[other]
    monkeypatch.setattr(few_outputs, "room", lambda cols: counts[full] - 1)
    layer = projections.get("hadamard", units=60, seed=full)
    x = rng.normal(size=(4, 256)).astype("float32")
    wanted = x @ oracle.matrix("hadamard", full, (256, 60))
    found = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    layer = projections.get("hadamard", units=60, seed=other)
    layer(x)
    with pytest.raises(ValueError, match=f"Received: seed={full}"):
        layer.set_seed(full)
    assert layer.seed == other
    if not TORCH:
        positions = np.array(_chosen(full), "int32")
        layer.positions.assign(positions)
        assert np.isnan(ops.convert_to_numpy(layer(x))).any()


def _chosen(seed):
    return oracle.hadamard_positions(seed, (256, 60))
