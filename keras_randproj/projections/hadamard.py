"""A random projection in O(d log d) time, without a matrix."""

import keras

from keras_randproj import matrices
from keras_randproj.projections.projection import Projection


@keras.saving.register_keras_serializable("keras_randproj")
class Hadamard(Projection):
    """A random projection in O(d log d) time, without a matrix.

    Random signs and a fast transform: see `matrices.Hadamard`. Only the
    signs and the chosen rows are kept, whatever the `storage`.

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

    >>> layer = Hadamard(units=64, seed=7)
    >>> layer(keras.ops.ones((2, 1000))).shape
    (2, 64)
    """

    family_class = matrices.Hadamard
