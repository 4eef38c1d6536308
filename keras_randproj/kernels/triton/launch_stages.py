"""The grid of the kernel of several Hadamard stages."""

import math

from keras_randproj.kernels.triton.device import arithmetic
from keras_randproj.kernels.triton.hadamard_stages import stages_kernel
from keras_randproj.kernels.triton.launch_hadamard import layout
from keras_randproj.kernels.triton.launch_hadamard import or_stand_in


def transform(x, alphas, signs, slots, scale, bias, rows, cols, transposed):
    """The stages one after the other, times `scale`, plus `bias`.

    Args:
        x: `(batch, inputs)`, contiguous.
        alphas: `(depth, order)`; the first row counts up to `inputs`.
        signs: `(depth, order)`.
        slots: int32 `(order,)`, the place among the chosen of each of the last
            outputs, of the first inputs if `transposed`, or -1; `None` where
            all are taken.
        scale: `(outputs,)` or `None`.
        bias: `(outputs,)` or `None`.
        rows: Integer, `inputs`, or `outputs` if `transposed`.
        cols: Integer, the other one.
        transposed: Whether each stage is the transpose of a projection.

    Returns:
        `(batch, outputs)`.
    """
    depth, order = signs.shape
    batch, inputs = x.shape
    y = x.new_empty((batch, rows if transposed else cols))
    if batch == 0:
        return y
    block, programs, warps = layout(batch, order, 1, x.device)
    stages_kernel[(programs,)](
        x,
        alphas,
        signs,
        or_stand_in(slots, x),
        or_stand_in(scale, x),
        or_stand_in(bias, x),
        y,
        batch,
        rows,
        cols,
        math.sqrt(order / inputs),
        1 / math.sqrt(order),
        SCALE=scale is not None,
        BIAS=bias is not None,
        CHOSEN=slots is not None,
        TRANSPOSED=transposed,
        DEPTH=depth,
        BLOCK=block,
        POWER=order.bit_length() - 1,
        # Rows fill the registers: none are fetched ahead into shared memory.
        num_stages=1,
        num_warps=warps,
        **arithmetic(x.dtype),
    )
    return y
