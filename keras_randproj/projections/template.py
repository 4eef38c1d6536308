"""A family with its options, until a layer gives it units and a seed."""

import keras

from keras_randproj.projections import families


class Template:
    """The recipe of a projection that layers complete, stage by stage.

    It keeps a class and a config rather than a layer: Keras tracks, saves and
    lists the layers that a layer holds, and a recipe is none of them.

    Args:
        projection: A `Projection` without units.
    """

    def __init__(self, projection):
        self.family = type(projection)
        self.options = projection.options()
        self.seed = projection.seed
        self._config = keras.saving.serialize_keras_object(projection)

    def complete(
        self,
        units,
        seed,
        name,
        dtype=None,
        storage="dense",
        implementation=None,
    ):
        """A projection of this family.

        Args:
            units: Positive integer.
            seed: Integer in `[0, 2**64)`.
            name: String, the name of the new layer.
            dtype: Dtype policy of the new layer, or `None` for the template's.
            storage: `"dense"`, or another one to replace the template's.
            implementation: `None`, or one to replace the template's.

        Returns:
            A `Projection`, not built.
        """
        config = dict(self._config["config"])
        config.update(units=units, seed=seed, name=name)
        if dtype is not None:
            config["dtype"] = dtype
        if storage != "dense":
            config["storage"] = storage
        if implementation is not None:
            config["implementation"] = implementation
        return self.family.from_config(config)

    def serialize(self):
        """The family's name where that says it all, else a config."""
        plain = families.get(self.family.family, **self.options)
        same = {**plain.get_config(), "name": None} == {
            **self._config["config"],
            "name": None,
        }
        if same and not self.options:
            return self.family.family
        return self._config
