"""Philox4x32-10 inside a kernel, on uint32 and without wide products."""

import jax.numpy as jnp
from jax import lax

from keras_randproj.kernels.pallas.requirements import interpreted
from keras_randproj.matrices.philox import KEY_INCREMENTS
from keras_randproj.matrices.philox import MULTIPLIERS
from keras_randproj.matrices.philox import ROUNDS

LIMB = 0xFFFF


def philox4x32(c0, c1, c2, c3, k0, k1):
    """Four words for each counter; all arguments are uint32."""

    def one_round(_, state):
        c0, c1, c2, c3, k0, k1 = state
        high0, low0 = _wide_product(c0, MULTIPLIERS[0])
        high1, low1 = _wide_product(c2, MULTIPLIERS[1])
        return (
            high1 ^ c1 ^ k0,
            low1,
            high0 ^ c3 ^ k1,
            low0,
            k0 + jnp.uint32(KEY_INCREMENTS[0]),
            k1 + jnp.uint32(KEY_INCREMENTS[1]),
        )

    # XLA on a CPU takes its time for each copy of the body.
    state = c0, c1, c2, c3, k0, k1
    return lax.fori_loop(
        0, ROUNDS, one_round, state, unroll=1 if interpreted() else ROUNDS
    )[:4]


def _wide_product(word, multiplier):
    """High and low 32 bits of a product, from factors of 16 bits."""
    b0, b1 = jnp.uint32(multiplier & LIMB), jnp.uint32(multiplier >> 16)
    a0, a1 = word & jnp.uint32(LIMB), word >> 16
    middle = a1 * b0 + (a0 * b0 >> 16)
    carry = a0 * b1 + (middle & jnp.uint32(LIMB))
    high = a1 * b1 + (middle >> 16) + (carry >> 16)
    return high, word * jnp.uint32(multiplier)
