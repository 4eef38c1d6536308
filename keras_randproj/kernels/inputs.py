"""What layers make of their inputs before they compute."""

import keras
from keras import ops


def dense_float(inputs, dtype):
    """Inputs as a dense tensor of floating-point numbers.

    Sparse ones are made dense: a projection of them is dense, as are the
    norm of a EUGen and the signs of a Hadamard transform.

    Args:
        inputs: Tensor, or a sparse tensor of the backend.
        dtype: What integers and booleans are cast to.

    Returns:
        Tensor of the same shape.
    """
    if keras.backend.backend() == "torch":
        import torch

        if getattr(inputs, "layout", torch.strided) != torch.strided:
            inputs = inputs.to_dense()
        if getattr(inputs.dtype, "is_floating_point", False):
            return inputs
    elif hasattr(inputs, "indices"):
        inputs = ops.convert_to_tensor(inputs, sparse=False)
    if keras.backend.is_float_dtype(inputs.dtype):
        return inputs
    return ops.cast(inputs, dtype)
