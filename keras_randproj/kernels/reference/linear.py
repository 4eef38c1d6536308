"""Products with blocks, linear in x for each backend's differentiation."""

import keras
from keras import ops


def multiply(blocks, x, array):
    """`x @ P`, or `x @ P^T` where the blocks are transposed.

    Linear in x for each backend's differentiation, forward and backward, of
    any order: every derivative is such a product again.

    Args:
        blocks: A `Blocks`.
        x: Tensor `(..., input_dim)`.
        array: Integer tensor that the blocks are made from.

    Returns:
        Tensor `(..., output_dim)`.
    """
    lead = ops.shape(x)[:-1]
    x = ops.reshape(x, (-1, blocks.input_dim))
    y = _linear()(blocks, x, array)
    return ops.reshape(y, (*lead, blocks.output_dim))


def _linear():
    """The backend's `blockwise.product` that knows its derivatives."""
    backend = keras.backend.backend()
    if backend == "jax":
        from keras_randproj.kernels.reference.linear_jax import multiply
    elif backend == "tensorflow":
        from keras_randproj.kernels.reference.linear_tensorflow import multiply
    else:
        from keras_randproj.kernels.reference.linear_torch import multiply
    return multiply
