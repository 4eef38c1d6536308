"""The Walsh-Hadamard matrix as a tensor."""

from keras import ops

from keras_randproj.kernels.devices import in_dynamo
from keras_randproj.matrices.hadamard import walsh_matrix


def walsh(order, dtype):
    """H as a tensor."""
    if in_dynamo():
        return _traced_walsh(order, dtype)
    return ops.convert_to_tensor(walsh_matrix(order), dtype=dtype)


def _traced_walsh(order, dtype):
    """The matrix from its formula: graphs of torch take no NumPy arrays."""
    index = ops.arange(order, dtype="int32")
    bits = ops.bitwise_and(ops.expand_dims(index, 1), index)
    for shift in (16, 8, 4, 2, 1):
        bits = ops.bitwise_xor(bits, ops.right_shift(bits, shift))
    return ops.cast(1 - 2 * ops.bitwise_and(bits, 1), dtype)


def pad_last(x, size):
    """Zeros behind the last axis."""
    missing = size - x.shape[-1]
    return ops.pad(x, [[0, 0], [0, missing]]) if missing else x
