"""Signs, Walsh-Hadamard transform, row choice, scale and bias in one pass.

A program holds whole rows in registers as float32, so half precision neither
overflows nor loses bits between stages, and reads and writes each row once.
"""

import triton
import triton.language as tl

from keras_randproj.kernels.triton.walsh import walsh


@triton.jit
def places(slots, group, cols, CHOSEN: tl.constexpr, ORDER: tl.constexpr):
    """Where each output of a group goes, and whether anywhere."""
    position = group * ORDER + tl.arange(0, ORDER)
    if CHOSEN:
        position = tl.load(slots + position)
    return position, (position >= 0) & (position < cols)


@triton.jit
def vector(pointer, index, mask, other: tl.constexpr, GIVEN: tl.constexpr):
    """A row of float32 numbers, constant where no vector is given."""
    if GIVEN:
        found = tl.load(pointer + index, mask=mask, other=0).to(tl.float32)
    else:
        found = tl.where(mask, other, 0.0)
    return found[None, :]


@triton.jit
def _emit(
    values,
    total,
    probed,
    line,
    valid,
    width,
    index,
    mask,
    scale,
    bias,
    y,
    probe,
    SCALE: tl.constexpr,
    BIAS: tl.constexpr,
    STORE: tl.constexpr,
    PROBE: tl.constexpr,
):
    """Stores `values * scale + bias`, and adds up `values * probe`."""
    where = line[:, None] * width + index[None, :]
    inside = valid[:, None] & mask[None, :]
    if STORE:
        out = values * vector(scale, index, mask, 1.0, SCALE)
        out += vector(bias, index, mask, 0.0, BIAS)
        tl.store(y + where, out.to(y.dtype.element_ty), mask=inside)
    if PROBE:
        seen = tl.load(probe + where, mask=inside, other=0).to(tl.float32)
        total += tl.sum(tl.where(inside, values * seen, 0.0), 0)
        probed += tl.sum(seen, 0)
    return total, probed


@triton.jit
def forward_kernel(
    x,
    alpha,
    signs,
    slots,
    scale,
    bias,
    y,
    probe,
    sums,
    batch,
    rows,
    cols,
    gain,
    ALPHA: tl.constexpr,
    SCALE: tl.constexpr,
    BIAS: tl.constexpr,
    CHOSEN: tl.constexpr,
    STORE: tl.constexpr,
    PROBE: tl.constexpr,
    GROUPS: tl.constexpr,
    BLOCK: tl.constexpr,
    POWER: tl.constexpr,
    EXACT: tl.constexpr,
    WIDE: tl.constexpr,
):
    """`(x * alpha) P`, one group of outputs a program and block of rows."""
    ORDER: tl.constexpr = 1 << POWER
    group = tl.program_id(1)
    inner = tl.arange(0, ORDER)
    index, mask = places(slots, group, cols, CHOSEN, ORDER)
    total = tl.zeros((ORDER,), tl.float32)
    probed = tl.zeros((ORDER,), tl.float32)
    for block in range(
        tl.program_id(0), tl.cdiv(batch, BLOCK), tl.num_programs(0)
    ):
        line = (block * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
        valid = line < batch
        values = tl.load(
            x + line[:, None] * rows + inner[None, :],
            mask=valid[:, None] & (inner < rows)[None, :],
            other=0,
        ).to(tl.float32)
        values *= vector(alpha, inner, inner < rows, 1.0, ALPHA)
        values *= vector(signs, group * ORDER + inner, inner < rows, 1.0, True)
        values = walsh(values, BLOCK, POWER, POWER - POWER // 2, EXACT, WIDE)
        total, probed = _emit(
            values * gain,
            total,
            probed,
            line,
            valid,
            cols,
            index,
            mask,
            scale,
            bias,
            y,
            probe,
            SCALE,
            BIAS,
            STORE,
            PROBE,
        )
    if PROBE:
        sums += tl.program_id(0).to(tl.int64) * 2 * cols
        tl.store(sums + index, total, mask=mask)
        tl.store(sums + cols + index, probed, mask=mask)


@triton.jit
def adjoint_kernel(
    x,
    alpha,
    signs,
    slots,
    scale,
    bias,
    y,
    probe,
    sums,
    batch,
    rows,
    cols,
    gain,
    ALPHA: tl.constexpr,
    SCALE: tl.constexpr,
    BIAS: tl.constexpr,
    CHOSEN: tl.constexpr,
    STORE: tl.constexpr,
    PROBE: tl.constexpr,
    GROUPS: tl.constexpr,
    BLOCK: tl.constexpr,
    POWER: tl.constexpr,
    EXACT: tl.constexpr,
    WIDE: tl.constexpr,
):
    """`(x * alpha) P^T`: the groups' transforms are added in registers."""
    ORDER: tl.constexpr = 1 << POWER
    inner = tl.arange(0, ORDER)
    total = tl.zeros((ORDER,), tl.float32)
    probed = tl.zeros((ORDER,), tl.float32)
    for block in range(
        tl.program_id(0), tl.cdiv(batch, BLOCK), tl.num_programs(0)
    ):
        line = (block * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
        valid = line < batch
        values = tl.zeros((BLOCK, ORDER), tl.float32)
        for group in range(GROUPS):
            index, mask = places(slots, group, cols, CHOSEN, ORDER)
            part = tl.load(
                x + line[:, None] * cols + index[None, :],
                mask=valid[:, None] & mask[None, :],
                other=0,
            ).to(tl.float32)
            part *= vector(alpha, index, mask, 1.0, ALPHA)
            part = walsh(part, BLOCK, POWER, POWER // 2, EXACT, WIDE)
            values += part * vector(
                signs, group * ORDER + inner, inner < rows, 1.0, True
            )
        total, probed = _emit(
            values * gain,
            total,
            probed,
            line,
            valid,
            rows,
            inner,
            inner < rows,
            scale,
            bias,
            y,
            probe,
            SCALE,
            BIAS,
            STORE,
            PROBE,
        )
    if PROBE:
        sums += tl.program_id(0).to(tl.int64) * 2 * rows
        tl.store(sums + inner, total, mask=inner < rows)
        tl.store(sums + rows + inner, probed, mask=inner < rows)
