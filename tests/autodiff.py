"""Gradients of a function of arrays, on whichever backend is active."""

import keras
import numpy as np


def gradients(function, arrays, dtype="float32"):
    """The value of a scalar function and its gradient by each array.

    Args:
        function: Takes tensors, returns a scalar tensor.
        arrays: NumPy arrays.
        dtype: What they are converted to.

    Returns:
        `(value, [gradient, ...])` as NumPy arrays.
    """
    inputs = [keras.ops.convert_to_tensor(a, dtype) for a in arrays]
    value, grads = _BACKENDS[keras.backend.backend()](function, inputs)
    return np.asarray(_host(value)), [_host(g) for g in grads]


def _host(tensor):
    return keras.ops.convert_to_numpy(keras.ops.stop_gradient(tensor))


def _jax(function, inputs):
    import jax

    every = tuple(range(len(inputs)))
    return jax.jit(jax.value_and_grad(function, argnums=every))(*inputs)


def _tensorflow(function, inputs):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = function(*inputs)
    return value, tape.gradient(value, inputs)


def _torch(function, inputs):
    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    value = function(*inputs)
    value.backward()
    return value, [x.grad for x in inputs]


_BACKENDS = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}
