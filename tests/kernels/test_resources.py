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
