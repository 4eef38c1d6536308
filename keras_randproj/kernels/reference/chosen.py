"""Products with chosen columns of an endless matrix, made where they are used.

A column costs a column of tiles: what else is in them is dropped.
"""

from typing import Any

from keras import ops

from keras_randproj.kernels.operands import ChosenTiles
from keras_randproj.kernels.reference import blockwise
from keras_randproj.kernels.reference import linear
from keras_randproj.kernels.reference.seeded import codes_of_tiles
from keras_randproj.kernels.reference.seeded import entries

# Of the array that blocks are made from: the seed, then the columns.
LIMBS = 4


def multiply(operand: ChosenTiles, x, alpha):
    """`(alpha * x) @ P`, or `@ P^T` where the operand is transposed."""
    spec: Any = operand.spec
    blocks = blockwise.blocks_of(operand, _block, spec, (spec.rows, 1))
    # A slice that begins inside and ends outside would be moved.
    extra = -operand.cols % blocks.width
    chosen = ops.pad(ops.convert_to_tensor(operand.chosen), [[0, extra]])
    key = ops.convert_to_tensor(operand.key)
    array = ops.concatenate([key, chosen], axis=0)
    return linear.multiply(blocks, x * alpha, array)


def _block(spec, array, i, j, height, width):
    """Entries of block (i, j) as a float32 tensor."""
    chosen = ops.slice(array, (LIMBS + j * width,), (width,))
    down = height // spec.rows
    tile_row = i * down + ops.arange(down, dtype="int32")
    codes = codes_of_tiles(
        spec, array[:LIMBS], tile_row, ops.floor_divide(chosen, spec.cols)
    )
    place = ops.reshape(chosen % spec.cols, (1, width, 1, 1))
    codes = ops.take_along_axis(codes, place, axis=3)[..., 0]
    codes = ops.reshape(ops.transpose(codes, (0, 2, 1)), (height, width))
    return entries(spec, codes)
