"""The dense layer whose hidden part is random features."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import Self

import keras
import numpy as np
from keras import activations
from keras import constraints
from keras import initializers
from keras import regularizers
from numpy.typing import ArrayLike

from keras_randproj import config as settings
from keras_randproj import divided
from keras_randproj._types import Config
from keras_randproj._types import Identifier
from keras_randproj._types import Shape
from keras_randproj._types import Tensor
from keras_randproj.arguments import positive_integer
from keras_randproj.arguments import resolve_seed
from keras_randproj.layers.dense_holder import DenseHolder
from keras_randproj.layers.eugen.activation_polynomials import (
    activation_polynomials,
)
from keras_randproj.layers.eugen.estimator import unbiased_head
from keras_randproj.layers.eugen.features import EUGenFeatures
from keras_randproj.layers.eugen.head import EUGenHead
from keras_randproj.layers.kernel_and_bias import kernel_and_bias
from keras_randproj.layers.weight_options import option_names
from keras_randproj.layers.weight_options import serialize_options
from keras_randproj.matrices.registry import FamilyLike

WEIGHTS = ("kernel", "bias")


@keras.saving.register_keras_serializable("keras_randproj")
class EUGenDense(DenseHolder):
    """A dense layer on random features of x, in the place of `f(W x)`.

    Computes `activation(features(x) @ kernel + bias)` with

        x+ = [x, ||x||]
        B_i = (x+ @ G_1) * ... * (x+ @ G_i),            i = 1..order
        features(x) = feature_activation(concat(B_1, ..., B_order))

    where the matrices G_j come from a seed. It takes `input_dim *
    num_features * order` products for the features and `order *
    num_features * units` for the head, against `input_dim * units`. Only the
    head is trained unless `trainable_projection` or `modulation` is set, and
    files hold a seed for frozen matrices. The constant block of the paper is
    the bias. Masks pass through unchanged.

    Args:
        units: Positive integer, size of the last output axis.
        num_features: Positive integer, features of one block.
        order: Positive integer, the number of blocks and the highest degree.
        feature_activation: Activation of the features, or its name; `None`
            for none. With order 1, no norm and no activation the layer is
            linear.
        activation: Activation of the output, or its name; `None` for none.
        norm_feature: Boolean, whether `||x||` joins the input.
        projection: Family of the matrices, by name or a `matrices.Family`.
            `"orthogonal"` has the least variance; `"hadamard"` takes O(d log
            d) time.
        trainable_projection: Boolean, whether the matrices are trained; then
            files hold them.
        modulation: Boolean, whether each frozen matrix has a trained vector
            on its input and one on its output.
        share_projections: Boolean, whether block i takes block i - 1 times
            one more projection, or i matrices of its own.
        use_bias: Boolean, whether a bias is added.
        seed: Integer in `[0, 2**64)`, or `None` to draw one, which the
            config then keeps.
        lr_multiplier: Positive float, see `PRPDense`; for `modulation`.
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
        kernel_initializer: Initializer of the head.
        bias_initializer: Initializer of bias.
        kernel_regularizer: Regularizer of the head.
        bias_regularizer: Regularizer of bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint: Constraint of the head.
        bias_constraint: Constraint of bias.

    Input shape:
        `(batch, ..., input_dim)`, of rank 2 or more.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is not as above; on `build`, if the last
            input dimension is undefined or a matrix would have more than
            `config.max_elements()` entries.

    Reference:
        Kim et al., "EUGens: Efficient, Unified, and General Dense Layers",
        NeurIPS 2025, arXiv 2410.09771.

    Example:

    >>> layer = EUGenDense(512, num_features=64, order=2, seed=7)
    >>> layer(keras.ops.ones((32, 784))).shape
    (32, 512)
    """

    def __init__(
        self,
        units: int,
        num_features: int,
        order: int = 2,
        feature_activation: Identifier | None = None,
        activation: Identifier | None = None,
        norm_feature: bool = True,
        projection: FamilyLike = "orthogonal",
        trainable_projection: bool = False,
        modulation: bool = False,
        share_projections: bool = True,
        use_bias: bool = True,
        seed: int | None = None,
        lr_multiplier: float = 10.0,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier | None = None,
        bias_regularizer: Identifier | None = None,
        activity_regularizer: Identifier | None = None,
        kernel_constraint: Identifier | None = None,
        bias_constraint: Identifier | None = None,
        rows: Sequence[int] | None = None,
        shift: float | None = None,
        num_neurons: int = 0,
        residual_rank: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_integer("units", units)
        # Drawn before the seed of an initializer, whatever is made first.
        seed = resolve_seed(seed)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        # Before the features: its weights come first, as an optimizer's file
        # counts them.
        self.head = EUGenHead(
            self.units,
            activation=self.activation,
            use_bias=self.use_bias,
            dtype=self.dtype_policy,
            name="eugen_head",
            **{n: getattr(self, n) for n in option_names(WEIGHTS)},
        )
        self.features = EUGenFeatures(
            num_features,
            order=order,
            feature_activation=feature_activation,
            norm_feature=norm_feature,
            projection=projection,
            trainable_projection=trainable_projection,
            modulation=modulation,
            share_projections=share_projections,
            lr_multiplier=lr_multiplier,
            seed=seed,
            rows=rows,
            shift=shift,
            num_neurons=num_neurons,
            residual_rank=residual_rank,
            dtype=self.dtype_policy,
            name="features",
        )
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(min_ndim=2)

    @classmethod
    def from_dense(
        cls,
        dense: keras.layers.Dense,
        order: int,
        num_features: int,
        projection: FamilyLike = "orthogonal",
        coefficients: ArrayLike | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> Self:
        """A EUGen whose mean over seeds is a polynomial of a dense layer.

        With f the polynomial, the output's expectation is
        `f(x @ kernel + bias)` for every input, exactly. Its variance falls as
        `1 / num_features` and grows with
        `(||w||^2 ||x||^2) ** order`: it is a start for training, and
        `distill_layer` a better fit.

        Args:
            dense: A built `keras.layers.Dense`.
            order: Positive integer.
            num_features: Positive integer.
            projection: Family of the matrices, by name or a `matrices.Family`.
            coefficients: Coefficients of f, lowest degree first, `order + 1`
                of them at most. `None` takes `activation_polynomials` of the
                layer's activation, for inputs of unit variance.
            seed: Integer in `[0, 2**64)`, or `None` to draw one.
            **kwargs: Further arguments, such as `trainable_projection`.

        Returns:
            A built `EUGenDense` without norm feature.

        Raises:
            ValueError: If `dense` is no built Dense layer, or there are more
                coefficients than the order allows.

        Example:

        >>> dense = keras.layers.Dense(8, activation="gelu")
        >>> dense.build((None, 32))
        >>> eugen = EUGenDense.from_dense(dense, order=2, num_features=64)
        >>> eugen(keras.ops.ones((1, 32))).shape
        (1, 8)
        """
        if not isinstance(dense, keras.layers.Dense) or not dense.built:
            raise ValueError(
                "`dense` must be a built `keras.layers.Dense`. "
                f"Received: {dense}"
            )
        kernel, bias = kernel_and_bias(dense)
        fixed = {"norm_feature", "feature_activation", "use_bias", "units"}
        fixed |= {"shift", "num_neurons", "residual_rank"}
        if fixed & set(kwargs):
            raise ValueError(
                f"`from_dense` sets {sorted(fixed)} itself. "
                f"Received: {sorted(kwargs)}"
            )
        kwargs = {"name": dense.name, "dtype": dense.dtype_policy, **kwargs}
        eugen = cls(
            dense.units,
            num_features,
            order=order,
            norm_feature=False,
            projection=projection,
            seed=seed,
            **kwargs,
        )
        if coefficients is None:
            coefficients = _fitted(dense.activation, order, kernel, bias)
        coefficients = _checked(coefficients, order)
        eugen.build((None, len(kernel)))
        head, shift = unbiased_head(eugen.features, kernel, bias, coefficients)
        eugen.kernel.assign(head)
        eugen.bias.assign(shift)
        return eugen

    @property
    def seed(self) -> int:
        """The layer's seed, of which those of its matrices are functions."""
        return self.features.seed

    @property
    def kernel(self) -> Any:
        """The head's matrix, a row for each feature and `units` columns."""
        return self.head.kernel if self.built else None

    @property
    def bias(self) -> Any:
        """The head's bias, or `None`."""
        return self.head.bias if self.built else None

    def build(self, input_shape: Shape) -> None:
        width = self.features.width
        settings.check_elements((width, self.units), f"Layer '{self.name}'")
        self.features.build(input_shape)
        divided.by_rows(self, f"{self.head.name}/kernel")
        self.head.build((None, width))
        self.input_spec = self.features.input_spec
        self._freeze_parts()

    def call(self, inputs: Tensor) -> Tensor:
        return self.head.compute(self.features.compute(inputs))

    def dense_equivalent(self) -> int:
        """Parameters that `keras.layers.Dense` would train in its place."""
        inputs = self.features.input_spec.axes[-1]
        return inputs * self.units + (self.units if self.use_bias else 0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def save_own_variables(self, store: Any) -> None:
        self.head.save_into(store)

    def read_own_variables(self, store: Any) -> Callable[[], None]:
        return self.head.read_from(store, self.described)

    def get_config(self) -> Config:
        config = self.features.get_config()
        for name in ("name", "trainable", "dtype"):
            del config[name]
        config.update(
            units=self.units,
            activation=activations.serialize(self.activation),
            use_bias=self.use_bias,
            activity_regularizer=regularizers.serialize(
                self.activity_regularizer
            ),
        )
        options = serialize_options(self, WEIGHTS)
        return {**super().get_config(), **config, **options}


def _fitted(activation, order, kernel, bias):
    """Coefficients for the pre-activations that unit-variance inputs give."""
    scale = np.sqrt(np.mean(np.sum(kernel**2, axis=0) + bias**2))
    return activation_polynomials(activation, order, scale=scale).coefficients


def _checked(coefficients, order):
    coefficients = np.asarray(coefficients, "float64")
    if coefficients.ndim != 1 or not 1 <= len(coefficients) <= order + 1:
        raise ValueError(
            f"`coefficients` must be at most order + 1 = {order + 1} numbers, "
            f"lowest degree first. Received: coefficients={coefficients}"
        )
    if not np.all(np.isfinite(coefficients)):
        raise ValueError(
            "`coefficients` must be finite. "
            f"Received: coefficients={coefficients}"
        )
    return coefficients
