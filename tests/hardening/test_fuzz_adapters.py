"""Damaged files of adapters: 2,000 over the three backends."""

import collections

import keras
import pytest

from . import fuzz_adapters

pytest.importorskip("safetensors")

BACKENDS = ("torch", "jax", "tensorflow")
MUTANTS = 667


def test_no_damaged_adapter_is_accepted_with_other_numbers():
    start = MUTANTS * BACKENDS.index(keras.backend.backend())
    lines = list(fuzz_adapters.run(1, range(start, start + MUTANTS)))
    assert [x for x in lines if x["outcome"] not in fuzz_adapters.GOOD] == []
    assert len(lines) == MUTANTS
    outcomes = collections.Counter(line["outcome"] for line in lines)
    assert outcomes[fuzz_adapters.REFUSED] > MUTANTS / 2
    assert len({line["mutation"] for line in lines}) > 20
