"""Several signed Hadamard stages in one pass over memory.

A program keeps its rows in registers as float32 from the first stage to the
last. Stages pass on all of a power of two, so that only the first input and
the last output have another size or choose rows.
"""

import triton
import triton.language as tl

from keras_randproj.kernels.triton.hadamard import places
from keras_randproj.kernels.triton.hadamard import vector
from keras_randproj.kernels.triton.walsh import walsh


@triton.jit
def stages_kernel(
    x,
    alphas,
    signs,
    slots,
    scale,
    bias,
    y,
    batch,
    rows,
    cols,
    padding,
    gain,
    SCALE: tl.constexpr,
    BIAS: tl.constexpr,
    CHOSEN: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    DEPTH: tl.constexpr,
    BLOCK: tl.constexpr,
    POWER: tl.constexpr,
    EXACT: tl.constexpr,
    WIDE: tl.constexpr,
):
    """`x` through `DEPTH` stages, each with a row of `alphas` and `signs`.

    `gain` is that of a stage with `ORDER` inputs, `padding` what it becomes
    greater where the first one has fewer.
    """
    ORDER: tl.constexpr = 1 << POWER
    inner = tl.arange(0, ORDER)
    index, kept = places(slots, 0, cols, CHOSEN, ORDER)
    if TRANSPOSED:
        source, given, inputs = index, kept, cols
        target, wanted, outputs = inner, inner < rows, rows
    else:
        source, given, inputs = inner, inner < rows, rows
        target, wanted, outputs = index, kept, cols
    for block in range(
        tl.program_id(0), tl.cdiv(batch, BLOCK), tl.num_programs(0)
    ):
        line = (block * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
        valid = line < batch
        values = tl.load(
            x + line[:, None] * inputs + source[None, :],
            mask=valid[:, None] & given[None, :],
            other=0,
        ).to(tl.float32)
        values *= padding
        # A loop, not unrolled: registers and code are those of one stage.
        for stage in range(DEPTH):
            place = stage * ORDER + inner
            seen = tl.where(stage == 0, source, place)
            values *= vector(alphas, seen, (stage > 0) | given, 1.0, True)
            if not TRANSPOSED:
                values *= vector(signs, place, inner >= 0, 1.0, True)
            values = walsh(
                values,
                BLOCK,
                POWER,
                POWER // 2 if TRANSPOSED else POWER - POWER // 2,
                EXACT,
                WIDE,
            )
            if TRANSPOSED:
                values *= vector(signs, place, inner >= 0, 1.0, True)
            values *= gain
        values *= vector(scale, target, wanted, 1.0, SCALE)
        values += vector(bias, target, wanted, 0.0, BIAS)
        tl.store(
            y + line[:, None] * outputs + target[None, :],
            values.to(y.dtype.element_ty),
            mask=valid[:, None] & wanted[None, :],
        )
