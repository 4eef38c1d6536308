"""One factor of a EUGen's features: a linear map of the input."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_randproj import _keras
from keras_randproj import config as settings
from keras_randproj import divided
from keras_randproj import kernels
from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.arguments import last_dimension
from keras_randproj.arguments import one_of
from keras_randproj.arguments import positive_integer
from keras_randproj.arguments import resolve_seed
from keras_randproj.files.read_arrays import read_weights
from keras_randproj.files.whole_layer import WholeLayer
from keras_randproj.layers.prp_dense import PRPDense
from keras_randproj.matrices import derive_seed
from keras_randproj.projections import family_of
from keras_randproj.projections.seeded_initializer import SeededInitializer

MODES = ("frozen", "modulated", "trained")


@keras.saving.register_keras_serializable("keras_randproj")
class EUGenFactor(WholeLayer):
    """`x @ P / sqrt(input_dim)` with P frozen, modulated, or only started so.

    Orthogonal directions run out after `input_dim` of them, so more units
    take independent orthogonal blocks; block b has the b-th derived seed.

    Args:
        units: Positive integer, size of the last output axis.
        projection: Family of P, by name or a `matrices.Family`.
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
        self.family = family_of(projection)
        self.mode = one_of("mode", mode, MODES)
        self.lr_multiplier = lr_multiplier
        self.seed = resolve_seed(seed)
        self.blocks = []
        self.kernel: Any = None
        self.supports_masking = True

    def build(self, input_shape):
        input_dim = last_dimension(self, input_shape)
        settings.check_cost(
            self.family, (input_dim, self.units), self.described
        )
        settings.check_count(
            count_blocks(self.family, input_dim, self.units), self.described
        )
        if self.mode == "trained":
            shape = input_dim, self.units
            settings.charge(self.family, shape, self.described)
            divided.by_columns(self, "kernel")
            start = matrix(self.family, self.seed, input_dim, self.units)
            self.kernel = self.add_weight(
                (input_dim, self.units),
                SeededInitializer(
                    lambda spans, dtype: start[tuple(slice(*s) for s in spans)]
                ),
                name="kernel",
            )
            return
        self.blocks = [
            self._block(k, seed, width)
            for k, (seed, width) in enumerate(
                _parts(self.family, self.seed, input_dim, self.units)
            )
        ]
        _keras.hold(self, "blocks", self.blocks)
        for block in self.blocks:
            block.build(input_shape)

    def _block(self, k, seed, width):
        """The layer of one matrix, unbuilt."""
        suffix = f"_{k}" if k else ""
        if self.mode == "modulated":
            return PRPDense(
                width,
                use_bias=False,
                projection=self.family,
                seed=seed,
                lr_multiplier=self.lr_multiplier,
                dtype=self.dtype_policy,
                name=f"modulation{suffix}",
            )
        return projections.get(
            self.family,
            width,
            seed=seed,
            dtype=self.dtype_policy,
            name=f"projection{suffix}",
        )

    def call(self, inputs):
        return self.project(kernels.dense_float(inputs, self.compute_dtype))

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

    def read_own_variables(self, store):
        return read_weights(self, store)

    def get_config(self):
        config = {
            "units": self.units,
            "projection": matrices.serialize(self.family),
            "mode": self.mode,
            "lr_multiplier": self.lr_multiplier,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}


def matrix(family, seed, input_dim, units):
    """The matrix that a factor of this seed starts from.

    Args:
        family: `matrices.Family`.
        seed: Integer, the factor's.
        input_dim: Integer.
        units: Integer.

    Returns:
        float64 NumPy array `(input_dim, units)`, `1/sqrt(input_dim)` in it.
    """
    parts = [
        family.matrix(block_seed, (input_dim, width))
        for block_seed, width in _parts(family, seed, input_dim, units)
    ]
    return np.concatenate(parts, axis=1) / math.sqrt(input_dim)


def count_blocks(family, input_dim, units):
    """How many matrices make up a factor."""
    return -(-units // _limit(family, input_dim, units))


def _limit(family, input_dim, units):
    """Columns of one matrix: more than `input_dim` can't be orthogonal."""
    orthogonal = isinstance(family, matrices.Orthogonal)
    return input_dim if orthogonal else units


def _parts(family, seed, input_dim, units):
    """Seed and width of each matrix."""
    limit = _limit(family, input_dim, units)
    for k, start in enumerate(range(0, units, limit)):
        yield derive_seed(seed, k), min(limit, units - start)
