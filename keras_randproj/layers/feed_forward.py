"""The feed-forward part of a transformer block, in three kinds."""

from typing import Any

import keras
from keras import activations

from keras_randproj import config as settings
from keras_randproj import divided
from keras_randproj.arguments import one_of
from keras_randproj.arguments import positive_integer
from keras_randproj.arguments import resolve_seed
from keras_randproj.layers.dense_holder import DenseHolder
from keras_randproj.layers.eugen.eugen_dense import EUGenDense
from keras_randproj.layers.prp_dense import PRPDense
from keras_randproj.matrices import derive_seed

KINDS = ("prp", "eugen", "dense")
# Part of the matrix contract: role k has the k-th derived seed.
ROLES = ("intermediate", "output", "gate")


@keras.saving.register_keras_serializable("keras_randproj")
class FeedForward(DenseHolder):
    """`output(activation(intermediate(x)))`, or one EUGen in its place.

    With `gated=True`, `output(activation(gate(x)) * intermediate(x))`
    (SwiGLU for `activation="silu"`). A EUGen needs no second layer: its head
    maps the features back to the input's width, and `intermediate_dim` is
    the number of its features.

    Args:
        intermediate_dim: Positive integer.
        kind: `"prp"`, `"eugen"` or `"dense"`.
        activation: Activation, or its name.
        gated: Boolean; not for `"eugen"`.
        use_bias: Boolean.
        seed: Integer in `[0, 2**64)`, or `None` to draw one.
        options: Dict, further arguments of `PRPDense`, `EUGenDense` or
            `keras.layers.Dense`. A EUGen has order 1 and a trained
            projection unless they say otherwise.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., features)`.

    Raises:
        ValueError: If an argument is not as above.

    Reference:
        Shazeer, "GLU Variants Improve Transformer", arXiv 2002.05202.

    Example:

    >>> FeedForward(64, kind="eugen", seed=7)(keras.ops.ones((2, 16))).shape
    (2, 16)
    """

    def __init__(
        self,
        intermediate_dim,
        kind="prp",
        activation="gelu",
        gated=False,
        use_bias=True,
        seed=None,
        options=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.intermediate_dim = positive_integer(
            "intermediate_dim", intermediate_dim
        )
        self.kind = one_of("feed_forward", kind, KINDS)
        self.activation = activations.get(activation)
        self.gated = bool(gated)
        self.use_bias = bool(use_bias)
        if self.gated and kind == "eugen":
            raise ValueError(
                "A EUGen feed-forward has no gate. "
                "Received: gated=True, feed_forward='eugen'"
            )
        self.seed = resolve_seed(seed)
        self.options = dict(options or {})
        self.intermediate: Any = None
        self.gate: Any = None
        self.output_layer: Any = None
        self.supports_masking = True

    def build(self, input_shape):
        width = input_shape[-1]
        settings.check_elements(
            (width, self.intermediate_dim), f"Layer '{self.name}'"
        )
        if self.kind == "eugen":
            self.output_layer = self._eugen(width)
            self.output_layer.build(input_shape)
            self._freeze_parts()
            return
        for role in ("intermediate", "gate"):
            divided.by_columns(self, f"{role}/kernel")
        for matrix in ("kernel", "projection/matrix"):
            divided.by_rows(self, f"output/{matrix}")
        inner = (*input_shape[:-1], self.intermediate_dim)
        first = None if self.gated else self.activation
        self.intermediate = self._layer(
            self.intermediate_dim, "intermediate", first
        )
        self.intermediate.build(input_shape)
        if self.gated:
            self.gate = self._layer(
                self.intermediate_dim, "gate", self.activation
            )
            self.gate.build(input_shape)
        self.output_layer = self._layer(width, "output")
        self.output_layer.build(inner)
        self._freeze_parts()

    def _eugen(self, width):
        options = {"order": 1, "trainable_projection": True, **self.options}
        return EUGenDense(
            width,
            self.intermediate_dim,
            feature_activation=self.activation,
            use_bias=self.use_bias,
            seed=derive_seed(self.seed, ROLES.index("output")),
            dtype=self.dtype_policy,
            name="output",
            **options,
        )

    def _layer(self, units, role, activation=None):
        options = {
            "activation": activation,
            "use_bias": self.use_bias,
            "dtype": self.dtype_policy,
            "name": role,
            **self.options,
        }
        if self.kind == "dense":
            return keras.layers.Dense(units, **options)
        seed = derive_seed(self.seed, ROLES.index(role))
        return PRPDense(units, seed=seed, **options)

    def call(self, inputs):
        if self.kind == "eugen":
            return self.output_layer(inputs)
        x = self.intermediate(inputs)
        if self.gate is not None:
            x = x * self.gate(inputs)
        return self.output_layer(x)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        config = {
            "intermediate_dim": self.intermediate_dim,
            "kind": self.kind,
            "activation": activations.serialize(self.activation),
            "gated": self.gated,
            "use_bias": self.use_bias,
            "seed": self.seed,
            "options": self.options,
        }
        return {**super().get_config(), **config}
