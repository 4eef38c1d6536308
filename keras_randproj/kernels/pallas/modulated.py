"""A fused product with its gradients, to any order."""

import functools

import jax
import jax.numpy as jnp


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def modulated(product, x, alpha, scale, bias, first, second):
    """`scale * product(alpha * x) + bias`.

    Args:
        product: A `SeededProduct` or `HadamardProduct`, hashable.
        x: `(batch, inputs)`.
        alpha: `(inputs,)`.
        scale: `(outputs,)`.
        bias: `(outputs,)`.
        first: The product's first array; no gradient reaches it.
        second: Its second array, or `None`.

    Returns:
        `(batch, outputs)` of x's dtype.
    """
    vectors = (v.astype("float32") for v in (alpha, scale, bias))
    return product(x, *vectors, first, second)


def _forward(product, x, alpha, scale, bias, first, second):
    y = modulated(product, x, alpha, scale, bias, first, second)
    return y, (x, alpha, scale, bias, first, second)


def _backward(product, saved, upstream):
    x, alpha, scale, bias, *arrays = saved
    back = modulated(
        product.transpose(),
        upstream,
        scale,
        jnp.ones_like(alpha),
        jnp.zeros_like(alpha),
        *arrays,
    )
    ahead = modulated(
        product, x, alpha, jnp.ones_like(scale), jnp.zeros_like(bias), *arrays
    )
    return (
        (back * alpha).astype(x.dtype),
        _over_batch(back, x).astype(alpha.dtype),
        _over_batch(ahead, upstream).astype(scale.dtype),
        upstream.astype("float32").sum(0).astype(bias.dtype),
        None,
        None,
    )


def _over_batch(a, b):
    """The sum of products over the batch, in float32."""
    return (a.astype("float32") * b.astype("float32")).sum(0)


modulated.defvjp(_forward, _backward)
