"""A projection turned around, sharing the other's weights."""

import keras

from keras_randproj.projections.families import PACKAGE
from keras_randproj.projections.linked import Linked


@keras.saving.register_keras_serializable(PACKAGE)
class Transposed(Linked):
    """The transpose of another projection, from its outputs to its inputs.

    Made by `Projection.transposed()`, for autoencoders whose decoder uses the
    encoder's matrix. The weights are the source's (see `Linked`).

    Args:
        units: Positive integer, the source's `input_dim`.
        source: The `Projection` to transpose, or its config.

    Input shape:
        `(batch, ..., source.units)`.

    Output shape:
        `(batch, ..., source.input_dim)`.

    Raises:
        ValueError: If built for an input of another size than `source.units`.

    Example:

    >>> encode = Gaussian(units=64, seed=7)
    >>> codes = encode(keras.ops.ones((2, 1000)))
    >>> encode.transposed()(codes).shape
    (2, 1000)
    """

    @property
    def matrix_shape(self):
        return self.units, self.input_dim

    def source_shape(self, input_dim):
        return self.units, input_dim

    def natural_matrix(self):
        return self.source.natural_matrix().T

    def operand(self):
        return self.source.operand().transpose()

    def transposed(self):
        return self.source
