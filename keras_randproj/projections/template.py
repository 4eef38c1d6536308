"""A family with its options, until a layer gives it units and a seed."""

import keras

from keras_randproj.projections import families


class Template:
    """The recipe of a projection that layers complete, stage by stage.

    Keras tracks, saves and lists the layers that a layer holds, and a recipe
    is none of them: it hides the projection that it was made from. Configs are
    made when they are asked for, as Keras imports TensorFlow, where that is
    installed, to make one.

    Args:
        projection: A `Projection` without units.
    """

    def __init__(self, projection):
        self.family = type(projection)
        self.options = projection.options()
        self.seed = projection.seed
        self.projection = projection

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
        given = self.projection
        return self.family.from_config(
            {
                **self.options,
                "units": units,
                "seed": seed,
                "name": name,
                "dtype": given.dtype_policy if dtype is None else dtype,
                "storage": given.storage if storage == "dense" else storage,
                "implementation": implementation or given.implementation,
            }
        )

    def serialize(self):
        """The family's name where that says it all, else a config."""
        config = keras.saving.serialize_keras_object(self.projection)
        plain = families.get(self.family.family, **self.options)
        same = {**plain.get_config(), "name": None} == {
            **config["config"],
            "name": None,
        }
        if same and not self.options:
            return self.family.family
        return config
