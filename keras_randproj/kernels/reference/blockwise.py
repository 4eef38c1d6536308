"""Products with a matrix that exists one block at a time.

The forward pass makes each block, multiplies and drops it, and the backward
pass makes it again. Memory is bounded by one block, whatever the size of P.
"""

import keras
from keras import ops

# Entries of P that exist at one time.
BLOCK_ENTRIES = 2**20


def multiply(operand, x, unit, make):
    """`x @ P`, or `x @ P^T` where the operand is transposed.

    Args:
        operand: The projection, one of `kernels.operands`.
        x: Tensor `(..., input_dim)`.
        unit: `(rows, cols)` of which a block's sides are multiples.
        make: Function of `(i, j, height, width)` that returns block (i, j),
            float32; entries outside of P may be anything finite.

    Returns:
        Tensor `(..., output_dim)`. Its gradient is the product with the
        transpose, made in the same way.
    """
    lead = ops.shape(x)[:-1]
    x = ops.reshape(x, (-1, operand.input_dim))
    y = _linear(operand, unit, make)(x)
    return ops.reshape(y, (*lead, operand.output_dim))


def _linear(operand, unit, make):
    """The product as a function whose gradient is the transposed product."""

    @ops.custom_gradient
    def apply(x):
        def grad(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            return _linear(operand.transpose(), unit, make)(upstream)

        return _product(operand, x, unit, make), grad

    return apply


def _product(operand, x, unit, make):
    """Sum over blocks: a loop that keeps one block of P at a time."""
    height, width = block_shape(operand, unit)
    down = -(-operand.rows // height)
    across = -(-operand.cols // width)
    sizes = (height, width) if not operand.transposed else (width, height)
    counts = (down, across) if not operand.transposed else (across, down)
    dtype = keras.backend.standardize_dtype(x.dtype)
    wide = "float64" if dtype == "float64" else "float32"
    x = ops.pad(x, [[0, 0], [0, sizes[0] * counts[0] - operand.input_dim]])
    batch = ops.shape(x)[0]
    total = ops.zeros((batch, sizes[1] * counts[1]), dtype=wide)

    def add_block(index, total):
        i, j = index // across, index % across
        block = make(i, j, height, width)
        start, stop = i * height, j * width
        if operand.transposed:
            block, start, stop = ops.transpose(block), stop, start
        part = ops.slice(x, (0, start), (batch, sizes[0]))
        part = ops.matmul(ops.cast(part, wide), ops.cast(block, wide))
        old = ops.slice(total, (0, stop), (batch, sizes[1]))
        return ops.slice_update(total, (0, stop), old + part)

    total = ops.fori_loop(0, down * across, add_block, total)
    return ops.cast(total[:, : operand.output_dim], dtype)


def block_shape(operand, unit):
    """Height and width of a block: whole units, at most BLOCK_ENTRIES."""
    rows, cols = unit
    side = int(BLOCK_ENTRIES**0.5)
    height = min(side, -(-operand.rows // rows) * rows)
    across = min(BLOCK_ENTRIES // (height * cols), -(-operand.cols // cols))
    return height, across * cols
