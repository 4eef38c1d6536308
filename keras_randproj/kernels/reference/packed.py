"""Products with a matrix of one or two bits per entry, unpacked in blocks."""

from keras import ops

from keras_randproj.kernels.operands import PackedMatrix
from keras_randproj.kernels.reference import blockwise
from keras_randproj.kernels.reference import linear

WORD_BITS = 32


def multiply(operand: PackedMatrix, x, alpha):
    """`(alpha * x) @ P`, or `@ P^T` where the operand is transposed."""
    unit = WORD_BITS // operand.bits, 1
    blocks = blockwise.blocks_of(operand, _block, operand.bits, unit)
    down, across = (
        -(-size // side) * side
        for size, side in (
            (operand.rows, blocks.height),
            (operand.cols, blocks.width),
        )
    )
    words = ops.convert_to_tensor(operand.words)
    # A slice that begins inside and ends outside would be moved.
    words = ops.pad(
        words,
        [[0, down // unit[0] - words.shape[0]], [0, across - words.shape[1]]],
    )
    return linear.multiply(blocks, x * alpha, words) * operand.size


def _block(bits, words, i, j, height, width):
    """Digits of block (i, j) as a float32 tensor."""
    lines = height * bits // WORD_BITS
    part = ops.slice(words, (i * lines, j * width), (lines, width))
    shifts = ops.arange(0, WORD_BITS, bits, dtype="int32")[None, :, None]
    codes = ops.right_shift(part[:, None, :], shifts)
    codes = ops.bitwise_and(codes, ops.convert_to_tensor(2**bits - 1, "int32"))
    codes = ops.cast(ops.reshape(codes, (height, width)), "int32")
    low = ops.bitwise_and(codes, ops.convert_to_tensor(1, "int32"))
    digits = 1 - 2 * codes if bits == 1 else low - ops.right_shift(codes, 1)
    return ops.cast(digits, "float32")
