"""The Hadamard kernels as jax-triton takes them.

It gives arrays before outputs and no tuples, so each kernel has an entrance
of its own. Sizes are constants, as shapes are in JAX.
"""

import triton
import triton.language as tl

from keras_randproj.kernels.triton.gradient_kernel import gradient_kernel
from keras_randproj.kernels.triton.hadamard_kernels import row_kernel
from keras_randproj.kernels.triton.hadamard_kernels import tile_kernel


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
        False,
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
        False,
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
        False,
    )
