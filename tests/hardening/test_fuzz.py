"""Damaged files: 2,001 over the three backends, others on each."""

import keras

from . import fuzz
from . import outcomes

BACKENDS = ("torch", "jax", "tensorflow")
MUTANTS = 667


def test_damaged_files_are_refused_or_harmless():
    start = MUTANTS * BACKENDS.index(keras.backend.backend())
    lines = list(fuzz.run(1, range(start, start + MUTANTS), few=True))
    assert [line["number"] for line in lines] == [
        *range(start, start + MUTANTS)
    ]
    counts = fuzz.summary(lines)
    assert counts["failures"] == []
    assert counts["outcomes"][outcomes.REFUSED] > MUTANTS / 2
    assert counts["outcomes"][outcomes.IDENTICAL] > 0
    assert len(counts["mutations"]) > 30
