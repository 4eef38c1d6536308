"""A projection that several layers use."""

import keras

from keras_randproj.projections.families import PACKAGE
from keras_randproj.projections.linked import Linked


@keras.saving.register_keras_serializable(PACKAGE)
class Shared(Linked):
    """Another layer's projection, used by a second one.

    Made where a projection that a layer already owns is given to another
    layer. The weights are the source's (see `Linked`).

    Args:
        units: Positive integer, the source's.
        source: The `Projection` to use, or its config.

    Input shape:
        `(batch, ..., source.input_dim)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If built for another size than the source.

    Example:

    >>> matrix = Gaussian(units=64, seed=7)
    >>> first, second = (PRPDense(64, projection=matrix) for _ in range(2))
    >>> second.projection.source is first.projection
    True
    """

    def source_shape(self, input_dim):
        return input_dim, self.units

    def natural_matrix(self):
        return self.source.natural_matrix()

    def operand(self):
        return self.source.operand()

    def transposed(self):
        return self.source.transposed()
