"""Gradients of a function of arrays, on whichever backend is active."""

import keras
from keras import ops


def gradients(function, arrays, upstream=1.0, dtype="float32"):
    """What a function returns, and gradients of its sum with `upstream`.

    Args:
        function: Takes tensors, returns a tensor.
        arrays: NumPy arrays.
        upstream: NumPy array of the output's shape, or a number.
        dtype: What all are converted to.

    Returns:
        `(value, [gradient, ...])` as NumPy arrays.
    """
    inputs = [ops.convert_to_tensor(a, dtype) for a in arrays]
    weights = ops.convert_to_tensor(upstream, dtype)

    def weighted(*inputs):
        value = function(*inputs)
        return ops.sum(ops.cast(value * weights, "float32")), value

    value, grads = _BACKENDS[keras.backend.backend()](weighted, inputs)
    return _host(value), [_host(g) for g in grads]


def _host(tensor):
    return ops.convert_to_numpy(ops.stop_gradient(tensor))


def _jax(function, inputs):
    """In one program: each operation alone would be one more."""
    import jax

    every = tuple(range(len(inputs)))
    both = jax.value_and_grad(function, argnums=every, has_aux=True)
    (_, value), grads = jax.jit(both)(*inputs)
    return value, grads


def _tensorflow(function, inputs):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total, value = function(*inputs)
    return value, tape.gradient(total, inputs)


def _torch(function, inputs):
    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    total, value = function(*inputs)
    total.backward()
    return value, [x.grad for x in inputs]


_BACKENDS = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}
