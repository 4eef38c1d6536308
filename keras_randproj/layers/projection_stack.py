"""Which projections a layer has: their family, sizes and seeds."""

from typing import Any

import keras

from keras_randproj import projections
from keras_randproj.arguments import one_of
from keras_randproj.arguments import resolve_seed
from keras_randproj.random import derive_seed


class ProjectionStack:
    """The recipe of the projections that follow each other in a layer.

    Either a template, completed when the sizes are known, or projections that
    were given. The layer itself holds the projections, as Keras tracks them.

    Args:
        projection: Name, template, or one projection with units a stage.
        depth: Positive integer, the number of stages.
        units: Positive integer, outputs of the last stage.
        seed: Integer in `[0, 2**64)`, or `None` to draw one; `None` where the
            projections have seeds of their own.
        storage: `"dense"`, `"seed"` or `"packed"`.

    Raises:
        ValueError: If the arguments do not fit each other.
    """

    def __init__(self, projection, depth, units, seed, storage):
        self.depth = depth
        self.units = units
        self.storage = storage
        self.template: projections.Template | None = None
        self.given: list = []
        self.seed: Any = None
        several = isinstance(projection, (list, tuple))
        found = [
            projections.get(item)
            for item in (projection if several else [projection])
        ]
        if len(found) == 1 and found[0].units is None:
            one_of("storage", storage, found[0].storages)
            self.template = projections.Template(found[0])
            seed = self.template.seed if seed is None else seed
            self.seed = resolve_seed(seed)
            return
        widths = [item.units for item in found]
        if len(found) != depth or None in widths or widths[-1] != units:
            raise ValueError(
                "`projection` must be one template, or one projection with "
                f"units for each of the {depth} stages, the last with "
                f"{units} units. Received: projection={projection}"
            )
        if seed is not None:
            raise ValueError(
                "`seed` must be None where `projection` has units and a "
                f"seed of its own. Received: seed={seed}"
            )
        self.given = [item.shared() for item in found]

    def inner_width(self, input_dim):
        """Size of the features between stages that a template makes."""
        if self.template is None or self.depth == 1:
            return 0
        return self.template.family.inner_width(input_dim, self.units)

    def widths(self, input_dim):
        """Sizes of the features before, between and after the stages."""
        if self.template is None:
            return [input_dim, *[p.units for p in self.given]]
        inner = [self.inner_width(input_dim)] * (self.depth - 1)
        return [input_dim, *inner, self.units]

    def complete(self, widths, dtype, implementation):
        """The projections of all stages, not built.

        Args:
            widths: What `widths` returned.
            dtype: Dtype policy.
            implementation: `None` or a name.

        Returns:
            List of `depth` projections.
        """
        if self.template is None:
            return self.given
        return [
            self.template.complete(
                units,
                seed=self.stage_seed(k),
                name=f"projection_{k}" if k else "projection",
                dtype=dtype,
                storage=self.storage,
                implementation=implementation,
            )
            for k, units in enumerate(widths[1:])
        ]

    def stage_seed(self, k):
        """The seed of stage k: a lone stage has the layer's own."""
        return self.seed if self.depth == 1 else derive_seed(self.seed, k)

    def is_explicit(self, made):
        """Whether a config must name the projections, not the template.

        Args:
            made: The projections that the layer holds, none before `build`.
        """
        if self.template is None or any(p.tie for p in made):
            return True
        return self.depth > 1 and any(
            projection.seed != self.stage_seed(k)
            for k, projection in enumerate(made)
        )

    def has_stage_seeds(self, made):
        """Whether the stages' seeds are functions of one of the layer's."""
        return self.depth > 1 and not self.is_explicit(made)

    def serialize(self, made):
        """What a layer's config holds of `projection`."""
        if self.template is not None and not self.is_explicit(made):
            return self.template.serialize()
        configs = [keras.saving.serialize_keras_object(p) for p in made]
        return configs[0] if len(configs) == 1 else configs
