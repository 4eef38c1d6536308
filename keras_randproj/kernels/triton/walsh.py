"""The Walsh-Hadamard transform of rows that are in registers."""

import triton
import triton.language as tl


@triton.jit
def walsh(
    values,
    BLOCK: tl.constexpr,
    POWER: tl.constexpr,
    ROTATE: tl.constexpr,
    EXACT: tl.constexpr,
    WIDE: tl.constexpr,
):
    """Rows times H of order `2**POWER`; index bits end rotated right.

    Four index bits a stage: the last ones are transformed by a product with a
    16 x 16 matrix and go to the front, so that the next ones are last.
    """
    for start in tl.static_range(0, POWER, 4):
        values = _stage(values, BLOCK, POWER, start, EXACT, WIDE)
        if start + 4 < POWER:
            values = _rotate(values, BLOCK, POWER, 4)
        else:
            values = _rotate(values, BLOCK, POWER, (ROTATE - start) % POWER)
    return values


@triton.jit
def _stage(
    values,
    BLOCK: tl.constexpr,
    POWER: tl.constexpr,
    START: tl.constexpr,
    EXACT: tl.constexpr,
    WIDE: tl.constexpr,
):
    """H on the last four bits of the index, or as many as are left.

    Values are cut into bfloat16 parts that the tensor cores multiply without
    error: three hold all of a float32, two are enough for half precision.
    `WIDE` multiplies them as float32: the interpreter has no bfloat16 product.
    """
    BITS: tl.constexpr = 4 if POWER - START >= 4 else POWER - START
    digit = tl.arange(0, 16)
    common = (digit[:, None] & digit[None, :]) & ((1 << BITS) - 1)
    common = common ^ (common >> 2)
    odd = (common ^ (common >> 1)) & 1
    same = (digit[:, None] >> BITS) == (digit[None, :] >> BITS)
    matrix = tl.where(same, 1.0 - 2 * odd, 0.0).to(tl.bfloat16)
    rest = tl.reshape(values, (BLOCK * (1 << POWER) // 16, 16))
    flat = tl.zeros_like(rest)
    for _ in tl.static_range(3 if EXACT else 2):
        part = rest.to(tl.bfloat16)
        rest -= part.to(tl.float32)
        if WIDE:
            flat += tl.dot(part.to(tl.float32), matrix.to(tl.float32))
        else:
            flat = tl.dot(part, matrix, acc=flat)
    return tl.reshape(flat, (BLOCK, 1 << POWER))


@triton.jit
def _rotate(
    values, BLOCK: tl.constexpr, POWER: tl.constexpr, BITS: tl.constexpr
):
    """The last `BITS` bits of the index become the first."""
    if BITS > 0:
        values = tl.reshape(values, (BLOCK, 1 << (POWER - BITS), 1 << BITS))
        values = tl.permute(values, (0, 2, 1))
        values = tl.reshape(values, (BLOCK, 1 << POWER))
    return values
