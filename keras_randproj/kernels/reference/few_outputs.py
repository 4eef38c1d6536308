"""A Hadamard transform of which few outputs are wanted.

H_n is the Kronecker product of H_p and H_w, w = n / p. After the product with
H_p over p parts of the input, a part needs only the columns of H_w that lead
to chosen outputs: few, and no array of all outputs is made.
"""

import math

import keras
import numpy as np
from keras import ops

from keras_randproj.kernels.devices import one_cpu
from keras_randproj.kernels.reference.walsh import pad_last
from keras_randproj.kernels.reference.walsh import walsh
from keras_randproj.matrices.hadamard import row_of_h

# What is chosen must be a small share of the outputs, and the input large:
# pairs of its numbers and of n over what is chosen, of which one must hold.
# `python -m benchmarks --only few_outputs` measures it.
SHARES = ((2**24, 8), (2**22, 16))
# Numbers of the input that go through together, to stay in the cache.
BLOCK = 2**21
FEWEST_ROWS = 8


def wanted(operand, rows):
    """Whether this way is the faster one."""
    if operand.positions is None or operand.crowded:
        return False
    # torch has a kernel of its own, and unrolls loops where it compiles.
    if keras.backend.backend() == "torch":
        return False
    groups, order = operand.signs.shape
    sizes = rows, order, groups, operand.cols
    return pays(*sizes, SHARES) and one_cpu()


def multiply(operand, x, alpha):
    """`hadamard.multiply` of a matrix x, for chosen outputs."""
    order, cols = operand.signs.shape[1], operand.cols
    count = parts(cols)
    # TensorFlow differentiates no loop that captures a variable.
    signs = ops.cast(ops.stop_gradient(operand.signs)[0], x.dtype)
    rows_of_h = row_of_h(ops.stop_gradient(operand.positions), order)
    taken, place = columns(rows_of_h, order, room(cols))
    chosen = ops.take(walsh(order // count, x.dtype), taken, axis=0)
    chosen = ops.swapaxes(chosen, 1, 2)
    size = rows_per_block(x.shape[0], order)

    def block(x):
        x = pad_last(x * alpha, order) * signs
        y = ops.reshape(x, (size, count, order // count))
        y = ops.einsum("pq,rqw->prw", walsh(count, y.dtype), y)
        y = ops.swapaxes(ops.matmul(y, chosen), 0, 1)
        return ops.take(ops.reshape(y, (size, -1)), place, axis=-1)

    if size == x.shape[0]:
        y = block(x)
    else:
        y = ops.map(block, ops.reshape(x, (-1, size, operand.rows)))
        y = ops.reshape(y, (-1, cols))
    # Positions that were overwritten may have no room.
    return ops.where(place < 0, math.nan, y)


def pays(rows, order, groups, cols, shares):
    """Whether to take this way.

    Args:
        rows: Integer, rows of the input; anything else where a program is
            traced for any number of them.
        order: Integer, the order n of H.
        groups: Integer, how many groups of n outputs there are.
        cols: Integer, how many outputs are chosen.
        shares: Pairs as `SHARES`.
    """
    if not isinstance(rows, int) or groups > 1:
        return False
    return any(
        rows * order >= numbers and cols * share <= order
        for numbers, share in shares
    )


def parts(cols):
    """p: the smallest power of two whose square is `cols` or more."""
    return 1 << (((cols - 1).bit_length() + 1) // 2)


def room(cols):
    """Places for chosen outputs in a part: one size for all seeds.

    Eight standard deviations above the mean, as compiled calls outlive a
    change of the seed: fewer than one seed in a million is `crowded`.
    """
    mean = cols / parts(cols)
    return min(cols, math.ceil(mean + 8 * math.sqrt(mean)))


def crowded(rows_of_h, order):
    """Whether some part has more chosen outputs than room.

    Args:
        rows_of_h: NumPy array, the row of H behind each chosen output.
        order: Integer, the order of H.
    """
    cols = len(rows_of_h)
    return bool(fullest(rows_of_h, order) > room(cols))


def fullest(rows_of_h, order):
    """The most chosen outputs that one part has."""
    width = order // parts(len(rows_of_h))
    return int(np.bincount(rows_of_h // width).max())


def columns(rows_of_h, order, capacity):
    """Which columns each part needs, and where the chosen outputs then are.

    Args:
        rows_of_h: Integer tensor `(cols,)`, the row of H behind each output.
        order: Integer, the order of H.
        capacity: Integer, the most chosen outputs that one part has.

    Returns:
        Integer tensors `(p, capacity)` and `(cols,)`, -1 where a part has no
        room for an output.
    """
    cols = rows_of_h.shape[0]
    count = parts(cols)
    width = order // count
    part, column = rows_of_h // width, rows_of_h % width
    every = ops.arange(count, dtype=part.dtype)
    before = ops.cast(part[:, None] < every, part.dtype)
    start = ops.sum(before, axis=0)
    by_row = ops.argsort(rows_of_h)
    nth = ops.cast(ops.argsort(by_row), part.dtype) - ops.take(start, part)
    place = ops.where(nth < capacity, part * capacity + nth, -1)
    # A part with fewer outputs than others takes those that follow as well.
    slot = start[:, None] + ops.arange(capacity, dtype=start.dtype)
    slot = ops.minimum(slot, cols - 1)
    return ops.take(column, ops.take(by_row, slot)), place


def rows_per_block(rows, order):
    """The largest divisor of `rows` that stays in the cache; all if small."""
    most = BLOCK // order
    fitting = range(min(most, rows), FEWEST_ROWS - 1, -1)
    return next((size for size in fitting if rows % size == 0), rows)
