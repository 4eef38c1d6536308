"""Projections that use the weights of another one."""

from typing import Any

import keras

from keras_randproj.projections import families
from keras_randproj.projections.projection import Projection
from keras_randproj.projections.projection import holders


class Linked(Projection):
    """Base of `Shared` and `Transposed`: a second owner of a source's P.

    There is one P in memory: the source's. Each writes its own copy of the
    recipe into a file. A copy of both (`clone_model`, a file, a pickle) is
    linked again, as long as the source is restored first, as Keras does when
    it comes first in the model.

    Args:
        units: Positive integer.
        source: The `Projection` whose weights are used, or its config.
    """

    storages = ("dense", "seed", "packed")

    def __init__(self, units, source, **kwargs):
        self.source: Any = None
        source = _find(source)
        source.require_tie()
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

    def options(self):
        return self.source.options()

    def source_shape(self, input_dim):
        """`(inputs, outputs)` that the source must have."""
        raise NotImplementedError

    def build(self, input_shape):
        inputs, outputs = self.source_shape(input_shape[-1])
        if not self.source.built:
            self.source.build((None, inputs))
        if (self.source.input_dim, self.source.units) != (inputs, outputs):
            raise ValueError(
                f"Layer '{self.name}' uses a projection from "
                f"{self.source.input_dim} to {self.source.units} features and "
                f"needs one from {inputs} to {outputs}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        super().build(input_shape)

    def build_weights(self):
        """None of its own: they are the source's."""

    def fresh_weights(self):
        return self.source.fresh_weights()

    def check_weights(self):
        self.source.check_weights()

    def set_seed(self, seed):
        self.source.set_seed(seed)

    def digest_of(self, seed, shape):
        return self.source.digest_of(seed, shape)

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
