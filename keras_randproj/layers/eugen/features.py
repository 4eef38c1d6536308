"""The random features of a EUGen: products of random projections."""

import itertools
import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import activations
from keras import ops

from keras_randproj import _keras
from keras_randproj import config as settings
from keras_randproj import kernels
from keras_randproj import matrices
from keras_randproj._types import Config
from keras_randproj._types import Identifier
from keras_randproj._types import Shape
from keras_randproj._types import Tensor
from keras_randproj.arguments import last_dimension
from keras_randproj.arguments import non_negative_integer
from keras_randproj.arguments import positive_integer
from keras_randproj.arguments import positive_number
from keras_randproj.arguments import resolve_seed
from keras_randproj.files.whole_layer import WholeLayer
from keras_randproj.layers.eugen.factor import EUGenFactor
from keras_randproj.layers.eugen.factor import count_blocks
from keras_randproj.layers.eugen.factor import matrix
from keras_randproj.layers.eugen.neurons import EUGenNeurons
from keras_randproj.layers.seed_in_file import read_seed
from keras_randproj.layers.seed_in_file import write_seed
from keras_randproj.matrices import derive_seed
from keras_randproj.matrices.registry import FamilyLike
from keras_randproj.projections import family_of

# Keeps the gradient of a norm finite at zero.
SMALLEST_SQUARE = 1e-12


