"""What each layer computes, in NumPy and float64.

Matrices come from `projection.materialize()`, everything else from the
definitions.
"""

import itertools

import keras
import numpy as np


def array(weight):
    value = keras.ops.cast(weight, "float32")
    return keras.ops.convert_to_numpy(value).astype("float64")


def prp(layer, x):
    """`PRPDense` without an activation."""
    alphas = [layer.alpha, *layer.inner_alphas]
    y = x
    for projection, alpha in zip(layer.projections, alphas, strict=True):
        y = (y * array(alpha) * layer.lr_multiplier) @ projection.materialize()
    y = y * array(layer.scale) * layer.lr_multiplier
    if layer.use_bias:
        y = y + array(layer.bias)
    if layer.residual_rank:
        y = y + x @ array(layer.residual_a) @ array(layer.residual_b)
    return y


def eugen(layer, x):
    """`EUGenDense` with shared projections and no activations."""
    features = layer.features
    if features.norm_feature:
        norm = np.linalg.norm(x, axis=-1, keepdims=True)
        x = np.concatenate([x, np.maximum(norm, 1e-6)], -1)
    factors = [x @ g for g in features.matrices(x.shape[-1])]
    blocks = itertools.accumulate(factors, lambda a, b: a * b)
    y = np.concatenate(list(blocks), -1) @ array(layer.kernel)
    return y + array(layer.bias) if layer.use_bias else y


def attention(layer, x, causal=False):
    """`PRPMultiHeadAttention` of `(batch, length, features)` to itself."""
    groups = layer.num_heads // layer.num_key_value_heads
    query = _heads(prp(layer.query, x), layer.num_heads)
    key, value = (
        np.repeat(_heads(prp(part, x), layer.num_key_value_heads), groups, 1)
        for part in (layer.key, layer.value)
    )
    scores = query @ key.swapaxes(-1, -2) / layer.key_dim**0.5
    if causal:
        later = np.triu(np.ones(scores.shape[-2:], bool), 1)
        scores = np.where(later, -np.inf, scores)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    heads = (weights @ value).swapaxes(1, 2)
    return prp(layer.attention_output, heads.reshape(*x.shape[:2], -1))


def _heads(x, count):
    return x.reshape(*x.shape[:2], count, -1).swapaxes(1, 2)


def block(layer, x):
    """`PRPTransformerBlock` of PRP parts with a relu."""
    first, second = (
        lambda y, norm=norm: _layer_norm(norm, y)
        for norm in (layer.attention_norm, layer.feed_forward_norm)
    )

    def attend(y):
        return attention(layer.attention, y, layer.causal)

    def feed(y):
        parts = layer.feed_forward
        inner = prp(parts.intermediate, y)
        if parts.gate is None:
            inner = np.maximum(inner, 0)
        else:
            inner = inner * np.maximum(prp(parts.gate, y), 0)
        return prp(parts.output_layer, inner)

    if layer.norm_first:
        x = x + attend(first(x))
        return x + feed(second(x))
    x = first(x + attend(x))
    return second(x + feed(x))


def _layer_norm(norm, x):
    centred = x - x.mean(-1, keepdims=True)
    size = np.sqrt((centred**2).mean(-1, keepdims=True) + norm.epsilon)
    return centred / size * array(norm.gamma) + array(norm.beta)
