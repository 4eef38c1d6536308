"""The Hadamard kernel that gives all gradients of a stage at once."""

import triton
import triton.language as tl

from keras_randproj.kernels.triton.transform import entries
from keras_randproj.kernels.triton.transform import exits
from keras_randproj.kernels.triton.transform import factor
from keras_randproj.kernels.triton.transform import fetch
from keras_randproj.kernels.triton.transform import place
from keras_randproj.kernels.triton.transform import products
from keras_randproj.kernels.triton.transform import store
from keras_randproj.kernels.triton.transform import walsh


@triton.jit(do_not_specialize=["batch"])
def gradient_kernel(
    upstream,
    x,
    alpha,
    signs,
    slots,
    scale,
    dx,
    sums,
    batch,
    rows,
    cols,
    gain,
    ALPHA: tl.constexpr,
    SCALE: tl.constexpr,
    CHOSEN: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    FULL: tl.constexpr,
    SHAPE: tl.constexpr,
    BACK: tl.constexpr,
    PARTS: tl.constexpr,
    STAGES: tl.constexpr,
    WIDE: tl.constexpr,
):
    """All gradients of a stage of one tile: each number is read once.

    A program transforms a row of x and, back, the same row of the upstream
    gradient. With one row at a time, outputs of a transform lie as the inputs
    of the other do, so that products of both need nothing else.
    """
    if TRANSPOSED:
        inputs, outputs = cols, rows
    else:
        inputs, outputs = rows, cols
    left = walsh(SHAPE, True, TRANSPOSED)
    right = walsh(SHAPE, False, TRANSPOSED)
    back_left = walsh(BACK, True, not TRANSPOSED)
    back_right = walsh(BACK, False, not TRANSPOSED)
    _, index = entries(0, SHAPE)
    _, index_out = exits(0, SHAPE)
    at, here = place(index, slots, 0, inputs, TRANSPOSED, CHOSEN, SHAPE)
    to, there = place(
        index_out, slots, 0, outputs, not TRANSPOSED, CHOSEN, SHAPE
    )
    before = factor(alpha, signs, at, here, 1.0, ALPHA, not TRANSPOSED, FULL)
    after = factor(scale, signs, to, there, 1.0, SCALE, TRANSPOSED, FULL)
    of_alpha = tl.zeros(index.shape, tl.float32)
    of_scale = tl.zeros(index_out.shape, tl.float32)
    of_bias = tl.zeros(index_out.shape, tl.float32)
    for row in tl.range(
        tl.program_id(0), batch, tl.num_programs(0), num_stages=STAGES
    ):
        line = tl.full((), 0, tl.int64) + row
        given = fetch(upstream, line * outputs + to, there, FULL)
        values = fetch(x, line * inputs + at, here, FULL)
        of_bias += given
        of_scale += given * products(
            values * (before * gain), left, right, SHAPE, PARTS, WIDE
        )
        found = products(
            given * (after * gain), back_left, back_right, BACK, PARTS, WIDE
        )
        of_alpha += values * found
        store(dx, found * before, line * inputs + at, here, FULL)
    if TRANSPOSED:
        of_scale *= fetch(signs, to, there, FULL)
    else:
        of_alpha *= fetch(signs, at, here, FULL)
    sums += tl.program_id(0).to(tl.int64) * (inputs + 2 * outputs)
    tl.store(sums + at, of_alpha, mask=here)
    tl.store(sums + inputs + to, of_scale, mask=there)
    tl.store(sums + inputs + outputs + to, of_bias, mask=there)
