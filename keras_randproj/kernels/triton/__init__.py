"""`implementation="triton"`: kernels for CUDA devices, torch's and JAX's."""

import keras

from keras_randproj.kernels.triton import requirements
from keras_randproj.kernels.triton.runs import runs as runs_of

CASTS = True


def refusals(operands, x):
    """Every reason why the kernels cannot take this call, a list."""
    return requirements.refusals(operands, x)


def modulate(operands, x, alphas, scale=None, bias=None):
    """See `kernels.modulate`; stages that fit each other share a kernel."""
    if keras.backend.backend() == "jax":
        from keras_randproj.kernels.triton import jax_calls

        return jax_calls.modulate(operands, x, alphas, scale, bias)
    # Triton is imported no earlier than a kernel is wanted.
    from keras_randproj.kernels.triton import calls

    for start, stop in runs_of(operands):
        run = slice(start, stop)
        last = stop == len(operands)
        vectors = (scale, bias) if last else (None, None)
        x = calls.modulate(operands[run], x, alphas[run], *vectors)
    return x
