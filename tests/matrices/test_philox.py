"""The generator: published vectors, the oracle, and seeds that differ."""

import numpy as np
import oracle
import pytest

from keras_randproj.matrices import derive_seed
from keras_randproj.matrices import philox4x32

pytestmark = pytest.mark.one_backend

# Random123, tests/kat_vectors: counter, key words, answer.
KNOWN = [
    (
        (0, 0, 0, 0),
        (0, 0),
        (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    ),
    (
        (2**32 - 1,) * 4,
        (2**32 - 1,) * 2,
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_known_answers(counter, key, answer):
    seed = key[0] | key[1] << 32
    assert philox4x32(counter, seed).tolist() == list(answer)
    assert oracle.words(counter, seed) == list(answer)


@pytest.mark.parametrize("size", [1, 2**14 - 1, 2**14, 2**14 + 1, 2**15 + 3])
def test_the_ends_of_chunks_agree_with_the_oracle(size):
    found = philox4x32((np.arange(size), 3, 5, 7), seed=2**63 + 11)
    assert found.shape == (size, 4)
    assert found.dtype == "uint32"
    for k in {0, 2**14 - 1, 2**14, size - 1} & set(range(size)):
        assert found[k].tolist() == oracle.words((k, 3, 5, 7), 2**63 + 11)


@pytest.mark.parametrize("largest", [2**32, 2**45, 2**61])
def test_random_counters_agree_with_the_oracle(largest, rng):
    counters = rng.integers(0, largest, (50, 2))
    others = rng.integers(0, 2**32, (50, 2))
    for (c0, c1), (c2, c3) in zip(
        counters.tolist(), others.tolist(), strict=True
    ):
        seed = int(rng.integers(0, 2**64, dtype="uint64"))
        found = philox4x32((c0, c1, c2, c3), seed).tolist()
        assert found == oracle.words((c0, c1, c2, c3), seed)


def test_a_wide_word_leaves_its_neighbours_alone():
    both = philox4x32((np.array([5, 2**40]), 0, 0, 1), seed=9)
    assert both[0].tolist() == philox4x32((5, 0, 0, 1), seed=9).tolist()


def test_counters_broadcast():
    rows, cols = np.arange(3)[:, None], np.arange(4)[None, :]
    found = philox4x32((rows, cols, 0, 1), seed=3)
    assert found.shape == (3, 4, 4)
    assert found[2, 3].tolist() == oracle.words((2, 3, 0, 1), 3)
    assert philox4x32((np.arange(0), 0, 0, 0), seed=0).shape == (0, 4)


@pytest.mark.parametrize("seed", oracle.SEEDS)
def test_derived_seeds_follow_the_contract(seed):
    found = [derive_seed(seed, k) for k in range(5)]
    assert found == [oracle.derived_seed(seed, k) for k in range(5)]
    assert len({*found, seed}) == 6


def test_neighbouring_seeds_share_nothing():
    """Some generators give seed n + 1 the stream of seed n, one later."""
    seen = set()
    for seed in range(100):
        for counter in range(10):
            seen.add(tuple(philox4x32((counter, 0, 0, 1), seed).tolist()))
    assert len(seen) == 1000
