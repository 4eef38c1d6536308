"""Products with a matrix that exists one block at a time.

The forward pass makes each block, multiplies and drops it, and the backward
pass makes it again. Memory is bounded by one block, whatever the size of P.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_randproj.kernels.matmul import matmul
from keras_randproj.kernels.operands import Operand

# Entries of P that exist at one time.
BLOCK_ENTRIES = 2**20


@dataclass(frozen=True)
class Blocks(Operand):
    """A matrix as a rule that makes its blocks from an array.

    It holds no tensor, so that compilers can keep it as a constant, and the
    array goes through every rule of differentiation as an argument.

    `make` is a function of `(law, array, i, j, height, width)` that returns
    block (i, j), float32; entries outside of P may be anything finite.
    """

    make: Callable | None = None
    law: Any = None
    height: int = 1
    width: int = 1


def blocks_of(operand, make, law, unit):
    """An operand's `Blocks`, the sides of each whole units, `(rows, cols)`."""
    height, width = block_shape(operand, unit)
    return Blocks(
        operand.rows,
        operand.cols,
        operand.transposed,
        make=make,
        law=law,
        height=height,
        width=width,
    )


def product(blocks, x, array):
    """Sum over blocks: a loop that keeps one block of P at a time.

    Args:
        blocks: A `Blocks`.
        x: Tensor `(batch, input_dim)`.
        array: Integer tensor that the blocks are made from.

    Returns:
        Tensor `(batch, output_dim)`, without derivatives.
    """
    height, width = blocks.height, blocks.width
    down = -(-blocks.rows // height)
    across = -(-blocks.cols // width)
    sizes = (height, width) if not blocks.transposed else (width, height)
    counts = (down, across) if not blocks.transposed else (across, down)
    dtype = keras.backend.standardize_dtype(x.dtype)
    wide = "float64" if dtype == "float64" else "float32"
    x = ops.pad(x, [[0, 0], [0, sizes[0] * counts[0] - blocks.input_dim]])
    batch = ops.shape(x)[0]
    total = ops.zeros((batch, sizes[1] * counts[1]), dtype=wide)

    def add_block(index, total):
        i, j = index // across, index % across
        block = blocks.make(blocks.law, array, i, j, height, width)
        start, stop = i * height, j * width
        if blocks.transposed:
            block, start, stop = ops.transpose(block), stop, start
        part = ops.slice(x, (0, start), (batch, sizes[0]))
        part = matmul(ops.cast(part, wide), ops.cast(block, wide))
        old = ops.slice(total, (0, stop), (batch, sizes[1]))
        return ops.slice_update(total, (0, stop), old + part)

    total = ops.fori_loop(0, down * across, add_block, total)
    return ops.cast(total[:, : blocks.output_dim], dtype)


def block_shape(operand, unit):
    """Height and width of a block: whole units, at most BLOCK_ENTRIES."""
    rows, cols = unit
    side = int(BLOCK_ENTRIES**0.5)
    height = min(side, -(-operand.rows // rows) * rows)
    across = min(BLOCK_ENTRIES // (height * cols), -(-operand.cols // cols))
    return height, across * cols
