"""Functions that JAX compiles whole."""

import keras


def one_program(function):
    """`function`, which JAX would otherwise compile operation by operation.

    On the other backends it is called as it is.
    """
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)
