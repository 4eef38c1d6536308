"""A random projection of sparse random signs."""

from typing import Any

import keras

from keras_randproj import matrices
from keras_randproj._types import Config
from keras_randproj.projections.projection import Projection


@keras.saving.register_keras_serializable("keras_randproj")
class SparseTernary(Projection):
    """A random projection of sparse random signs.

    Entries are -s, 0 and +s: see `matrices.SparseTernary`.

    Args:
        units: Positive integer, the number of outputs.
        density: Float in (0, 1], the probability of an entry other than 0.
        **kwargs: Further arguments of `Projection`: `seed`, `storage`,
            `implementation` and those of a layer.

    Input shape:
        `(batch, ..., input_dim)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> layer = SparseTernary(units=64, density=0.1, seed=7)
    >>> layer(keras.ops.ones((2, 1000))).shape
    (2, 64)
    """

    family_class = matrices.SparseTernary

    def __init__(
        self, units: int, density: float = 1 / 3, **kwargs: Any
    ) -> None:
        family = matrices.SparseTernary(density)
        super().__init__(units, family=family, **kwargs)

    def get_config(self) -> Config:
        return {**super().get_config(), **self.family.options()}
