"""Kernels as jax-triton takes them, where it cannot take them as they are.

It gives arrays before outputs and no tuples, so each Hadamard kernel has an
entrance of its own. Sizes are constants, as shapes are in JAX.
"""

import triton
import triton.language as tl

from keras_randproj.kernels.triton.gradient_kernel import gradient_kernel
from keras_randproj.kernels.triton.hadamard_kernels import row_kernel
from keras_randproj.kernels.triton.hadamard_kernels import tile_kernel
from keras_randproj.kernels.triton.product_kernels import matrix_kernel


@triton.jit
def rows_entrance(
    x,
    alpha,
    signs,
    slots,
    scale,
    bias,
    y,
    SIZES: tl.constexpr,
    CHOSEN: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    GROUPS: tl.constexpr,
    FULL: tl.constexpr,
    WHOLE: tl.constexpr,
    SHAPE: tl.constexpr,
    PARTS: tl.constexpr,
    STAGES: tl.constexpr,
    WIDE: tl.constexpr,
):
    """The modulated projection, without sums."""
    kernel: tl.constexpr = row_kernel if WHOLE else tile_kernel
    kernel(
        x,
        (alpha,),
        (signs,),
        slots,
        scale,
        bias,
        x,
        y,
        x,
        SIZES[0],
        SIZES[1],
        SIZES[2],
        SIZES[3],
        True,
        True,
        True,
        CHOSEN,
        False,
        True,
        TRANSPOSED,
        GROUPS,
        FULL,
        SHAPE,
        PARTS,
        STAGES,
        WIDE,
    )


@triton.jit
def sums_entrance(
    x,
    alpha,
    signs,
    slots,
    scale,
    probe,
    y,
    sums,
    SIZES: tl.constexpr,
    CHOSEN: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    GROUPS: tl.constexpr,
    FULL: tl.constexpr,
    WHOLE: tl.constexpr,
    SHAPE: tl.constexpr,
    PARTS: tl.constexpr,
    STAGES: tl.constexpr,
    WIDE: tl.constexpr,
):
    """The same with the sums that `probe` asks for."""
    tile_kernel(
        x,
        (alpha,),
        (signs,),
        slots,
        scale,
        scale,
        probe,
        y,
        sums,
        SIZES[0],
        SIZES[1],
        SIZES[2],
        SIZES[3],
        True,
        True,
        False,
        CHOSEN,
        True,
        True,
        TRANSPOSED,
        GROUPS,
        FULL,
        SHAPE,
        PARTS,
        STAGES,
        WIDE,
    )


@triton.jit
def gradients_entrance(
    upstream,
    x,
    alpha,
    signs,
    slots,
    scale,
    dx,
    sums,
    SIZES: tl.constexpr,
    CHOSEN: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    FULL: tl.constexpr,
    SHAPE: tl.constexpr,
    BACK: tl.constexpr,
    PARTS: tl.constexpr,
    STAGES: tl.constexpr,
    WIDE: tl.constexpr,
):
    """All gradients, where one kernel has the registers for them."""
    gradient_kernel(
        upstream,
        x,
        alpha,
        signs,
        slots,
        scale,
        dx,
        sums,
        SIZES[0],
        SIZES[1],
        SIZES[2],
        SIZES[3],
        True,
        True,
        CHOSEN,
        TRANSPOSED,
        FULL,
        SHAPE,
        BACK,
        PARTS,
        STAGES,
        WIDE,
    )


@triton.jit
def chunk_entrance(
    source,
    table,
    nth,
    y,
    rows,
    cols,
    tile_row,
    tile_col,
    height,
    width,
    SIDE: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    PACKED: tl.constexpr,
    CODE: tl.constexpr,
    BITS: tl.constexpr,
    TILE_ROWS: tl.constexpr,
    TILE_COLS: tl.constexpr,
    LEVELS: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """The chunk of P of that number, `SIDE` outputs each, in a loop."""
    first = tl.load(nth) * SIDE
    matrix_kernel(
        source,
        table,
        y,
        rows,
        cols,
        first if TRANSPOSED else 0,
        0 if TRANSPOSED else first,
        tile_row,
        tile_col,
        height,
        width,
        PACKED,
        CODE,
        BITS,
        TILE_ROWS,
        TILE_COLS,
        LEVELS,
        BLOCK_R,
        BLOCK_C,
    )
