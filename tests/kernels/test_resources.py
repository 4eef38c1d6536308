"""Every Triton kernel compiles, and fits a GPU of either generation."""

import importlib.util
from pathlib import Path

import keras
import pytest
from without_interpreter import told_by

from keras_randproj.kernels.triton.requirements import SHARED_BYTES

if keras.backend.backend() != "torch":
    pytest.skip("Kernels are compiled once", allow_module_level=True)

# Bytes a thread may spill; its registers hold 1,020.
SPILLED = {80: 600, 90: 192}


@pytest.fixture(scope="module")
def compiled():
    return told_by(Path(__file__).with_name("compile_kernels.py"))


@pytest.mark.parametrize("capability", SPILLED)
def test_what_kernels_take_of_a_gpu(compiled, capability):
    rows = [row for row in compiled if row["capability"] == capability]
    assert len(rows) >= 16
    if importlib.util.find_spec("jax_triton"):
        assert {row["backend"] for row in rows} == {"torch", "jax"}
    for row in rows:
        assert row["shared"] <= SHARED_BYTES, row
        assert row["spilled"] <= SPILLED[capability], row


def test_rows_are_on_their_way_while_others_are_computed(compiled):
    """Loads of one tile are asynchronous, unless they were told not to be."""
    rows = [
        row
        for row in compiled
        if row["kernel"] == "tile_kernel"
        and row["case"][2] in ("forward", "back")
        and row["case"][1] in (1024, 2048, 4096)
    ]
    assert rows
    assert all(row["asynchronous"] for row in rows)


def test_few_rows_wait_for_no_other_thread(compiled):
    """What threads make they keep, until all is added up."""
    rows = [row for row in compiled if row["kernel"] == "few_rows_kernel"]
    assert {row["case"][2] for row in rows} >= {2, 4}
    assert not any(row["barriers"] for row in rows), rows
    others = [row for row in compiled if row["kernel"] == "product_kernel"]
    assert any(row["barriers"] for row in others), "Barriers are not seen"


def test_more_rows_are_not_more_loads(compiled):
    """The compiler follows each load through all terms, for half a minute."""
    (row,) = (
        row
        for row in compiled
        if row["kernel"] == "few_rows_kernel"
        and row["capability"] == 90
        and row["case"][1:3] == ["rademacher", 4]
    )
    # Four limbs of the key; x and alpha for each row of a tile; two vectors
    # for each of its columns.
    assert row["loads"] == 4 + 2 * 16 + 2 * 8
