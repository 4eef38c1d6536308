"""The product with blocks as a primitive of JAX that is linear in x.

JAX differentiates no loop in bounded memory, a `custom_vjp` has no forward
mode, and `linear_call` no `vmap`.
"""

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad
from jax.interpreters import batching
from jax.interpreters import mlir

from keras_randproj.kernels.reference import blockwise


def multiply(blocks, x, array):
    """`blockwise.product`, differentiable by x."""
    return product_p.bind(x, array, blocks=blocks)


def _product(x, array, *, blocks):
    return blockwise.product(blocks, x, array)


def _shape(x, array, *, blocks):
    return x.update(shape=(x.shape[0], blocks.output_dim), weak_type=False)


def _jvp(primals, tangents, *, blocks):
    x, array = primals
    y = multiply(blocks, x, array)
    if isinstance(tangents[0], ad.Zero):
        return y, ad.Zero.from_primal_value(y)
    return y, multiply(blocks, tangents[0], array)


def _transpose(upstream, x, array, *, blocks):
    if isinstance(upstream, ad.Zero):
        return ad.Zero(x.aval), None
    return multiply(blocks.transpose(), upstream, array), None


def _vmap(inputs, axes, *, blocks):
    """A mapped axis of x joins its rows; mapped matrices take turns."""
    x, array = inputs
    if axes[1] is None:
        x = jnp.moveaxis(x, axes[0], 0)
        y = multiply(blocks, x.reshape(-1, blocks.input_dim), array)
        return y.reshape(*x.shape[:-1], blocks.output_dim), 0
    array = jnp.moveaxis(array, axes[1], 0)
    if axes[0] is None:
        y = jax.lax.map(lambda a: multiply(blocks, x, a), array)
    else:
        x = jnp.moveaxis(x, axes[0], 0)
        y = jax.lax.map(lambda pair: multiply(blocks, *pair), (x, array))
    return y, 0


product_p = Primitive("keras_randproj_blocks")
product_p.def_impl(jax.jit(_product, static_argnames="blocks"))
product_p.def_abstract_eval(_shape)
ad.primitive_jvps[product_p] = _jvp
ad.primitive_transposes[product_p] = _transpose
batching.primitive_batchers[product_p] = _vmap
mlir.register_lowering(
    product_p, mlir.lower_fun(_product, multiple_results=False)
)
