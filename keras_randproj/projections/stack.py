"""The projections that follow each other in a layer."""

import itertools
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import keras

from keras_randproj import kernels
from keras_randproj import matrices
from keras_randproj._types import Tensor
from keras_randproj.arguments import resolve_seed
from keras_randproj.matrices import derive_seed
from keras_randproj.matrices.registry import FamilyLike
from keras_randproj.projections.check_storage import check_storage
from keras_randproj.projections.make import family_of
from keras_randproj.projections.make import get
from keras_randproj.projections.projection import Projection

# A family, or a projection that other layers hold; in a list, one a stage.
ProjectionLike: TypeAlias = FamilyLike | Projection | Sequence[Projection]


class ProjectionStack:
    """Which projections a layer has, and their product.

    Either a family, whose matrices are made when the sizes are known, or
    projections that other layers hold. The layer itself holds the
    projections, as Keras tracks them.

    Args:
        projection: Name of a family, a `matrices.Family`, or one
            `Projection` a stage.
        depth: Positive integer, the number of stages.
        units: Positive integer, outputs of the last stage.
        seed: Integer in `[0, 2**64)`, or `None` to draw one; `None` where the
            projections have seeds of their own.
        storage: `"dense"`, `"seed"` or `"packed"`.

    Raises:
        ValueError: If the arguments do not fit each other.
    """

    def __init__(
        self,
        projection: ProjectionLike,
        depth: int,
        units: int,
        seed: int | None,
        storage: str,
    ) -> None:
        self.depth = depth
        self.units = units
        self.storage = storage
        self.seed: Any = None
        self.family: Any = None
        self.projections: list[Projection] = []
        # `(start, stop)` of stages that one implementation computes.
        self.runs: list[tuple[int, int]] = []
        # Of each stage the operand, a factor and the two multiplied.
        self.scaled: list[Any] = [(None, 1.0, None)] * depth
        several = isinstance(projection, (list, tuple))
        items: Any = projection if several else [projection]
        found = [_family_or_projection(item) for item in items]
        if not several and isinstance(found[0], matrices.Family):
            self.family = found[0]
            check_storage(self.family, storage)
            self.seed = resolve_seed(seed)
            return
        layers = [item for item in found if isinstance(item, Projection)]
        widths = [layer.units for layer in layers]
        if not len(layers) == len(found) == depth or widths[-1] != units:
            raise ValueError(
                "`projection` must be a family, or one projection for each "
                f"of the {depth} stages, the last with {units} units. "
                f"Received: projection={projection}"
            )
        if seed is not None:
            raise ValueError(
                "`seed` must be None where `projection` is a layer with a "
                f"seed of its own. Received: seed={seed}"
            )
        self.projections = [
            layer.shared(_name(k)) for k, layer in enumerate(layers)
        ]

    def inner_width(self, input_dim: int) -> int:
        """Size of the features between stages of a family's matrices."""
        if self.family is None or self.depth == 1:
            return 0
        return self.family.inner_width(input_dim, self.units)

    def widths(self, input_dim: int) -> list[int]:
        """Sizes of the features before, between and after the stages."""
        if self.family is None:
            return [input_dim, *[p.units for p in self.projections]]
        inner = [self.inner_width(input_dim)] * (self.depth - 1)
        return [input_dim, *inner, self.units]

    def build(
        self, widths: list[int], dtype: Any, implementation: str | None
    ) -> list[Projection]:
        """The projections of all stages.

        Args:
            widths: What `widths` returned.
            dtype: Dtype policy of matrices that are made here.
            implementation: `None` or a name, likewise.

        Returns:
            List of `depth` projections.
        """
        if self.family is not None:
            self.projections = [
                get(
                    self.family,
                    units,
                    seed=self.stage_seed(k),
                    storage=self.storage,
                    implementation=implementation,
                    dtype=dtype,
                    name=_name(k),
                )
                for k, units in enumerate(widths[1:])
            ]
        for projection, width in zip(
            self.projections, widths[:-1], strict=True
        ):
            projection.build((None, width))
        self.runs = _runs(self.projections)
        return self.projections

    def stage_seed(self, k: int) -> int:
        """The seed of stage k: a lone stage has the layer's own."""
        return self.seed if self.depth == 1 else derive_seed(self.seed, k)

    def multiply(
        self,
        inputs: Tensor,
        alphas: Sequence[Tensor],
        scale: Tensor,
        bias: Tensor | None,
        multiplier: float,
    ) -> Tensor:
        """`scale * (P^T (alpha * inputs)) / sqrt(input_dim) + bias`.

        Args:
            inputs: Tensor `(batch, ..., input_dim)`.
            alphas: Vector `(input_dim,)` of each stage, as in
                `kernels.modulate`.
            scale: Vector `(units,)` of the last stage.
            bias: Vector `(units,)` of the last stage, or `None` for zeros.
            multiplier: Float, of each alpha and of the scale.

        Returns:
            Tensor `(batch, ..., units)`.
        """
        for start, stop in self.runs:
            last = stop == self.depth
            operands = [
                self._operand(k, multiplier) for k in range(start, stop)
            ]
            inputs = kernels.modulate(
                operands,
                inputs,
                alphas[start:stop],
                scale if last else None,
                bias if last else None,
                self.projections[start].implementation,
            )
        return inputs

    def _operand(self, k, multiplier):
        """That of a stage, with the multipliers of what is next to it.

        It is kept: to make it in each call would cost the host more than all
        else that is done here.
        """
        projection = self.projections[k]
        straight, turned = projection.held.operands
        operand = turned if projection.is_transposed else straight
        last = k == self.depth - 1
        factor = multiplier * multiplier if last else multiplier
        known, by, scaled = self.scaled[k]
        if known is not operand or by != factor:
            scaled = operand.times(factor)
            self.scaled[k] = operand, factor, scaled
        return scaled

    @property
    def has_stage_seeds(self) -> bool:
        """Whether the stages' seeds are functions of one of the layer's."""
        return (
            self.family is not None
            and self.depth > 1
            and all(
                p.seed == self.stage_seed(k)
                for k, p in enumerate(self.projections)
            )
        )

    @property
    def is_explicit(self) -> bool:
        """Whether a config must hold the projections, not the family."""
        if self.family is None or any(
            p.held.is_shared for p in self.projections
        ):
            return True
        made = bool(self.projections) and self.depth > 1
        return made and not self.has_stage_seeds

    def serialize(self) -> Any:
        """What a layer's config holds of `projection`."""
        if not self.is_explicit:
            return matrices.serialize(self.family)
        configs = [
            keras.saving.serialize_keras_object(p) for p in self.projections
        ]
        return configs[0] if len(configs) == 1 else configs


def _family_or_projection(item):
    if isinstance(item, dict) and item.get("config", {}).get("units"):
        item = keras.saving.deserialize_keras_object(item)
    return item if isinstance(item, Projection) else family_of(item)


def _name(k):
    return f"projection_{k}" if k else "projection"


def _runs(projections):
    kinds = [(p.implementation, type(p.held.operands[0])) for p in projections]
    groups = itertools.groupby(range(len(kinds)), key=kinds.__getitem__)
    spans = [list(group) for _, group in groups]
    return [(span[0], span[-1] + 1) for span in spans]
