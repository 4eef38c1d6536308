"""Philox4x32-10 in registers: the same 128 bits as the contract's."""

import triton
import triton.language as tl

from keras_randproj.matrices import philox

M0 = tl.constexpr(philox.MULTIPLIERS[0])
M1 = tl.constexpr(philox.MULTIPLIERS[1])
INCREMENT0 = tl.constexpr(philox.KEY_INCREMENTS[0])
INCREMENT1 = tl.constexpr(philox.KEY_INCREMENTS[1])
ROUNDS = tl.constexpr(philox.ROUNDS)


@triton.jit
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Four words for each counter; all arguments are uint32."""
    m0 = tl.full([], M0, tl.uint32)
    m1 = tl.full([], M1, tl.uint32)
    for _ in tl.static_range(ROUNDS):
        high0 = tl.umulhi(c0, m0)
        high1 = tl.umulhi(c2, m1)
        low0 = c0 * m0
        low1 = c2 * m1
        c0 = high1 ^ c1 ^ k0
        c1 = low1
        c2 = high0 ^ c3 ^ k1
        c3 = low0
        k0 += tl.full([], INCREMENT0, tl.uint32)
        k1 += tl.full([], INCREMENT1, tl.uint32)
    return c0, c1, c2, c3


@triton.jit
def load_key(key):
    """The two key words, from four 16-bit limbs in int32."""
    limb0 = tl.load(key).to(tl.uint32)
    limb1 = tl.load(key + 1).to(tl.uint32)
    limb2 = tl.load(key + 2).to(tl.uint32)
    limb3 = tl.load(key + 3).to(tl.uint32)
    return limb0 | (limb1 << 16), limb2 | (limb3 << 16)
