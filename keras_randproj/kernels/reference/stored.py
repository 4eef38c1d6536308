"""Products with a matrix in memory: the library's own."""

import keras
from keras import ops

from keras_randproj.kernels.matmul import matmul
from keras_randproj.kernels.operands import StoredMatrix


def multiply(operand: StoredMatrix, x, alpha):
    """`(alpha * x) @ P`, or `@ P^T` where the operand is transposed."""
    x = x * alpha
    matrix = operand.matrix
    if keras.backend.backend() != "tensorflow":
        if operand.transposed:
            matrix = ops.transpose(matrix)
        return matmul(x, matrix)
    from keras_randproj.kernels.reference import tensorflow_product

    matrix = ops.convert_to_tensor(matrix)
    dtype = keras.backend.result_type(x.dtype, matrix.dtype)
    x, matrix = ops.cast(x, dtype), ops.cast(matrix, dtype)
    product = tensorflow_product.times
    if operand.transposed:
        product = tensorflow_product.times_transposed
    if len(x.shape) == 2:
        return product(x, matrix)
    lead = ops.shape(x)[:-1]
    y = product(ops.reshape(x, (-1, operand.input_dim)), matrix)
    return ops.reshape(y, (*lead, operand.output_dim))
