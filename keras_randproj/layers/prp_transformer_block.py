"""The transformer block whose matrices come from a seed."""

from collections.abc import Callable
from typing import Any

import keras
from keras import activations

from keras_randproj import kernels
from keras_randproj._types import Config
from keras_randproj._types import Identifier
from keras_randproj._types import Shape
from keras_randproj._types import Tensor
from keras_randproj.arguments import one_of
from keras_randproj.arguments import positive_integer
from keras_randproj.arguments import resolve_seed
from keras_randproj.layers.attention.dense_attention import DenseAttention
from keras_randproj.layers.attention.prp_multi_head_attention import (
    PRPMultiHeadAttention,
)
from keras_randproj.layers.dense_holder import DenseHolder
from keras_randproj.layers.feed_forward import KINDS
from keras_randproj.layers.feed_forward import FeedForward
from keras_randproj.layers.seed_in_file import read_seed
from keras_randproj.layers.seed_in_file import write_seed
from keras_randproj.matrices import derive_seed

# Part of the matrix contract: part k has the k-th derived seed.
PARTS = ("attention", "feed_forward")
NORMALIZATIONS = {
    "layer": keras.layers.LayerNormalization,
    "rms": keras.layers.RMSNormalization,
}


@keras.saving.register_keras_serializable("keras_randproj")
class PRPTransformerBlock(DenseHolder):
    """Self-attention and a feed-forward, each with a residual connection.

    With `norm_first`, `x + attention(norm(x))` and then `x +
    feed_forward(norm(x))`; without, the norms follow the sums. Blocks stack:
    inputs and outputs have one shape.

    Args:
        num_heads: Positive integer.
        intermediate_dim: Positive integer, width inside the feed-forward,
            or the number of features of a EUGen.
        feed_forward: `"prp"`, `"eugen"` (one merged `EUGenDense`) or
            `"dense"`.
        attention: `"prp"` or `"dense"`.
        key_dim: Positive integer, width of a head; `None` for the features
            divided by `num_heads`.
        num_key_value_heads: Positive integer that divides `num_heads`, or
            `None` for `num_heads`.
        causal: Boolean, whether a position sees no later ones.
        norm_first: Boolean.
        normalization: `"layer"` or `"rms"`.
        epsilon: Float, of the normalization.
        activation: Activation of the feed-forward, or its name.
        gated: Boolean, whether the feed-forward has a gate (SwiGLU with
            `activation="silu"`).
        dropout: Float in [0, 1): of the attention's scores and of what each
            part adds.
        use_bias: Boolean, whether dense layers and projections have biases.
        attention_options: Dict, further arguments of
            `PRPMultiHeadAttention`, such as `projection` or `depth`.
        feed_forward_options: Dict, further arguments of `PRPDense`,
            `EUGenDense` or `keras.layers.Dense`.
        projection_seed: Integer in `[0, 2**64)`, or `None` to draw one: all
            matrices are functions of it.
        seed: Integer, seed of the dropout.

    Call arguments:
        inputs: Tensor `(batch, length, features)`.
        mask: Boolean tensor `(batch, length)`, `False` for padding; Keras
            passes it on from the layer before.
        attention_mask: Boolean tensor `(batch, length, length)`.
        training: Boolean, whether dropout acts.
        cache: Keys and values of earlier positions, as `make_cache` returns
            them, or `None`.
        cache_update_index: Integer or scalar tensor, position of the first
            input in the cache.

    Input shape:
        `(batch, length, features)`.

    Output shape:
        `(batch, length, features)`; with `cache` also the updated cache.

    Raises:
        ValueError: If an argument is not as above, or the features cannot be
            divided by `num_heads` and `key_dim` is `None`.

    Reference:
        Vaswani et al., arXiv 1706.03762; Szorc, arXiv 2512.13480; Kim et
        al., arXiv 2410.09771.

    Example:

    >>> block = PRPTransformerBlock(4, 256, causal=True, projection_seed=7)
    >>> block(keras.ops.ones((2, 10, 64))).shape
    (2, 10, 64)
    """

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        feed_forward: str = "prp",
        attention: str = "prp",
        key_dim: int | None = None,
        num_key_value_heads: int | None = None,
        causal: bool = False,
        norm_first: bool = True,
        normalization: str = "layer",
        epsilon: float = 1e-5,
        activation: Identifier = "gelu",
        gated: bool = False,
        dropout: float = 0.0,
        use_bias: bool = True,
        attention_options: Config | None = None,
        feed_forward_options: Config | None = None,
        projection_seed: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = positive_integer("num_heads", num_heads)
        self.intermediate_dim = positive_integer(
            "intermediate_dim", intermediate_dim
        )
        self.feed_forward_kind = one_of("feed_forward", feed_forward, KINDS)
        self.attention_kind = one_of("attention", attention, ("prp", "dense"))
        self.key_dim = key_dim
        self.num_key_value_heads = num_key_value_heads
        self.causal = bool(causal)
        self.norm_first = bool(norm_first)
        self.normalization = one_of(
            "normalization", normalization, tuple(NORMALIZATIONS)
        )
        self.epsilon = float(epsilon)
        self.activation = activations.get(activation)
        self.gated = bool(gated)
        self.dropout = float(dropout)
        self.use_bias = bool(use_bias)
        self.attention_options = dict(attention_options or {})
        self.feed_forward_options = dict(feed_forward_options or {})
        self.projection_seed = resolve_seed(projection_seed)
        self.seed = seed
        self.attention: Any = None
        self.feed_forward = self._feed_forward()
        self.attention_norm = self._norm("attention_norm")
        self.feed_forward_norm = self._norm("feed_forward_norm")
        self._dropout = keras.layers.Dropout(
            self.dropout, dtype=self.dtype_policy, seed=seed
        )
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) != 3 or input_shape[-1] is None:
            raise ValueError(
                f"Layer '{self.name}' needs inputs (batch, length, features) "
                "with known features. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.attention = self._attention(input_shape[-1])
        self.attention.build(input_shape, input_shape)
        self.feed_forward.build(input_shape)
        self.attention_norm.build(input_shape)
        self.feed_forward_norm.build(input_shape)
        self._freeze_parts()

    def _attention(self, features):
        key_dim = self.key_dim
        if key_dim is None:
            if features % self.num_heads:
                raise ValueError(
                    "`key_dim` must be given where the features cannot be "
                    f"divided by the heads. Received: num_heads="
                    f"{self.num_heads}, {features} features"
                )
            key_dim = features // self.num_heads
        options = {
            "num_heads": self.num_heads,
            "key_dim": key_dim,
            "num_key_value_heads": self.num_key_value_heads,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "seed": self.seed,
            "dtype": self.dtype_policy,
            "name": "attention",
            **self.attention_options,
        }
        if self.attention_kind == "dense":
            return DenseAttention(**options)
        seed = self._part_seed("attention")
        return PRPMultiHeadAttention(projection_seed=seed, **options)

    def _feed_forward(self):
        return FeedForward(
            self.intermediate_dim,
            kind=self.feed_forward_kind,
            activation=self.activation,
            gated=self.gated,
            use_bias=self.use_bias,
            seed=self._part_seed("feed_forward"),
            options=self.feed_forward_options,
            dtype=self.dtype_policy,
            name="feed_forward",
        )

    def _norm(self, name):
        return NORMALIZATIONS[self.normalization](
            epsilon=self.epsilon, dtype=self.dtype_policy, name=name
        )

    def call(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        training: bool | None = None,
        cache: Tensor | None = None,
        cache_update_index: Tensor | None = None,
    ) -> Any:
        def attend(x):
            return self.attention(
                x,
                x,
                value_mask=mask,
                attention_mask=attention_mask,
                use_causal_mask=self.causal,
                training=training,
                cache=cache,
                cache_update_index=cache_update_index,
            )

        inputs = kernels.dense_float(inputs, self.compute_dtype)
        y = attend(self._before(self.attention_norm, inputs))
        if cache is not None:
            y, cache = y
        x = inputs + self._dropout(y, training=training)
        x = self._after(self.attention_norm, x)
        y = self.feed_forward(self._before(self.feed_forward_norm, x))
        x = x + self._dropout(y, training=training)
        x = self._after(self.feed_forward_norm, x)
        return x if cache is None else (x, cache)

    def _before(self, norm, x):
        return norm(x) if self.norm_first else x

    def _after(self, norm, x):
        return x if self.norm_first else norm(x)

    def make_cache(self, batch_size: int, length: int) -> Tensor:
        """An empty cache, see `PRPMultiHeadAttention.make_cache`.

        Raises:
            ValueError: If the block is not built.
        """
        self.require_built("make_cache")
        return self.attention.make_cache(batch_size, length)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def compute_output_spec(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        training: bool | None = None,
        cache: Tensor | None = None,
        cache_update_index: Tensor | None = None,
    ) -> Any:
        spec = keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
        if cache is None:
            return spec
        return spec, keras.KerasTensor(cache.shape, dtype=self.compute_dtype)

    def save_own_variables(self, store: Any) -> None:
        write_seed(store, "projection_seed", self.projection_seed)

    def read_own_variables(self, store: Any) -> Callable[[], None]:
        seed = read_seed(self, store, "projection_seed")

        def assign():
            self.projection_seed = seed
            self.feed_forward.seed = self._part_seed("feed_forward")

        return assign

    def _part_seed(self, part):
        return derive_seed(self.projection_seed, PARTS.index(part))

    def get_config(self) -> Config:
        config = {
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "feed_forward": self.feed_forward_kind,
            "attention": self.attention_kind,
            "key_dim": self.key_dim,
            "num_key_value_heads": self.num_key_value_heads,
            "causal": self.causal,
            "norm_first": self.norm_first,
            "normalization": self.normalization,
            "epsilon": self.epsilon,
            "activation": activations.serialize(self.activation),
            "gated": self.gated,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "attention_options": self.attention_options,
            "feed_forward_options": self.feed_forward_options,
            "projection_seed": self.projection_seed,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}
