"""A random projection onto orthonormal directions."""

import keras

from keras_randproj import matrices
from keras_randproj.projections.projection import Projection


@keras.saving.register_keras_serializable("keras_randproj")
class Orthogonal(Projection):
    """A random projection onto orthonormal directions.

    A QR of the gaussian matrix: see `matrices.Orthogonal`. Only
    `storage="dense"`, as a QR needs the whole matrix.

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

    >>> layer = Orthogonal(units=64, seed=7)
    >>> layer(keras.ops.ones((2, 1000))).shape
    (2, 64)
    """

    family_class = matrices.Orthogonal
