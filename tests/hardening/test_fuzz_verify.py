"""`verify` on damaged files: 2,000 over the three backends."""

import collections

import keras

from . import fuzz_verify

BACKENDS = ("torch", "jax", "tensorflow")
MUTANTS = 667


def test_verify_ends_well_on_damaged_files():
    start = MUTANTS * BACKENDS.index(keras.backend.backend())
    lines = list(fuzz_verify.run(1, range(start, start + MUTANTS)))
    assert [line for line in lines if line["problems"]] == []
    assert len(lines) == MUTANTS
    statuses = collections.Counter(line["status"] for line in lines)
    assert min(statuses[k] for k in (0, 1, 2)) > MUTANTS / 50
    assert len({line["mutation"] for line in lines}) > 40
