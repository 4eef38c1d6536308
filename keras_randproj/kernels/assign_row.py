"""Overwriting one row of a weight in place, whatever the size of the rest."""

import functools

import keras


def assign_row(variable, index, value):
    """Puts a value into a row of a Keras variable, without a copy of it.

    Keras has no such operation: its own make a new array of the whole.

    Args:
        variable: A `keras.Variable`.
        index: Integer, a row.
        value: NumPy array of the row's shape.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        with torch.no_grad():
            row = keras.ops.convert_to_tensor(value, variable.dtype)
            variable.value[index] = row
    elif backend == "tensorflow":
        variable.value[index].assign(
            keras.ops.convert_to_tensor(value, variable.dtype)
        )
    else:
        variable.assign(_jax_update()(variable.value, index, value))


@functools.cache
def _jax_update():
    import jax

    def update(array, index, value):
        return array.at[index].set(value.astype(array.dtype))

    return jax.jit(update, donate_argnums=0)
