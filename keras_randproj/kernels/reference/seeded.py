"""Products with a matrix that is made from its seed where it is used.

Philox runs inside the graph on integers, block by block: P is never stored.
"""

from typing import Any

import keras
from keras import ops

from keras_randproj.kernels.devices import in_dynamo
from keras_randproj.kernels.operands import SeededTiles
from keras_randproj.kernels.reference import blockwise
from keras_randproj.kernels.reference import linear
from keras_randproj.matrices.philox import KEY_INCREMENTS
from keras_randproj.matrices.philox import MULTIPLIERS
from keras_randproj.matrices.philox import ROUNDS
from keras_randproj.matrices.philox import WORD_MASK

LIMB = 0xFFFF


def multiply(operand: SeededTiles, x, alpha):
    """`(alpha * x) @ P`, or `@ P^T` where the operand is transposed."""
    spec: Any = operand.spec
    unit = spec.rows, spec.cols
    blocks = blockwise.blocks_of(operand, _block, spec, unit)
    key = ops.convert_to_tensor(operand.key)
    return linear.multiply(blocks, x * alpha, key)


def _block(spec, key, i, j, height, width):
    """Entries of block (i, j) as a float32 tensor."""
    down, across = height // spec.rows, width // spec.cols
    tile_row = i * down + ops.arange(down, dtype="int32")
    tile_col = j * across + ops.arange(across, dtype="int32")
    codes = codes_of_tiles(spec, key, tile_row, tile_col)
    codes = ops.reshape(ops.transpose(codes, (0, 2, 1, 3)), (height, width))
    return entries(spec, codes)


def codes_of_tiles(spec, key, tile_row, tile_col):
    """The raw bits of the entries of some tiles.

    Args:
        spec: `TileSpec`.
        key: int32 tensor `(4,)`, see `SeededTiles`.
        tile_row: int32 tensor `(down,)`.
        tile_col: int32 tensor `(across,)`.

    Returns:
        int32 tensor `(down, across, spec.rows, spec.cols)`.
    """
    dtype = _word_dtype()
    shape = tile_row.shape[0], tile_col.shape[0]
    tile_row = ops.cast(tile_row, dtype)
    tile_col = ops.cast(tile_col, dtype)
    counter = (
        ops.broadcast_to(tile_row[:, None], shape),
        ops.broadcast_to(tile_col[None, :], shape),
        ops.zeros(shape, dtype),
        ops.full(shape, spec.code, dtype),
    )
    words = ops.stack(philox4x32(counter, key), axis=-1)
    shifts = ops.cast(ops.arange(0, 32, spec.bits, dtype="int32"), dtype)
    codes = ops.right_shift(ops.expand_dims(words, -1), shifts)
    codes = ops.bitwise_and(codes, _word((1 << spec.bits) - 1))
    codes = ops.cast(codes, "int32")
    return ops.reshape(codes, (*shape, spec.rows, spec.cols))


def entries(spec, codes):
    """The entries that raw bits stand for, at unit variance."""
    return ops.take(_table(spec.values), codes)


def _table(values):
    if in_dynamo():
        import torch

        # Keras asks an array for its dtype, which is then not known.
        return torch.from_numpy(values)
    return ops.convert_to_tensor(values)


def philox4x32(counter, key):
    """The contract's generator on tensors.

    Args:
        counter: Four tensors of words below 2**32, of `_word_dtype()`.
        key: int32 tensor `(4,)`, the seed's 16-bit limbs, lowest first.

    Returns:
        Four tensors of words.
    """
    dtype = _word_dtype()
    limbs = ops.cast(key, dtype)
    k0 = limbs[0] + limbs[1] * _word(1 << 16)
    k1 = limbs[2] + limbs[3] * _word(1 << 16)

    # A loop, not ten copies of its body: compilers take their time per node.
    def one_round(_, state):
        c0, c1, c2, c3, k0, k1 = state
        high0, low0 = _wide_product(c0, MULTIPLIERS[0])
        high1, low1 = _wide_product(c2, MULTIPLIERS[1])
        return (
            _xor(high1, c1, k0),
            low1,
            _xor(high0, c3, k1),
            low0,
            _low_word(k0 + _word(KEY_INCREMENTS[0])),
            _low_word(k1 + _word(KEY_INCREMENTS[1])),
        )

    return ops.fori_loop(0, ROUNDS, one_round, (*counter, k0, k1))[:4]


def _xor(a, b, c):
    return ops.bitwise_xor(ops.bitwise_xor(a, b), c)


def _word_dtype():
    """JAX has no 64-bit integers by default; torch lacks unsigned products."""
    return "uint32" if keras.backend.backend() == "jax" else "int64"


def _word(value):
    return ops.convert_to_tensor(value, _word_dtype())


def _low_word(value):
    if _word_dtype() == "uint32":
        return value
    return ops.bitwise_and(value, _word(WORD_MASK))


def _split(word):
    """Low and high 16 bits of a word."""
    return ops.bitwise_and(word, _word(LIMB)), ops.right_shift(word, 16)


def _wide_product(word, multiplier):
    """High and low 32 bits of a product, from factors of 16 bits."""
    b0, b1 = _word(multiplier & LIMB), _word(multiplier >> 16)
    if _word_dtype() == "int64":
        bottom, top = word * b0, word * b1
        carried = ops.left_shift(_split(top)[0], 16)
        high = ops.right_shift(top + ops.right_shift(bottom, 16), 16)
        return high, _low_word(bottom + carried)
    a0, a1 = _split(word)
    middle_low, middle_high = _split(a1 * b0 + _split(a0 * b0)[1])
    carry = _split(a0 * b1 + middle_low)[1]
    return a1 * b1 + middle_high + carry, word * _word(multiplier)
