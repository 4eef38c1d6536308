"""The product of two matrices, in the dtype that both have."""

import keras
from keras import ops


def _on_torch(a, b):
    """`ops.matmul`, which there computes float64 in float32.

    Keras promotes two tensors of float64 to float32 on PyTorch (seen in Keras
    3.15.1), for `keras.layers.Dense` as well.
    """
    a, b = ops.convert_to_tensor(a), ops.convert_to_tensor(b)
    if str(a.dtype) == str(b.dtype) == "torch.float64":
        return a @ b
    return ops.matmul(a, b)


matmul = _on_torch if keras.backend.backend() == "torch" else ops.matmul
