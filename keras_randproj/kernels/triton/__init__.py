"""`implementation="triton"`: kernels for CUDA devices, torch's and JAX's."""

import keras

from keras_randproj.kernels.triton import requirements

CASTS = True


def refusals(operands, x):
    """Every reason why the kernels cannot take this call, a list."""
    found: dict = {}
    for operand in operands:
        found |= dict.fromkeys(requirements.refusals(operand, x))
    return list(found)


def modulate(operands, x, alphas, scale=None, bias=None):
    """See `kernels.modulate`; stages that fit each other share a kernel."""
    if keras.backend.backend() == "jax":
        from keras_randproj.kernels.triton import jax_calls

        return jax_calls.modulate(operands, x, alphas, scale, bias)
    # Triton is imported no earlier than a kernel is wanted.
    from keras_randproj.kernels.triton import calls
    from keras_randproj.kernels.triton.runs import runs

    for start, stop in runs(operands):
        run = slice(start, stop)
        last = stop == len(operands)
        vectors = (scale, bias) if last else (None, None)
        x = calls.modulate(operands[run], x, alphas[run], *vectors)
    return x
