"""The baseline of a distillation: the teacher's kernel at a lower rank."""

import keras
import numpy as np
from keras import ops

from keras_randproj.layers.kernel_and_bias import kernel_and_bias


class LowRank:
    """A dense layer with its kernel cut to a rank by the SVD.

    Args:
        dense: A built `keras.layers.Dense`.
        rank: Positive integer.
    """

    def __init__(self, dense, rank):
        self.rank = rank
        self.activation = dense.activation
        kernel, self.bias = kernel_and_bias(dense)
        left, values, right = np.linalg.svd(kernel, full_matrices=False)
        self.left = left[:, :rank] * values[:rank]
        self.right = right[:rank]
        # Squared errors and squared norms of training and held-out rows.
        self.errors = [0.0, 0.0]
        self.norms = [0.0, 0.0]

    @classmethod
    def of(cls, teacher, parameters):
        """The baseline with no more numbers than `parameters`.

        Returns:
            A `LowRank`, or `None` where the teacher is no dense layer, is
            quantised, or not even rank 1 is that small.
        """
        if not isinstance(teacher, keras.layers.Dense):
            return None
        if teacher.quantization_mode is not None:
            return None
        input_dim, units = teacher.kernel.shape
        spare = parameters - (units if teacher.use_bias else 0)
        rank = min(spare // (input_dim + units), input_dim, units)
        return cls(teacher, rank) if rank > 0 else None

    def __call__(self, x):
        y = (x @ self.left) @ self.right + self.bias
        if self.activation is None:
            return y
        y = self.activation(ops.convert_to_tensor(y, "float32"))
        return ops.convert_to_numpy(y)

    def add(self, x, y, held_out):
        """Adds rows to the errors.

        Args:
            x: Array `(rows, input_dim)`.
            y: Array `(rows, units)`, the targets.
            held_out: Boolean array `(rows,)`.
        """
        squares = np.sum((self(x) - y) ** 2, axis=1, dtype="float64")
        norms = np.sum(y.astype("float64") ** 2, axis=1)
        for k, chosen in enumerate((~held_out, held_out)):
            self.errors[k] += squares[chosen].sum()
            self.norms[k] += norms[chosen].sum()

    def error(self, held_out):
        """Relative error on the held-out or on the training rows."""
        k = int(held_out)
        return float(np.sqrt(self.errors[k] / (self.norms[k] or 1.0)))
