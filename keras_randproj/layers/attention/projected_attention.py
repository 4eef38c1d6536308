"""Multi-head attention, whatever makes its queries, keys and values."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_randproj import config as settings
from keras_randproj import divided
from keras_randproj._types import Config
from keras_randproj._types import Identifier
from keras_randproj._types import Shape
from keras_randproj._types import Tensor
from keras_randproj.arguments import integers
from keras_randproj.arguments import last_dimension
from keras_randproj.arguments import positive_integer
from keras_randproj.layers.attention import cache as attention_cache
from keras_randproj.layers.attention.layout import AttentionLayout
from keras_randproj.layers.attention.layout import check_shapes
from keras_randproj.layers.attention.mask import AttentionMask
from keras_randproj.layers.dense_holder import DenseHolder


class ProjectedAttention(DenseHolder):
    """What `keras.layers.MultiHeadAttention` does between its projections.

    A subclass says in `make_projection` what projects. Arguments, masks and
    results are those of `PRPMultiHeadAttention`, where they are described.
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
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = positive_integer("num_heads", num_heads)
        self.key_dim = positive_integer("key_dim", key_dim)
        self.value_dim = positive_integer(
            "value_dim", key_dim if value_dim is None else value_dim
        )
        self.num_key_value_heads = positive_integer(
            "num_key_value_heads",
            num_heads if num_key_value_heads is None else num_key_value_heads,
        )
        if self.num_heads % self.num_key_value_heads:
            raise ValueError(
                "`num_heads` must be a multiple of `num_key_value_heads`. "
                f"Received: num_heads={num_heads}, "
                f"num_key_value_heads={num_key_value_heads}"
            )
        self.dropout = float(dropout)
        self.use_bias = bool(use_bias)
        self.out_shape = _positive_integers("output_shape", output_shape)
        self.attention_axes = integers("attention_axes", attention_axes)
        self.sliding_window = (
            None
            if sliding_window is None
            else positive_integer("sliding_window", sliding_window)
        )
        self.flash_attention = flash_attention
        self.use_gate = bool(use_gate)
        self.seed = seed
        if self.dropout > 0 and self._flash():
            raise ValueError(
                "Dropout cannot be used with flash attention. Received: "
                f"dropout={dropout}, flash_attention={flash_attention}"
            )
        self.query: Any = None
        self.key: Any = None
        self.value: Any = None
        self.gate: Any = None
        self.attention_output: Any = None
        self._softmax = keras.layers.Softmax(dtype=self.dtype_policy)
        self._dropout = keras.layers.Dropout(
            self.dropout, dtype=self.dtype_policy, seed=seed
        )
        self.supports_masking = True

    def make_projection(
        self, units: int, name: str, activation: Identifier | None = None
    ) -> keras.layers.Layer:
        """A layer from the last axis to `units` features, not built.

        Args:
            units: Positive integer.
            name: `"query"`, `"key"`, `"value"`, `"gate"` or
                `"attention_output"`.
            activation: Name of an activation, or `None`.

        Returns:
            A Keras layer.
        """
        raise NotImplementedError

    def build(
        self,
        query_shape: Shape,
        value_shape: Shape,
        key_shape: Shape | None = None,
    ) -> None:
        key_shape = check_shapes(query_shape, value_shape, key_shape)
        self._layout = AttentionLayout(len(query_shape), self.attention_axes)
        groups = self.num_key_value_heads
        heads_width = self.num_heads * self.value_dim
        query_dim, key_dim, value_dim = (
            last_dimension(self, shape)
            for shape in (query_shape, key_shape, value_shape)
        )
        outputs = self.out_shape or (query_dim,)
        for shape in (
            (query_dim, self.num_heads * self.key_dim),
            (key_dim, groups * self.key_dim),
            (value_dim, groups * self.value_dim),
            (heads_width, math.prod(outputs)),
        ):
            settings.check_elements(shape, f"Layer '{self.name}'")
        self._say_what_is_divided()
        self.query = self.make_projection(
            self.num_heads * self.key_dim, "query"
        )
        self.query.build(query_shape)
        self.key = self.make_projection(groups * self.key_dim, "key")
        self.key.build(key_shape)
        self.value = self.make_projection(groups * self.value_dim, "value")
        self.value.build(value_shape)
        if self.use_gate:
            self.gate = self.make_projection(heads_width, "gate", "sigmoid")
            self.gate.build(query_shape)
        self.attention_output = self.make_projection(
            math.prod(outputs), "attention_output"
        )
        self.attention_output.build((*query_shape[:-1], heads_width))
        self._freeze_parts()

    def _say_what_is_divided(self):
        for role in ("query", "key", "value", "gate"):
            divided.by_columns(self, f"{role}/kernel")
        for matrix in ("kernel", "projection/matrix"):
            divided.by_rows(self, f"attention_output/{matrix}")

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
        cache: Tensor | None = None,
        cache_update_index: Tensor | None = None,
    ) -> Any:
        if return_attention_scores and self._flash():
            raise ValueError(
                "Attention scores cannot be returned with flash attention. "
                "Received: return_attention_scores=True, "
                f"flash_attention={self.flash_attention}"
            )
        cache, cache_update_index = attention_cache.tensors(
            self, cache, cache_update_index
        )
        attention_cache.check(self, cache, cache_update_index)
        q = self._heads(self.query(query), self.num_heads)
        k, v, cache = self._keys_and_values(
            value, key, cache, cache_update_index
        )
        mask = AttentionMask(
            self._layout, self.sliding_window, cache_update_index
        )
        mask.add_pairs(attention_mask, query, value)
        mask.add_queries("query_mask", query_mask, query)
        mask.add_keys("value_mask", value_mask, value)
        mask.add_keys("key_mask", key_mask, value)
        if use_causal_mask:
            mask.add_causal()
        y, scores = self._attend(
            q, k, v, mask, return_attention_scores, training
        )
        y = self._layout.split(y, query)
        if self.gate is not None:
            y = y * self.gate(query)
        y = self.attention_output(y)
        if self.out_shape and len(self.out_shape) > 1:
            y = ops.reshape(y, (*ops.shape(y)[:-1], *self.out_shape))
        results = [y]
        if return_attention_scores:
            results.append(self._layout.split_scores(scores, query, value))
        if cache is not None:
            results.append(cache)
        return results[0] if len(results) == 1 else tuple(results)

    def _heads(self, x, count):
        """Features to heads, and the attended axes to one."""
        width = x.shape[-1] // count
        x = ops.reshape(x, (*ops.shape(x)[:-1], count, width))
        return self._layout.merge(x)

    def _keys_and_values(self, value, key, cache, index):
        if cache is not None and index is None:
            return cache[:, 0], cache[:, 1], cache
        groups = self.num_key_value_heads
        k = self._heads(self.key(value if key is None else key), groups)
        v = self._heads(self.value(value), groups)
        if cache is None:
            return k, v, None
        cache = attention_cache.updated(cache, index, k, v)
        return cache[:, 0], cache[:, 1], cache

    def _attend(self, q, k, v, mask, return_scores, training):
        """`(rows, T, heads * value_dim)` and the scores, if asked for."""
        repeats = self.num_heads // self.num_key_value_heads
        if repeats > 1:
            k = ops.repeat(k, repeats, axis=2)
            v = ops.repeat(v, repeats, axis=2)
        # Fused attention on JAX takes keys and values of one width only.
        widths_differ = self.key_dim != self.value_dim
        if return_scores or self.dropout > 0 or widths_differ:
            y, scores = self._explicit(q, k, v, mask.dense(q, k), training)
        else:
            scores = None
            y = ops.dot_product_attention(
                q,
                k,
                v,
                mask=None if mask.only_causal else mask.dense(q, k),
                scale=1 / math.sqrt(self.key_dim),
                is_causal=mask.only_causal,
                flash_attention=self._flash() or None,
            )
        width = self.num_heads * self.value_dim
        return ops.reshape(y, (*ops.shape(y)[:2], width)), scores

    def _explicit(self, q, k, v, mask, training):
        """Attention whose scores exist, for dropout and for the caller."""
        q = q * ops.cast(1 / math.sqrt(self.key_dim), q.dtype)
        scores = ops.einsum("btnd,bsnd->bnts", q, k)
        scores = self._softmax(scores, mask=mask)
        kept = self._dropout(scores, training=training)
        return ops.einsum("bnts,bsnd->btnd", kept, v), scores

    def make_cache(self, batch_size: int, length: int) -> Tensor:
        """An empty cache of keys and values, for decoding.

        Args:
            batch_size: Positive integer.
            length: Positive integer, the longest sequence it can hold.

        Returns:
            Tensor `(batch_size, 2, length, num_key_value_heads, key_dim)` of
            zeros, in the compute dtype.
        """
        shape = attention_cache.shape(self, length)
        return ops.zeros((batch_size, *shape), dtype=self.compute_dtype)

    @property
    def attends_over_one_axis(self) -> bool:
        """Whether inputs are `(batch, length, features)`."""
        return self._layout.plain

    def _flash(self):
        if self.flash_attention is None:
            return bool(keras.config.is_flash_attention_enabled())
        return bool(self.flash_attention)

    def compute_output_shape(
        self,
        query_shape: Shape,
        value_shape: Shape,
        key_shape: Shape | None = None,
    ) -> Shape:
        check_shapes(query_shape, value_shape, key_shape)
        outputs = self.out_shape or (query_shape[-1],)
        return (*tuple(query_shape)[:-1], *outputs)

    def compute_output_spec(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
        cache: Tensor | None = None,
        cache_update_index: Tensor | None = None,
    ) -> Any:
        key_shape = None if key is None else key.shape
        cache, _ = attention_cache.tensors(self, cache)
        dtype = self.compute_dtype
        shape = self.compute_output_shape(query.shape, value.shape, key_shape)
        results = [keras.KerasTensor(shape, dtype=dtype)]
        if return_attention_scores:
            layout = AttentionLayout(len(query.shape), self.attention_axes)
            scores = layout.scores_shape(
                query.shape, value.shape, self.num_heads
            )
            if cache is not None:
                scores = (*scores[:-1], cache.shape[2])
            results.append(keras.KerasTensor(scores, dtype=dtype))
        if cache is not None:
            results.append(keras.KerasTensor(cache.shape, dtype=dtype))
        return results[0] if len(results) == 1 else tuple(results)

    def get_config(self) -> Config:
        config = {
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "num_key_value_heads": self.num_key_value_heads,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "output_shape": self.out_shape,
            "attention_axes": self.attention_axes,
            "sliding_window": self.sliding_window,
            "flash_attention": self.flash_attention,
            "use_gate": self.use_gate,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}


def _positive_integers(name, value):
    found = integers(name, value)
    return found and tuple(positive_integer(name, size) for size in found)
