"""A signed Walsh-Hadamard transform of rows in registers.

With n = n1 * n2 a row of n numbers is a matrix X of `n1 x n2`, and its
transform, numbered as in the contract, is `H_n2 X^T H_n1`: two products, one
after the other. The data is the right operand of the first, which tensor
cores read from shared memory in either direction, and its result the left
operand of the second, straight from registers: nothing is ever transposed.
Back, n1 and n2 change places, so both directions are one kernel.

A `SHAPE` is `(order, A, B, G1, G2, rows)`: tiles of `A x B` numbers, of which
`G1 x G2` make a row, with butterflies between whole tiles, and how many rows
are transformed together. Orders below 256 have `A = 1` and one product.
"""

import triton
import triton.language as tl


@triton.jit
def parity(number):
    """Whether an odd number of the last eight bits are 1."""
    number ^= number >> 4
    number ^= number >> 2
    return (number ^ (number >> 1)) & 1


@triton.jit
def walsh(SHAPE: tl.constexpr, LEFT: tl.constexpr, TRANSPOSED: tl.constexpr):
    """The left or the right matrix of the two products, bfloat16."""
    SIDE: tl.constexpr = SHAPE[2] if LEFT else SHAPE[1]
    i = tl.arange(0, SIDE)[:, None]
    j = tl.arange(0, SIDE)[None, :]
    entered = i
    if SHAPE[1] == 1:
        # One product has to put its outputs in order itself.
        POWER: tl.constexpr = SHAPE[0].bit_length() - 1
        FIRST: tl.constexpr = 1 << (POWER // 2)
        if TRANSPOSED:
            j = j % FIRST * (SHAPE[0] // FIRST) + j // FIRST
        else:
            i = i % FIRST * (SHAPE[0] // FIRST) + i // FIRST
    # By way of float32: the interpreter takes integers for bits.
    signs = (1 - 2 * parity(i & j)).to(tl.float32)
    if SHAPE[1] == 1 and SHAPE[0] < SIDE:
        inside = (entered < SHAPE[0]) & (tl.arange(0, SIDE) < SHAPE[0])[None, :]
        signs = tl.where(inside, signs, 0.0)
    return signs.to(tl.bfloat16)


@triton.jit
def _dot(left, right, total, WIDE: tl.constexpr):
    """One more product; the interpreter has none of bfloat16."""
    if WIDE:
        left, right = left.to(tl.float32), right.to(tl.float32)
    return tl.dot(left, right, acc=total)


@triton.jit
def parts(values, COUNT: tl.constexpr):
    """Numbers as sums of bfloat16, the smallest first.

    Tensor cores multiply these by -1, 0 and 1 exactly, and cut off what they
    add up: so less of the large part is lost.
    """
    found = ()
    for _ in tl.static_range(COUNT):
        piece = values.to(tl.bfloat16)
        values -= piece.to(tl.float32)
        found = (piece,) + found  # type: ignore[assignment]
    return found


@triton.jit
def products(
    values,
    left,
    right,
    SHAPE: tl.constexpr,
    PARTS: tl.constexpr,
    WIDE: tl.constexpr,
):
    """`(rows * A, B)` to `(B * rows, A)`: each row's `left X^T right`.

    Three bfloat16 parts hold all of a float32, two all of a float16.
    """
    A: tl.constexpr = SHAPE[1]
    B: tl.constexpr = SHAPE[2]
    ROWS: tl.constexpr = SHAPE[5]
    between = tl.zeros((B, ROWS * A), tl.float32)
    pieces = parts(values, PARTS)
    for part in tl.static_range(PARTS):
        between = _dot(left, tl.trans(pieces[part]), between, WIDE)
    between = tl.reshape(between, (B * ROWS, A))
    if A == 1:
        out = between
    else:
        out = tl.zeros((B * ROWS, A), tl.float32)
        pieces = parts(between, PARTS)
        for part in tl.static_range(PARTS):
            out = _dot(pieces[part], right, out, WIDE)
    return out


@triton.jit
def entries(tile, SHAPE: tl.constexpr):
    """The row of each number of an input tile, and its index there."""
    A: tl.constexpr = SHAPE[1]
    B: tl.constexpr = SHAPE[2]
    k = tl.arange(0, SHAPE[5] * A)[:, None]
    down = tile // SHAPE[4] * A + k % A
    across = tile % SHAPE[4] * B + tl.arange(0, B)[None, :]
    return k // A, down * (B * SHAPE[4]) + across


@triton.jit
def exits(tile, SHAPE: tl.constexpr):
    """The same of an output tile."""
    A: tl.constexpr = SHAPE[1]
    B: tl.constexpr = SHAPE[2]
    k = tl.arange(0, B * SHAPE[5])[:, None]
    down = tile % SHAPE[4] * B + k // SHAPE[5]
    across = tile // SHAPE[4] * A + tl.arange(0, A)[None, :]
    return k % SHAPE[5], down * (A * SHAPE[3]) + across


@triton.jit
def next_stage(values, SHAPE: tl.constexpr):
    """Outputs as the inputs of another transform of the same direction."""
    A: tl.constexpr = SHAPE[1]
    B: tl.constexpr = SHAPE[2]
    ROWS: tl.constexpr = SHAPE[5]
    if ROWS > 1:
        values = tl.reshape(values, (B, ROWS, A))
        values = tl.permute(values, (1, 0, 2))
    return tl.reshape(values, (ROWS * A, B))


@triton.jit
def fetch(pointer, index, mask, FULL: tl.constexpr):
    """float32 numbers, 0 outside the mask unless there is no outside."""
    if FULL:
        return tl.load(pointer + index).to(tl.float32)
    return tl.load(pointer + index, mask=mask, other=0).to(tl.float32)


@triton.jit
def place(
    index,
    slots,
    group,
    size,
    OUTER: tl.constexpr,
    CHOSEN: tl.constexpr,
    SHAPE: tl.constexpr,
):
    """Where numbers are in memory, and which of them are there.

    On the outer side groups follow each other, and outputs are chosen.
    """
    found = index
    if OUTER:
        found = group * SHAPE[0] + index
        if CHOSEN:
            found = tl.load(slots + found, mask=index < SHAPE[0], other=-1)
    return found, (index < SHAPE[0]) & (found >= 0) & (found < size)


@triton.jit
def factor(
    vector,
    signs,
    found,
    mask,
    gain,
    GIVEN: tl.constexpr,
    SIGNED: tl.constexpr,
    FULL: tl.constexpr,
):
    """What inputs are multiplied by: the gain, alpha and their signs."""
    out = tl.zeros(found.shape, tl.float32) + gain
    if GIVEN:
        out *= fetch(vector, found, mask, FULL)
    if SIGNED:
        out *= fetch(signs, found, mask, FULL)
    return out


@triton.jit
def store(y, values, where, inside, FULL: tl.constexpr):
    """Writes values in the dtype of y."""
    values = values.to(y.dtype.element_ty)
    if FULL:
        tl.store(y + where, values)
    else:
        tl.store(y + where, values, mask=inside)
