"""Every Triton kernel compiles, and fits a GPU of either generation."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from keras_randproj.kernels.triton.requirements import SHARED_BYTES

if keras.backend.backend() != "torch":
    pytest.skip("Kernels are compiled once", allow_module_level=True)

# Bytes a thread may spill; its registers hold 1,020.
SPILLED = {80: 600, 90: 192}


@pytest.fixture(scope="module")
def compiled():
    script = Path(__file__).with_name("compile_kernels.py")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("TRITON_INTERPRET", None)
    told = subprocess.run(
        [sys.executable, "-W", "ignore", script],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-4000:]
    return json.loads(told.stdout.splitlines()[-1])


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
