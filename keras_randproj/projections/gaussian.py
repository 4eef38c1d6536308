"""A random projection with normally distributed entries."""

import keras

from keras_randproj import matrices
from keras_randproj.projections.projection import Projection


@keras.saving.register_keras_serializable("keras_randproj")
class Gaussian(Projection):
    """A random projection with normally distributed entries.

    Entries are quantiles of N(0, 1) from a table: see `matrices.Gaussian`.

    Args:
        units: Positive integer, the number of outputs.
        **kwargs: Further arguments of `Projection`: `seed`, `storage`,
            `implementation` and those of a layer.

    Input shape:
        `(batch, ..., input_dim)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> layer = Gaussian(units=64, seed=7)
    >>> layer(keras.ops.ones((2, 1000))).shape
    (2, 64)
    """

    family_class = matrices.Gaussian
