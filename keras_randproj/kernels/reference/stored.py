"""Products with a matrix in memory: the library's own."""

import keras
from keras import ops

from keras_randproj.kernels.operands import StoredMatrix


def multiply(operand: StoredMatrix, x, alpha):
    """`(alpha * x) @ P`, or `@ P^T` where the operand is transposed.

    Args:
        operand: The projection.
        x: Tensor `(..., input_dim)`.
        alpha: Tensor `(input_dim,)` or number.

    Returns:
        Tensor `(..., output_dim)`.
    """
    x = x * alpha
    if keras.backend.backend() == "tensorflow":
        from keras_randproj.kernels.reference import tensorflow_product

        return tensorflow_product.multiply(operand, x)
    matrix = operand.matrix
    if operand.transposed:
        matrix = ops.transpose(matrix)
    return ops.matmul(x, matrix)