@keras.saving.register_keras_serializable("keras_randproj")
class EUGenFeatures(WholeLayer):
    """Random polynomial features of the input and its norm.

    With `x+ = [x, ||x||]` and random matrices G_j at scale
    `1/sqrt(input_dim)`, block i holds the products of i projections,

        B_i = (x+ @ G_1) * ... * (x+ @ G_i)

    and the output is `feature_activation(concat(B_1, ..., B_order))`, followed
    by the features with trained directions, if any. Masks pass through
    unchanged.

    Args:
        num_features: Positive integer, features of one block.
        order: Positive integer, the number of blocks.
        feature_activation: Activation of the features, or its name; `None`
            for none.
        norm_feature: Boolean, whether `||x||` joins the input.
        projection: Family of the matrices, by name or a `matrices.Family`.
        trainable_projection: Boolean, whether the matrices are trained; then
            files hold them.
        modulation: Boolean, whether each frozen matrix has a trained vector
            on its input and one on its output.
        share_projections: Boolean: block i takes block i - 1 times one more
            projection (`order` matrices), or i matrices of its own
            (`order * (order + 1) / 2`).
        lr_multiplier: Positive float, see `PRPDense`; for `modulation`.
        seed: Integer in `[0, 2**64)`, or `None` to draw one. Matrix k has the
            k-th derived seed.
        rows: `None`, or `num_features` integers in increasing order: the
            features that are kept of endlessly many, see `Projection`.
        shift: `None`, or a positive float: the input is given one number
            more, so that each projection is shifted by this times a random
            number of unit variance.
        num_neurons: Non-negative integer: so many features more, whose
            directions are trained and stored: `Dense` of the same activation.
        residual_rank: Non-negative integer: so many features more without an
            activation, whose directions are trained and stored. With the head
            they are a matrix of this rank beside the other features.

    Input shape:
        `(batch, ..., input_dim)`, of rank 2 or more.

    Output shape:
        `(batch, ..., order * num_features + num_neurons + residual_rank)`.

    Raises:
        ValueError: If an argument is not as above.

    Reference:
        Kim et al., "EUGens: Efficient, Unified, and General Dense Layers",
        arXiv 2410.09771.

    Example:

    >>> layer = EUGenFeatures(16, order=3, seed=7)
    >>> layer(keras.ops.ones((2, 100))).shape
    (2, 48)
    """

    def __init__(
        self,
        num_features: int,
        order: int = 2,
        feature_activation: Identifier | None = None,
        norm_feature: bool = True,
        projection: FamilyLike = "orthogonal",
        trainable_projection: bool = False,
        modulation: bool = False,
        share_projections: bool = True,
        lr_multiplier: float = 10.0,
        seed: int | None = None,
        rows: Sequence[int] | None = None,
        shift: float | None = None,
        num_neurons: int = 0,
        residual_rank: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_features = positive_integer("num_features", num_features)
        self.order = positive_integer("order", order)
        self.feature_activation = activations.get(feature_activation)
        self.norm_feature = bool(norm_feature)
        self.family = family_of(projection)
        if rows is not None:
            self.family = self.family.choose(rows)
        self._check_rows()
        self.shift = None if shift is None else positive_number("shift", shift)
        self.num_neurons = non_negative_integer("num_neurons", num_neurons)
        self.residual_rank = non_negative_integer(
            "residual_rank", residual_rank
        )
        self.trainable_projection = bool(trainable_projection)
        self.modulation = bool(modulation)
        if self.modulation and self.trainable_projection:
            raise ValueError(
                "`modulation` is for a frozen projection. Received: "
                "modulation=True, trainable_projection=True"
            )
        self.share_projections = bool(share_projections)
        self.lr_multiplier = lr_multiplier
        self.seed = resolve_seed(seed)
        self.factors: list[EUGenFactor] = []
        self.neurons: Any = None
        self.residual: Any = None
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(min_ndim=2)

    def _check_rows(self) -> None:
        rows = self.family.rows
        if rows is not None and len(rows) != self.num_features:
            raise ValueError(
                "There must be as many `rows` as features. Received: "
                f"{len(rows)} rows, num_features={self.num_features}"
            )

    @property
    def width(self) -> int:
        """How many features there are in all."""
        random = self.order * self.num_features
        return random + self.num_neurons + self.residual_rank

    @property
    def num_factors(self) -> int:
        """How many random matrices there are."""
        if self.share_projections:
            return self.order
        return self.order * (self.order + 1) // 2

    def build(self, input_shape: Shape) -> None:
        input_dim = last_dimension(self, input_shape)
        width = input_dim + int(self.norm_feature) + bool(self.shift)
        blocks = count_blocks(self.family, width, self.num_features)
        settings.check_count(self.num_factors * blocks, self.described)
        self.factors = [self._factor(k) for k in range(self.num_factors)]
        _keras.hold(self, "factors", self.factors)
        for factor in self.factors:
            factor.build((None, width))
        if self.num_neurons:
            self.neurons = EUGenNeurons(
                self.num_neurons,
                activation=self.feature_activation,
                dtype=self.dtype_policy,
                name="neurons",
            )
            self.neurons.build((None, input_dim))
        if self.residual_rank:
            self.residual = EUGenNeurons(
                self.residual_rank,
                use_bias=False,
                dtype=self.dtype_policy,
                name="residual",
            )
            self.residual.build((None, input_dim))
        self.input_spec = keras.layers.InputSpec(
            min_ndim=2, axes={-1: input_dim}
        )

    def _factor(self, k):
        mode = "frozen"
        if self.trainable_projection:
            mode = "trained"
        elif self.modulation:
            mode = "modulated"
        return EUGenFactor(
            self.num_features,
            projection=self.family,
            mode=mode,
            lr_multiplier=self.lr_multiplier,
            seed=derive_seed(self.seed, k),
            dtype=self.dtype_policy,
            name=f"factor_{k}",
        )

    def call(self, inputs: Tensor) -> Tensor:
        return self.compute(inputs)

    def compute(self, inputs: Tensor) -> Tensor:
        """The features, inside another layer's call."""
        inputs = kernels.dense_float(inputs, self.compute_dtype)
        x = self._with_norm(inputs) if self.norm_feature else inputs
        if self.shift is not None:
            x = self._with_constant(x, self.shift)
        blocks = self.products([f.project(x) for f in self.factors])
        features = (
            blocks[0] if len(blocks) == 1 else ops.concatenate(blocks, -1)
        )
        if self.feature_activation is not None:
            features = self.feature_activation(features)
        trained = [
            part.call(inputs)
            for part in (self.neurons, self.residual)
            if part is not None
        ]
        if not trained:
            return features
        return ops.concatenate([features, *trained], -1)

    def _with_constant(self, x, shift):
        """The input and a number whose product with P is the shift."""
        size = shift * math.sqrt(x.shape[-1] + 1)
        constant = ops.full_like(x[..., :1], size)
        return ops.concatenate([x, constant], -1)

    def _with_norm(self, inputs):
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        square = ops.sum(ops.square(x), axis=-1, keepdims=True)
        norm = ops.sqrt(ops.maximum(square, SMALLEST_SQUARE))
        return ops.concatenate([inputs, ops.cast(norm, inputs.dtype)], -1)

    def products(self, factors: Sequence[Tensor]) -> list[Tensor]:
        """The blocks, from what each factor gives.

        Args:
            factors: List of `num_factors` tensors or arrays.

        Returns:
            List of `order` products.
        """
        if self.share_projections:
            return list(itertools.accumulate(factors, lambda a, b: a * b))
        rest = iter(factors)
        blocks = []
        for size in range(1, self.order + 1):
            block = next(rest)
            for _ in range(size - 1):
                block = block * next(rest)
            blocks.append(block)
        return blocks

    def matrices(self, input_dim: int) -> list[np.ndarray]:
        """The matrices that the seed gives, before any training.

        Args:
            input_dim: Integer, size of the input, with its norm.

        Returns:
            List of `num_factors` float64 NumPy arrays `(input_dim,
            num_features)`, `1/sqrt(input_dim)` in them.
        """
        return [
            matrix(
                self.family,
                derive_seed(self.seed, k),
                input_dim,
                self.num_features,
            )
            for k in range(self.num_factors)
        ]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.width)

    def save_own_variables(self, store: Any) -> None:
        write_seed(store, "seed", self.seed)

    def read_own_variables(self, store: Any) -> Callable[[], None]:
        seed = read_seed(self, store, "seed")

        def assign():
            self.seed = seed
            for k, factor in enumerate(self.factors):
                factor.seed = derive_seed(seed, k)

        return assign

    def get_config(self) -> Config:
        config = {
            "num_features": self.num_features,
            "order": self.order,
            "feature_activation": activations.serialize(
                self.feature_activation
            ),
            "norm_feature": self.norm_feature,
            "projection": matrices.serialize(self.family),
            "shift": self.shift,
            "num_neurons": self.num_neurons,
            "residual_rank": self.residual_rank,
            "trainable_projection": self.trainable_projection,
            "modulation": self.modulation,
            "share_projections": self.share_projections,
            "lr_multiplier": self.lr_multiplier,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}
