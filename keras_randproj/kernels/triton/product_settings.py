"""Which kernels compute a product with P, and how they are launched.

On torch and on JAX alike: a `Launch` holds all of it but the arrays. A block
of P is made for up to `MOST_TOGETHER` rows of the batch. Signs, of which a
generator's call makes 128, are packed once for all of them.
"""

import math
from dataclasses import dataclass
from typing import Any

import triton

from keras_randproj.kernels.triton.requirements import INTERPRETED

# Rows of the batch for which tensor cores are too wide; more of them have no
# registers for their sums.
FEW_ROWS = 4
FEW_ROWS_WARPS = 16
MOST_TILES = 64
# Words of packed inputs that a thread asks memory for at a time.
HELD = 8
# Above it P is written chunk by chunk and the library multiplies: of packed
# words, and of a seed from which a program makes its block.
MOST_ROWS = 512
MOST_ROWS_SEEDED = 128
# Rows of the batch that a program multiplies together.
MOST_TOGETHER = 128
# Memory for the packed signs of a call.
PACKED_BYTES = 64 * 2**20
# Word rows, and tiles across, of a program that packs.
PACKED_DOWN, PACKED_ACROSS = 4, 32
WORD_ROWS = 32
# A chunk of P that stays in the second-level cache of an A100 or H100.
CHUNK_BYTES = 16 * 2**20
# Sides of a block of P: of signs, a call of Philox makes as many entries as
# 128 threads have to hold, and a smaller block would have them make it twice.
BLOCK = 64
BLOCK_OF_SIGNS = 128
# Programs that a processor has room for: where P stands on the right of a
# product, and on the left.
WAVES, WARPS, STAGES = 2, 8, 2
WAVES_LEFT, WARPS_LEFT, STAGES_LEFT = 2, 4, 3
# The fewest rows of the batch that tensor cores multiply.
LEAST_ROWS = 16
# bfloat16 parts of a float32.
PARTS = 3
# Blocks of inputs that a split adds up at least.
SPLIT_BLOCKS = 2
# Numbers of a program that adds splits.
FINISHED = 1024


@dataclass(frozen=True)
class Launch:
    """How a kernel is launched.

    Args:
        grid: Programs on each axis.
        arguments: Sizes and constants of the kernel, by name.
        options: Of the compiler.
    """

    grid: tuple[int, ...]
    arguments: dict[str, Any]
    options: dict[str, int]


def packs_first(matrix, batch):
    """Whether the signs of a seed are packed for all blocks that use them."""
    if matrix.packed or matrix.bits > 1 or batch <= FEW_ROWS:
        return False
    return matrix.rows * matrix.cols <= 8 * PACKED_BYTES


def in_chunks(matrix, batch):
    """Whether P is written chunk by chunk, for the library's products."""
    return batch > (MOST_ROWS if matrix.packed else MOST_ROWS_SEEDED)


def few_rows(matrix, batch, transposed, given, processors):
    """Of `few_rows_kernel`."""
    outputs = matrix.rows if transposed else matrix.cols
    each = matrix.tile_rows if transposed else matrix.tile_cols
    tiles = triton.cdiv(outputs, each)
    # As few programs as keep all processors busy: each reads all of x.
    together = triton.next_power_of_2(triton.cdiv(tiles, processors))
    together = min(together, MOST_TILES)
    lines = triton.next_power_of_2(batch)
    # More lines leave fewer registers for words.
    held = HELD // lines if matrix.packed and not transposed else 1
    arguments = {
        "TRANSPOSED": transposed,
        "BATCH": batch,
        "LINES": lines,
        "OUT": together,
        "IN": 32 * FEW_ROWS_WARPS // together * held,
    }
    return Launch(
        (triton.cdiv(tiles, together),),
        arguments | given | matrix.arguments(),
        {"num_warps": FEW_ROWS_WARPS},
    )


def packing(matrix):
    """Of `pack_kernel`, with the shape of the words."""
    height = triton.cdiv(matrix.rows, WORD_ROWS)
    grid = (
        triton.cdiv(height, PACKED_DOWN),
        triton.cdiv(matrix.cols, PACKED_ACROSS * matrix.tile_cols),
    )
    arguments = {
        "height": height,
        "cols": matrix.cols,
        "tile_row": matrix.tile_row,
        "tile_col": matrix.tile_col,
        "CODE": matrix.code,
        "DOWN": PACKED_DOWN,
        "ACROSS": PACKED_ACROSS,
    }
    return Launch(grid, arguments, {}), (height, matrix.cols)


def paired(matrix, transposed):
    """Whether signs are unpacked two at a time, see `entries.sign_pairs`."""
    if not matrix.packed == matrix.bits == 1:
        return False
    return transposed or matrix.rows % WORD_ROWS == 0


def multiplied(matrix, batch, dtype, transposed, given, processors):
    """Of `product_kernel`."""
    inputs, outputs = matrix.rows, matrix.cols
    if transposed:
        inputs, outputs = outputs, inputs
    together = triton.next_power_of_2(batch)
    together = min(max(LEAST_ROWS, together), MOST_TOGETHER)
    parted = dtype == "float32" and matrix.levels >= 0
    exact = dtype == "float32" and not parted
    side = BLOCK if matrix.bits > 1 or parted else BLOCK_OF_SIGNS
    if exact:
        side = BLOCK // 2  # No tensor cores: registers hold the operands.
    left = together < side and not exact
    blocks, steps = triton.cdiv(outputs, side), triton.cdiv(inputs, side)
    groups = triton.cdiv(batch, together)
    waves = WAVES_LEFT if left else WAVES
    splits = waves * processors // (blocks * groups)
    splits = max(1, min(splits, steps // SPLIT_BLOCKS))
    span = triton.cdiv(steps, splits) * side
    splits = triton.cdiv(inputs, span)
    arguments = {
        "batch": batch,
        "span": span,
        "TRANSPOSED": transposed,
        "PAIRED": paired(matrix, transposed),
        "LEFT": left,
        "BLOCK_B": together,
        "BLOCK_R": side,
        "BLOCK_C": side,
        "SPLITS": splits,
        "PARTS": PARTS if parted else 1,
        "WIDE": INTERPRETED,
    }
    return Launch(
        (blocks, groups, splits),
        arguments | given | matrix.arguments(),
        {
            "num_warps": WARPS_LEFT if left else WARPS,
            "num_stages": STAGES_LEFT if left else STAGES,
        },
    )


def finished(launch, batch, outputs):
    """Of `finish_kernel`, after a launch of `product_kernel`."""
    names = "SPLITS", "SCALE", "BIAS"
    size = batch * outputs
    arguments = {"size": size, "outputs": outputs, "BLOCK": FINISHED}
    return Launch(
        (triton.cdiv(size, FINISHED),),
        arguments | {name: launch.arguments[name] for name in names},
        {},
    )


def before(inputs):
    """A power of two that comes before the library's product.

    As in the reference: against overflow in half precision.
    """
    return 2.0 ** -(math.floor(math.log2(inputs)) // 2)


def chunk_side(inputs, itemsize):
    """Outputs of a chunk of P."""
    return max(BLOCK, CHUNK_BYTES // (itemsize * inputs) // BLOCK * BLOCK)


def written(matrix, height, width):
    """Of `matrix_kernel`, but for the place where the block begins."""
    sides = {"height": height, "width": width}
    blocks = {"BLOCK_R": BLOCK, "BLOCK_C": BLOCK}
    return Launch(
        (triton.cdiv(height, BLOCK), triton.cdiv(width, BLOCK)),
        sides | blocks | matrix.arguments(),
        {},
    )
