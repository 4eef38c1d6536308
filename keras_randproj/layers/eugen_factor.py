"""One factor of a EUGen's features: a linear map of the input."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_randproj import config as settings
from keras_randproj import projections
from keras_randproj.arguments import last_dimension
from keras_randproj.arguments import one_of
from keras_randproj.arguments import positive_integer
from keras_randproj.arguments import resolve_seed
from keras_randproj.distribution import matrices
from keras_randproj.layers.prp_dense import PRPDense
from keras_randproj.projections.seeded_initializer import SeededInitializer
from keras_randproj.random import derive_seed
from keras_randproj.stores import check_sizes

MODES = ("frozen", "modulated", "trained")


@keras.saving.register_keras_serializable("keras_randproj")
class EUGenFactor(keras.layers.Layer):
    """`x @ P / sqrt(input_dim)` with P frozen, modulated, or only started so.

    Orthogonal directions run out after `input_dim` of them, so more units
    take independent orthogonal blocks; block b has the b-th derived seed.

    Args:
        units: Positive integer, size of the last output axis.
        projection: Family of P, or a template.
        mode: `"frozen"`: P is a function of the seed. `"modulated"`: so it
            is, with a trained vector on the input and one on the output.
            `"trained"`: P is where a trained matrix starts.
        lr_multiplier: Positive float, see `PRPDense`; for `"modulated"`.
        seed: Integer in `[0, 2**64)`, or `None` to draw one.

    Input shape:
        `(batch, ..., input_dim)`.

    Output shape:
        `(batch, ..., units)`.
    """

    def __init__(
        self,
        units,
        projection="orthogonal",
        mode="frozen",
        lr_multiplier=10.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = positive_integer("units", units)
        self.template = template(projection)
        self.mode = one_of("mode", mode, MODES)
        self.lr_multiplier = lr_multiplier
        self.seed = resolve_seed(seed)
        self.blocks = []
        self.kernel: Any = None
        self.supports_masking = True

    def build(self, input_shape):
        input_dim = last_dimension(self, input_shape)
        settings.check_elements((input_dim, self.units), f"Layer '{self.name}'")
        if self.mode == "trained":
            matrices.by_columns(self, "kernel")
            start = matrix(self.template, self.seed, input_dim, self.units)
            self.kernel = self.add_weight(
                (input_dim, self.units),
                SeededInitializer(
                    lambda spans, dtype: start[tuple(slice(*s) for s in spans)]
                ),
                name="kernel",
            )
            return
        self.blocks = _blocks(
            self.template, self.seed, input_dim, self.units, self.dtype_policy
        )
        if self.mode == "modulated":
            self.blocks = [self._modulated(block) for block in self.blocks]
        for block in self.blocks:
            block.build(input_shape)

    def _modulated(self, projection):
        return PRPDense(
            projection.units,
            use_bias=False,
            projection=projection,
            lr_multiplier=self.lr_multiplier,
            dtype=self.dtype_policy,
            name=projection.name.replace("projection", "modulation"),
        )

    def call(self, inputs):
        return self.project(inputs)

    def project(self, inputs):
        """The outputs, inside another layer's call.

        Without the checks and scopes of a call of its own, which would cost
        more than the product where the batch is small.
        """
        if self.kernel is not None:
            return ops.matmul(inputs, self.kernel)
        outputs = [block.call(inputs) for block in self.blocks]
        return outputs[0] if len(outputs) == 1 else ops.concatenate(outputs, -1)

    def quantize(self, mode=None, type_check=True, config=None):
        raise NotImplementedError(
            f"Layer '{self.path}' is left as it is: features are products, in "
            "which its rounding errors would multiply. The head of the EUGen "
            f"is quantised. Received: mode={mode}"
        )

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def load_own_variables(self, store):
        check_sizes(store, f"Layer '{self.path}'")
        super().load_own_variables(store)

    def get_config(self):
        config = {
            "units": self.units,
            "projection": self.template.serialize(),
            "mode": self.mode,
            "lr_multiplier": self.lr_multiplier,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}


def template(projection):
    """A family as a template, which is no layer.

    Raises:
        ValueError: If it is no family, or has units.
    """
    if isinstance(projection, projections.Template):
        return projection
    found = projections.get(projection)
    if found.units is not None:
        raise ValueError(
            "`projection` must be a family or a template without units: each "
            f"factor has its own. Received: projection={projection}"
        )
    return projections.Template(found)


def matrix(found, seed, input_dim, units):
    """The matrix that a factor of this seed starts from.

    Args:
        found: A template.
        seed: Integer, the factor's.
        input_dim: Integer.
        units: Integer.

    Returns:
        float64 NumPy array `(input_dim, units)`, `1/sqrt(input_dim)` in it.
    """
    parts = []
    for projection in _blocks(found, seed, input_dim, units):
        projection.input_dim = input_dim
        parts.append(projection.natural_matrix())
    return np.concatenate(parts, axis=1) / math.sqrt(input_dim)


def _blocks(found, seed, input_dim, units, dtype=None):
    """The projections, unbuilt, that make up a factor."""
    orthogonal = issubclass(found.family, projections.Orthogonal)
    limit = input_dim if orthogonal else units
    return [
        found.complete(
            min(limit, units - start),
            derive_seed(seed, b),
            f"projection_{b}" if b else "projection",
            dtype,
        )
        for b, start in enumerate(range(0, units, limit))
    ]
