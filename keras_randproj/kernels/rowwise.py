"""Small operations with a matrix or vector for each row of a batch.

`ops` has them all; these are what PyTorch computes fastest on a CPU.
"""

import keras
from keras import ops

from keras_randproj.kernels.fused import scratch_memory


def take_last(array, index, scratch=None):
    """Entries of the last axis, at indices that are not negative.

    `ops.take` counts negative ones from the end, which takes further passes.
    For `scratch`, see `scaled`.
    """
    if keras.backend.backend() != "torch":
        return ops.take(array, index, axis=-1)
    import torch

    index = getattr(index, "value", index)
    place = None
    if scratch is not None:
        shape = (*array.shape[:-1], *index.shape)
        place = scratch_memory(scratch, array, shape, "taken")
    return torch.index_select(array, -1, index, out=place)


def matmul_transposed(x, matrix):
    """`x @ matrix^T`, of tensors that both have two axes or both three."""
    if keras.backend.backend() != "torch":
        return ops.matmul(x, ops.swapaxes(matrix, -1, -2))
    if len(matrix.shape) == 2:
        return x @ matrix.mT
    # A flat matrix from the left is read along its rows.
    return (matrix @ x.mT).mT
