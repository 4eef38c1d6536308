"""Philox4x32-10: the only place where random bits come from.

A counter-based generator (Salmon et al., "Parallel random numbers: as easy
as 1, 2, 3", SC 2011): 128 bits are a pure function of a counter of four words
and a key of two, so any part of a matrix can be made without the rest.
"""

from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
WORD_MASK = 0xFFFFFFFF

# The family word of counters that derive seeds; no family may use it.
SEED_DERIVATION = 2**32 - 1

# Counters worked on at once: eight arrays of 64-bit words stay in a core's
# second-level cache.
_CHUNK = 2**14

_SHIFT = np.uint64(32)
_MASK = np.uint64(WORD_MASK)


def philox4x32(counter: Sequence[ArrayLike], seed: int) -> np.ndarray:
    """128 random bits for every counter.

    Args:
        counter: Four non-negative integers or integer arrays that broadcast
            together. Words of 2**32 and more are used as they are (see
            "Wide words" in `matrices/CONTRACT.md`).
        seed: Integer in `[0, 2**64)`, the key.

    Returns:
        uint32 array of shape `broadcast shape + (4,)`, word 0 first.

    Example:

    >>> philox4x32((0, 0, 0, 0), seed=0)
    array([1713891541, 3781805453, 3159862348, 2600524760], dtype=uint32)
    """
    words = np.broadcast_arrays(*[np.asarray(c, "uint64") for c in counter])
    shape = words[0].shape
    flat = [word.reshape(-1) for word in words]
    out = np.empty((flat[0].size, 4), "uint32")
    wide = any(word.size and int(word.max()) > WORD_MASK for word in flat)
    rounds = _wide_rounds if wide else _rounds
    for start in range(0, len(out), _CHUNK):
        part = slice(start, start + _CHUNK)
        rounds([word[part] for word in flat], seed, out[part])
    return out.reshape(shape + (4,))


def derive_seed(seed: int, k: int) -> int:
    """The `k`-th seed that belongs to a seed.

    Args:
        seed: Integer in `[0, 2**64)`.
        k: Integer in `[0, 2**32)`.

    Returns:
        Integer in `[0, 2**64)`.

    Example:

    >>> derive_seed(7, 0) != derive_seed(7, 1) != derive_seed(8, 0)
    True
    """
    word = philox4x32((k, 0, 0, SEED_DERIVATION), seed)
    return int(word[0]) | int(word[1]) << 32


def round_keys(seed: int) -> Iterator[tuple[int, int]]:
    """The two key words of each round."""
    for r in range(ROUNDS):
        yield (
            ((seed & WORD_MASK) + r * KEY_INCREMENTS[0]) & WORD_MASK,
            ((seed >> 32) + r * KEY_INCREMENTS[1]) & WORD_MASK,
        )


def _rounds(words, seed, out):
    """Ten rounds on words below 2**32, in preallocated 64-bit arrays."""
    c0, c1, c2, c3 = (word.copy() for word in words)
    p0, p1 = np.empty_like(c0), np.empty_like(c0)
    m0, m1 = (np.uint64(m) for m in MULTIPLIERS)
    for k0, k1 in round_keys(seed):
        np.multiply(c0, m0, out=p0)
        np.multiply(c2, m1, out=p1)
        np.right_shift(p1, _SHIFT, out=c0)
        np.bitwise_xor(c0, c1, out=c0)
        np.bitwise_xor(c0, np.uint64(k0), out=c0)
        np.right_shift(p0, _SHIFT, out=c2)
        np.bitwise_xor(c2, c3, out=c2)
        np.bitwise_xor(c2, np.uint64(k1), out=c2)
        np.bitwise_and(p1, _MASK, out=c1)
        np.bitwise_and(p0, _MASK, out=c3)
    for k, word in enumerate((c0, c1, c2, c3)):
        out[:, k] = word


def _wide_rounds(words, seed, out):
    """The same rounds where a word may exceed 32 bits.

    Products keep every high bit, split so that 64 bits suffice, and the
    words are joined by `or` as the contract says.
    """

    def multiply(word, multiplier):
        m = np.uint64(multiplier)
        low = (word & _MASK) * m
        return (word >> _SHIFT) * m + (low >> _SHIFT), low & _MASK

    c0, c1, c2, c3 = words
    for k0, k1 in round_keys(seed):
        high0, low0 = multiply(c0, MULTIPLIERS[0])
        high1, low1 = multiply(c2, MULTIPLIERS[1])
        c0, c1 = high1 ^ c1 ^ np.uint64(k0), low1
        c2, c3 = high0 ^ c3 ^ np.uint64(k1), low0
    out[:, 0] = c0 & _MASK
    out[:, 1] = c1 | (c0 >> _SHIFT)
    out[:, 2] = c2 & _MASK
    out[:, 3] = c3 | (c2 >> _SHIFT)
