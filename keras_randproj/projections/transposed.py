"""A projection turned around, sharing the other's weights."""

from typing import Any

import keras

from keras_randproj.projections import families
from keras_randproj.projections.families import PACKAGE
from keras_randproj.projections.projection import Projection
from keras_randproj.projections.projection import holders


@keras.saving.register_keras_serializable(PACKAGE)
class Transposed(Projection):
    """The transpose of another projection, from its outputs to its inputs.

    Made by `Projection.transposed()`, for autoencoders whose decoder uses the
    encoder's matrix. There is one P in memory: the source's. A copy of both
    (`clone_model`, a file, a pickle) is tied again, as long as the source is
    restored first, as Keras does when it comes first in the model.

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

    def __init__(self, units, source, **kwargs):
        self.source: Any = None
        source = _find(source)
        for name in ("seed", "storage", "implementation"):
            kwargs.setdefault(name, getattr(source, name))
        kwargs["tie"] = None
        super().__init__(units, **kwargs)
        self.source = source

    @property
    def seed(self):
        return self._seed if self.source is None else self.source.seed

    @seed.setter
    def seed(self, value):
        self._seed = value

    @property
    def family(self):  # type: ignore[override]
        return self.source.family

    @property
    def matrix_shape(self):
        return self.units, self.input_dim

    def options(self):
        return self.source.options()

    def build(self, input_shape):
        if input_shape[-1] != self.source.units:
            raise ValueError(
                f"Layer '{self.name}' is the transpose of a projection with "
                f"{self.source.units} outputs, and needs an input of that "
                f"size. Received: input_shape={tuple(input_shape)}"
            )
        if not self.source.built:
            self.source.build((None, self.units))
        super().build(input_shape)

    def build_weights(self):
        """None of its own: they are the source's."""

    def fresh_weights(self):
        return self.source.fresh_weights()

    def check_weights(self):
        self.source.check_weights()

    def set_seed(self, seed):
        self.source.set_seed(seed)

    def natural_matrix(self):
        return self.source.natural_matrix().T

    def digest_of(self, seed, shape):
        return self.source.digest_of(seed, shape)

    def operand(self):
        return self.source.operand().transpose()

    def transposed(self):
        return self.source

    def get_config(self):
        config = super().get_config()
        for name in ("seed", "storage", "implementation", "tie"):
            del config[name]
        for name in self.options():
            del config[name]
        source = keras.saving.serialize_keras_object(self.source)
        return {**config, "source": source}


def _find(source):
    """The source itself, for a config the latest that has its tie."""
    if isinstance(source, Projection):
        return source
    config = source["config"] if isinstance(source, dict) else {}
    holder = holders.get(config.get("tie"))
    # A copy may have taken the seed of another file since.
    if holder is not None and holder.seed == config.get("seed"):
        return holder
    return families.get(source)
