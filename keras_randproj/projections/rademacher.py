"""A random projection of random signs."""

import keras

from keras_randproj import matrices
from keras_randproj.projections.projection import Projection


@keras.saving.register_keras_serializable("keras_randproj")
class Rademacher(Projection):
    """A random projection of random signs.

    Entries are +1 or -1: see `matrices.Rademacher`.

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

    >>> layer = Rademacher(units=64, seed=7)
    >>> layer(keras.ops.ones((2, 1000))).shape
    (2, 64)
    """

    family_class = matrices.Rademacher
