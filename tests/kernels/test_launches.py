"""A kernel that was launched before gets what Triton would give it."""

from pathlib import Path

import keras
import pytest
from without_interpreter import told_by

if keras.backend.backend() != "torch":
    pytest.skip("Kernels are launched so on torch", allow_module_level=True)


@pytest.fixture(scope="module")
def launches(tmp_path_factory):
    script = Path(__file__).with_name("record_launches.py")
    cache = tmp_path_factory.mktemp("triton")
    return told_by(script, TRITON_CACHE_DIR=str(cache))


def test_every_case_is_launched(launches):
    found = [(row["case"], row["kernel"]) for row in launches]
    assert found == [
        ("mixed", "tile_kernel"),
        ("depth", "tile_kernel"),
        ("unaligned", "tile_kernel"),
        ("all gradients at once", "gradient_kernel"),
        ("from a seed", "few_rows_kernel"),
        ("signs packed first", "pack_kernel"),
        ("signs packed first", "product_kernel"),
        ("in splits", "product_kernel"),
        ("in splits", "finish_kernel"),
        ("gradients from a seed", "few_rows_kernel"),
        ("gradients from a seed", "few_rows_kernel"),
        ("in chunks", "matrix_kernel"),
    ]


def test_a_known_kernel_gets_what_triton_would_give_it(launches):
    for row in launches:
        assert row["same"], row


def test_other_tensors_get_a_kernel_of_their_own(launches):
    for row in launches:
        assert row["unaligned"], row
        assert row["double"], row
        if row["case"] != "unaligned":
            assert row["others"] == 3, row


def test_only_aligned_tensors_are_remembered(launches):
    for row in launches:
        assert row["remembered"] or row["case"] == "unaligned", row
    assert not all(row["remembered"] for row in launches)
