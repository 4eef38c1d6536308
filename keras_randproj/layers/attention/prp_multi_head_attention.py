"""Multi-head attention whose four projections come from a seed."""

import functools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
from keras import constraints
from keras import initializers
from keras import regularizers

from keras_randproj import matrices
from keras_randproj._types import Config
from keras_randproj._types import Identifier
from keras_randproj.arguments import resolve_seed
from keras_randproj.layers.attention.projected_attention import (
    ProjectedAttention,
)
from keras_randproj.layers.prp_dense import PRPDense
from keras_randproj.layers.seed_in_file import read_seed
from keras_randproj.layers.seed_in_file import write_seed
from keras_randproj.layers.weight_options import option_names
from keras_randproj.layers.weight_options import refuse_kernel_options
from keras_randproj.layers.weight_options import serialize_options
from keras_randproj.matrices import derive_seed
from keras_randproj.matrices.registry import FamilyLike
from keras_randproj.projections import family_of

# Part of the matrix contract: role k has the k-th derived seed.
ROLES = ("query", "key", "value", "attention_output", "gate")
VECTORS = ("alpha", "scale", "bias")


@keras.saving.register_keras_serializable("keras_randproj")
class PRPMultiHeadAttention(ProjectedAttention):
    """Multi-head attention whose projections are `PRPDense` layers.

    It takes the arguments, inputs and masks of
    `keras.layers.MultiHeadAttention` and returns what that returns; with
    `num_key_value_heads` it is `keras.layers.GroupQueryAttention`. Each of
    W_Q, W_K, W_V and W_O is a fixed random matrix between two trained
    vectors, so that self-attention of width d, with `num_heads * key_dim =
    d`, trains 12 d numbers instead of 4 d^2 + 4 d. In general, with widths q
    of the query, k of the key, v of the value and o of the output, N heads,
    K key/value heads and bias, it trains

        (q + 2 N key_dim) + (k + 2 K key_dim) + (v + 2 K value_dim)
        + (N value_dim + 2 o).

    The layers are `query`, `key`, `value` and `attention_output` (and
    `gate`), over features that are flattened head by head.

    Args:
        num_heads: Positive integer, heads of the query.
        key_dim: Positive integer, width of a head of query and key.
        value_dim: Positive integer, width of a head of value; `None` for
            `key_dim`.
        num_key_value_heads: Positive integer that divides `num_heads`, heads
            of key and value; `None` for `num_heads`.
        dropout: Float in [0, 1), dropout of the attention scores.
        use_bias: Boolean, whether the projections have biases.
        output_shape: Integer or tuple, shape of an output without its batch
            and attended axes; `None` for the query's features.
        attention_axes: Integer or tuple, axes that are attended over; `None`
            for all but the batch and the features.
        sliding_window: `None`, or positive integer w: a query sees keys less
            than w positions away.
        flash_attention: `True` for the backend's fused kernel or an error,
            `False` for never, `None` for `keras.config`'s choice.
        use_gate: Boolean, whether a sigmoid of a fifth projection of the
            query multiplies the heads' outputs.
        projection: Family of the matrices, by name or a `matrices.Family`.
        depth: Positive integer, see `PRPDense`.
        residual_rank: Integer, see `PRPDense`.
        storage: `"dense"` or `"seed"`, see `PRPDense`.
        lr_multiplier: Positive float, see `PRPDense`.
        projection_seed: Integer in `[0, 2**64)`, or `None` to draw one. The
            projections' seeds are derived from it in the order query, key,
            value, output, gate.
        implementation: `None` or a name, see `PRPDense`.
        alpha_initializer: Initializer of each alpha.
        scale_initializer: Initializer of each scale.
        bias_initializer: Initializer of each bias.
        alpha_regularizer: Regularizer of each alpha.
        scale_regularizer: Regularizer of each scale.
        bias_regularizer: Regularizer of each bias.
        activity_regularizer: Regularizer of each projection's output.
        alpha_constraint: Constraint of each alpha.
        scale_constraint: Constraint of each scale.
        bias_constraint: Constraint of each bias.
        seed: Integer, seed of the dropout.

    Call arguments:
        query: Tensor `(batch, ..., features)`.
        value: Tensor `(batch, ..., features)`.
        key: Tensor as `value`; `None` for `value`.
        query_mask: Boolean tensor, the query's shape without features.
        value_mask: Boolean tensor, the value's shape without features.
        key_mask: Boolean tensor, the key's shape without features.
        attention_mask: Boolean tensor `(batch, carried axes, heads, query's
            attended axes, value's attended axes)`; of the first three,
            leading ones may be missing from the right. All masks may be
            arrays or nested lists too, in which what is not 0 is true.
        return_attention_scores: Boolean.
        training: Boolean, whether dropout acts.
        use_causal_mask: Boolean, whether a query sees no later keys.
        cache: Keys and values of earlier positions, as `make_cache` returns
            them, or `None`.
        cache_update_index: Integer or scalar tensor, position of the first
            query in the cache; `None` to use the cache as it is.

    Output shape:
        `(batch, ..., *output_shape)`; with `return_attention_scores` also
        `(batch, carried axes, num_heads, query's attended axes, value's
        attended axes)`; with `cache` also the updated cache, last.

    Raises:
        ValueError: If an argument is not as above, value and key differ in
            more than their features, a mask has the wrong rank, a cache
            another shape or dtype, or both flash attention and scores or
            dropout are asked for.

    Reference:
        Vaswani et al., "Attention Is All You Need", arXiv 1706.03762; Szorc,
        arXiv 2512.13480 (open question 3 on attention).

    Example:

    >>> layer = PRPMultiHeadAttention(num_heads=4, key_dim=32)
    >>> x = keras.ops.ones((2, 10, 128))
    >>> layer(x, x, use_causal_mask=True).shape
    (2, 10, 128)
    >>> sum(w.shape[0] for w in layer.trainable_weights)  # 12 * 128
    1536
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        num_key_value_heads: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        use_gate: bool = False,
        projection: FamilyLike = "gaussian",
        depth: int = 1,
        residual_rank: int = 0,
        storage: str = "dense",
        lr_multiplier: float = 10.0,
        projection_seed: int | None = None,
        implementation: str | None = None,
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
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_kernel_options(type(self), kwargs)
        super().__init__(
            num_heads,
            key_dim,
            value_dim=value_dim,
            num_key_value_heads=num_key_value_heads,
            dropout=dropout,
            use_bias=use_bias,
            output_shape=output_shape,
            attention_axes=attention_axes,
            sliding_window=sliding_window,
            flash_attention=flash_attention,
            use_gate=use_gate,
            seed=seed,
            **kwargs,
        )
        self.family = family_of(projection)
        self.projection_seed = resolve_seed(projection_seed)
        self.depth = depth
        self.residual_rank = residual_rank
        self.storage = storage
        self.lr_multiplier = lr_multiplier
        self.implementation = implementation
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.scale_initializer = initializers.get(scale_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.scale_regularizer = regularizers.get(scale_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.projection_regularizer = regularizers.get(activity_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.scale_constraint = constraints.get(scale_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        # Wrong options are told here and not when the layer is built.
        self.make_projection(1, "query")

    def make_projection(
        self, units: int, name: str, activation: Identifier | None = None
    ) -> PRPDense:
        return PRPDense(
            units,
            activation=activation,
            use_bias=self.use_bias,
            name=name,
            dtype=self.dtype_policy,
            seed=derive_seed(self.projection_seed, ROLES.index(name)),
            projection=self.family,
            activity_regularizer=self.projection_regularizer,
            **self._options(),
            **{n: getattr(self, n) for n in option_names(VECTORS)},
        )

    def _options(self):
        """Arguments of `PRPDense` that a config holds as they are."""
        return {
            "depth": self.depth,
            "residual_rank": self.residual_rank,
            "storage": self.storage,
            "lr_multiplier": self.lr_multiplier,
            "implementation": self.implementation,
        }

    def save_own_variables(self, store: Any) -> None:
        write_seed(store, "projection_seed", self.projection_seed)

    def read_own_variables(self, store: Any) -> Callable[[], None]:
        seed = read_seed(self, store, "projection_seed")
        return functools.partial(setattr, self, "projection_seed", seed)

    def get_config(self) -> Config:
        config = {
            "projection_seed": self.projection_seed,
            "projection": matrices.serialize(self.family),
            "activity_regularizer": regularizers.serialize(
                self.projection_regularizer
            ),
            **self._options(),
            **serialize_options(self, VECTORS),
        }
        return {**super().get_config(), **config}
