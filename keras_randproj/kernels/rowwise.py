"""Small operations with a matrix or vector for each row of a batch.

`ops` has them all; these are what PyTorch computes fastest on a CPU. There
some of `ops` look for symbolic tensors among their arguments first, which
takes as long as a small product does.
"""

import keras
from keras import ops

from keras_randproj.kernels.fused import scratch_memory


def reshape(x, shape):
    """`ops.reshape` of a tensor or variable."""
    if keras.backend.backend() != "torch":
        return ops.reshape(x, shape)
    if isinstance(x, keras.Variable):
        x = ops.convert_to_tensor(x)
    return x.reshape(shape)


def take_rows(array, index):
    """Entries of the first axis, at indices that are not negative."""
    if keras.backend.backend() != "torch":
        return ops.take(array, index, axis=0)
    import torch

    return torch.index_select(ops.convert_to_tensor(array), 0, index)


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
