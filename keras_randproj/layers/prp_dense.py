"""The dense layer whose matrix is a function of a seed."""

import itertools
from collections.abc import Callable
from typing import Any
from typing import Self

import keras
import numpy as np

from keras_randproj import _keras
from keras_randproj import config as settings
from keras_randproj import kernels
from keras_randproj._types import Config
from keras_randproj._types import Identifier
from keras_randproj._types import Shape
from keras_randproj._types import Tensor
from keras_randproj.arguments import last_dimension
from keras_randproj.arguments import non_negative_integer
from keras_randproj.arguments import one_of
from keras_randproj.arguments import positive_integer
from keras_randproj.arguments import positive_number
from keras_randproj.arguments import seed_integer
from keras_randproj.files.read_arrays import read_arrays
from keras_randproj.files.whole_layer import WholeLayer
from keras_randproj.layers.scaled_weight import add_scaled_weight
from keras_randproj.layers.weight_options import refuse_kernel_options
from keras_randproj.layers.weight_options import serialize_options
from keras_randproj.projections import ProjectionStack
from keras_randproj.projections.projection import Projection
from keras_randproj.projections.stack import ProjectionLike


@keras.saving.register_keras_serializable("keras_randproj")
class PRPDense(WholeLayer):
    """Dense layer around a fixed random matrix: it trains vectors, not P.

    Computes, with P from a seed and `*` element-wise,

        y = activation(scale * (P^T (alpha * x)) / sqrt(input_dim) + bias)

    which has `input_dim + 2 * units` trainable parameters where `Dense` has
    `input_dim * units + units`. Files hold the vectors and the seed. Masks
    pass through unchanged.

    Args:
        units: Positive integer, size of the last output axis.
        activation: Activation function, or its name; `None` for none.
        use_bias: Boolean, whether a bias is added.
        projection: Family of P: `"gaussian"`, `"rademacher"`,
            `"sparse_ternary"`, `"orthogonal"`, `"hadamard"` (no matrix,
            O(d log d) time), a family of your own, or a `matrices.Family`
            such as `matrices.SparseTernary(density=0.1)`. A `Projection` is
            shared with the layers that hold it; in a list, one a stage.
        depth: Positive integer, how many projections follow each other, with
            no activation between. Stages map to `max(input_dim, units)`
            features (for hadamard the next power of two), each with its own
            alpha; scale and bias come last.
        residual_rank: Integer, rank of a learned `x U V` that is added; V
            starts at zero. 0 for none.
        seed: Integer in `[0, 2**64)`, or `None` to draw one, which the config
            then keeps. Stage k of several uses the k-th derived seed.
        storage: `"dense"` keeps P as a non-trainable weight; `"seed"` keeps
            only the seed and regenerates P in each call; `"packed"` keeps one
            bit per entry of rademacher, two of sparse_ternary.
        lr_multiplier: Positive float. alpha and scale are stored divided by
            it, and learn as if the learning rate were multiplied: they are of
            order 1, a dense kernel's entries of order `1/sqrt(input_dim)`.
            1.0 is the paper's own form.
        alpha_initializer: Initializer of alpha.
        scale_initializer: Initializer of scale.
        bias_initializer: Initializer of bias.
        alpha_regularizer: Regularizer of alpha.
        scale_regularizer: Regularizer of scale.
        bias_regularizer: Regularizer of bias.
        activity_regularizer: Regularizer of the output.
        alpha_constraint: Constraint of alpha.
        scale_constraint: Constraint of scale.
        bias_constraint: Constraint of bias.
        implementation: `None` for the fastest implementation that can run, or
            its name.

    Input shape:
        `(batch, ..., input_dim)`, of rank 2 or more.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is not as above; on `build`, if the last
            dimension is undefined, or P exceeds `config.max_elements()`.

    Reference:
        Szorc, "Element-wise Modulation of Random Matrices for Efficient
        Neural Layers", arXiv 2512.13480. `depth` with hadamard is the family
        of Fastfood (arXiv 1408.3060) and ACDC (arXiv 1511.05946);
        `residual_rank` is the paper's open question.

    Example:

    >>> layer = PRPDense(256, activation="relu", seed=7)
    >>> layer(keras.ops.ones((32, 784))).shape
    (32, 256)
    >>> layer.count_params() - 784 * 256  # alpha, scale and bias
    1296
    """

    def __init__(
        self,
        units: int,
        activation: Identifier | None = None,
        use_bias: bool = True,
        projection: ProjectionLike = "gaussian",
        depth: int = 1,
        residual_rank: int = 0,
        seed: int | None = None,
        storage: str = "dense",
        lr_multiplier: float = 10.0,
        alpha_initializer: Identifier = "ones",
        scale_initializer: Identifier = "ones",
        bias_initializer: Identifier = "zeros",
        alpha_regularizer: Identifier | None = None,
        scale_regularizer: Identifier | None = None,
        bias_regularizer: Identifier | None = None,
        activity_regularizer: Identifier | None = None,
        alpha_constraint: Identifier | None = None,
        scale_constraint: Identifier | None = None,
        bias_constraint: Identifier | None = None,
        implementation: str | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_kernel_options(type(self), kwargs)
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_integer("units", units)
        self.activation = keras.activations.get(activation)
        self.use_bias = bool(use_bias)
        self.depth = positive_integer("depth", depth)
        self.residual_rank = non_negative_integer(
            "residual_rank", residual_rank
        )
        self.storage = one_of("storage", storage, ("dense", "seed", "packed"))
        self.lr_multiplier = positive_number("lr_multiplier", lr_multiplier)
        self.alpha_initializer = keras.initializers.get(alpha_initializer)
        self.scale_initializer = keras.initializers.get(scale_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.alpha_regularizer = keras.regularizers.get(alpha_regularizer)
        self.scale_regularizer = keras.regularizers.get(scale_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.alpha_constraint = keras.constraints.get(alpha_constraint)
        self.scale_constraint = keras.constraints.get(scale_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.implementation = kernels.check_implementation(implementation)
        self.stack = ProjectionStack(
            projection, self.depth, self.units, seed, self.storage
        )
        self.projections: list[Projection] = []
        self.alpha: Any = None
        self.scale: Any = None
        self.bias: Any = None
        self.inner_alphas: list[Any] = []
        self.residual_a: Any = None
        self.residual_b: Any = None
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(min_ndim=2)

    @property
    def projection(self) -> Projection:
        """The projection of the first stage; there is one where depth is 1."""
        if not self.projections:
            raise AttributeError(f"{self.described} has no projection yet.")
        return self.projections[0]

    @property
    def seed(self) -> int | None:
        """The layer's seed, of which those of its stages are functions."""
        made = self.depth == 1 and self.projections
        return self.projection.seed if made else self.stack.seed

    def build(self, input_shape: Shape) -> None:
        input_dim = last_dimension(self, input_shape)
        settings.check_count(self.depth, self.described)
        widths = self.stack.widths(input_dim)
        rank = self.residual_rank
        residual = [(input_dim, rank), (rank, self.units)]
        for shape in (*itertools.pairwise(widths), *residual):
            settings.check_elements(shape, self.described)
        self.projections = self.stack.build(
            widths, self.dtype_policy, self.implementation
        )
        _keras.hold(self, "projections", self.projections)
        self._add_weights(widths)
        self.input_spec = keras.layers.InputSpec(
            min_ndim=2, axes={-1: input_dim}
        )

    def _add_weights(self, widths):
        input_dim, *inner_dims = widths[:-1]
        self.alpha = self._add_vector("alpha", input_dim)
        self.scale = self._add_vector("scale", self.units)
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                autocast=False,
                name="bias",
            )
        self.inner_alphas = [
            self._add_vector("alpha", width, f"_{k}")
            for k, width in enumerate(inner_dims, 1)
        ]
        _keras.hold(self, "inner_alphas", self.inner_alphas)
        if rank := self.residual_rank:
            self.residual_a = self.add_weight(
                (input_dim, rank), "lecun_normal", name="residual_a"
            )
            self.residual_b = self.add_weight(
                (rank, self.units), "zeros", name="residual_b"
            )

    def _add_vector(self, kind, size, suffix=""):
        return add_scaled_weight(
            self,
            size,
            self.lr_multiplier,
            kind + suffix,
            initializer=getattr(self, f"{kind}_initializer"),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )

    def call(self, inputs: Tensor) -> Tensor:
        inputs = kernels.dense_float(inputs, self.compute_dtype)
        y = self.stack.multiply(
            inputs,
            [self.alpha, *self.inner_alphas],
            self.scale,
            self.bias,
            self.lr_multiplier,
        )
        if self.residual_rank:
            low = kernels.matmul(inputs, self.residual_a)
            y = y + kernels.matmul(low, self.residual_b)
        return y if self.activation is None else self.activation(y)

    def transposed(
        self, activation: Identifier | None = None, **kwargs: Any
    ) -> Self:
        """A layer that uses this layer's matrix transposed.

        For autoencoders: the decoder maps `units` features back to `input_dim`
        with P^T. There is one P in memory; the vectors and the residual are
        the new layer's own. Options are this layer's unless given.

        Args:
            activation: Activation of the new layer.
            **kwargs: Arguments of `PRPDense` other than `units`,
                `projection`, `depth`, `seed` and `storage`.

        Returns:
            A `PRPDense` with `input_dim` units.

        Raises:
            ValueError: If this layer is not built, or an argument fixed by
                its projection is given.
        """
        self.require_built("transposed")
        if {"units", "projection", "depth", "seed", "storage"} & set(kwargs):
            raise ValueError(
                "`transposed()` takes units, projection, depth, seed and "
                f"storage from '{self.name}'. Received: {sorted(kwargs)}"
            )
        config = {**self.get_config(), "name": None}
        config.update(
            units=self.projection.input_dim,
            projection=[p.transposed() for p in reversed(self.projections)],
            seed=None,
            activation=activation,
            **kwargs,
        )
        return type(self).from_config(config)

    def dense_equivalent(self) -> int:
        """Parameters that `keras.layers.Dense` would train in its place."""
        return (self.projection.input_dim + self.use_bias) * self.units

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def _saved_weights(self):
        """Name and variable of everything learned."""
        weights = [self.alpha, self.scale, self.bias, *self.inner_alphas]
        weights += [self.residual_a, self.residual_b]
        return {w.name: w for w in weights if w is not None}

    def save_own_variables(self, store: Any) -> None:
        if not self.built:
            return
        for name, weight in self._saved_weights().items():
            store[name] = weight
        store["lr_multiplier"] = np.array(self.lr_multiplier, "float64")
        if self.stack.has_stage_seeds:
            store["seed"] = np.array(self.seed, "uint64")

    def read_own_variables(self, store: Any) -> Callable[[], None]:
        if not self.built:
            return super().read_own_variables(store)
        weights = self._saved_weights()
        expected = {**weights, "lr_multiplier": np.array(0.0)}
        # Stages that share a matrix have seeds of their own alone.
        with_seed = self.depth > 1 and "seed" in store.keys()
        if with_seed:
            expected["seed"] = np.array(0)
        values = read_arrays(store, expected, self.described)
        there = positive_number("lr_multiplier", values["lr_multiplier"][()])
        ratio = there / self.lr_multiplier
        seed = seed_integer(values["seed"][()]) if with_seed else None

        def assign():
            for name, weight in weights.items():
                scaled = name.startswith(("alpha", "scale"))
                weight.assign(values[name] * ratio if scaled else values[name])
            if seed is not None and self.stack.family is not None:
                self.stack.seed = seed

        return assign

    def get_config(self) -> Config:
        config = {
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "projection": self.stack.serialize(),
            "depth": self.depth,
            "residual_rank": self.residual_rank,
            "seed": None if self.stack.is_explicit else self.seed,
            "storage": self.storage,
            "lr_multiplier": self.lr_multiplier,
            "activity_regularizer": keras.regularizers.serialize(
                self.activity_regularizer
            ),
            "implementation": self.implementation,
        }
        options = serialize_options(self, ("alpha", "scale", "bias"))
        return {**super().get_config(), **config, **options}
