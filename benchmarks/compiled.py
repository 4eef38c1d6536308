"""A model's inference as each framework compiles it, on device tensors."""

import itertools

import keras
import numpy as np


def inference(model, *inputs):
    """A callable that runs the model on an input and waits for the result.

    JAX: `jax.jit`; TensorFlow: `tf.function(jit_compile=True)`; torch:
    `torch.compile`. What Keras runs by itself is `predict_on_batch`.

    Args:
        model: A built `keras.Model`.
        *inputs: NumPy arrays of one shape, which take turns.

    Returns:
        Callable without arguments.
    """
    tensors = [keras.ops.convert_to_tensor(x) for x in inputs]
    return {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[
        keras.backend.backend()
    ](model, itertools.cycle(tensors))


def ahead_of_time(model, x):
    """As `inference`, for one shape and without checks at each call.

    JAX: `lower` and `compile`; TensorFlow: a concrete function; torch:
    `torch.export` and AOTInductor, which need no Python to run.

    Args:
        model: A built `keras.Model`.
        x: NumPy array.

    Returns:
        Callable without arguments.
    """
    return {
        "jax": _jax_ahead,
        "tensorflow": _tensorflow_ahead,
        "torch": _torch_ahead,
    }[keras.backend.backend()](model, keras.ops.convert_to_tensor(x))


def _jax(model, inputs):
    call, weights = _jax_parts(model)
    return lambda: call(*weights, next(inputs)).block_until_ready()


def _jax_ahead(model, x):
    call, weights = _jax_parts(model)
    program = call.lower(*weights, x).compile()
    return lambda: program(*weights, x).block_until_ready()


def _jax_parts(model):
    import jax

    trainable = [v.value for v in model.trainable_variables]
    fixed = [v.value for v in model.non_trainable_variables]
    call = jax.jit(lambda *args: model.stateless_call(*args)[0])
    return call, (trainable, fixed)


def _tensorflow(model, inputs):
    call = _tensorflow_function(model)
    # Waits without a copy, which `numpy()` would make.
    return lambda: np.asarray(call(next(inputs)))


def _tensorflow_ahead(model, x):
    call = _tensorflow_function(model).get_concrete_function(x)
    return lambda: np.asarray(call(x))


def _tensorflow_function(model):
    import tensorflow as tf

    return tf.function(lambda x: model(x, training=False), jit_compile=True)


def _torch(model, inputs):
    import torch

    torch.compiler.reset()
    call = torch.compile(model, dynamic=False)

    def run():
        with torch.no_grad():
            return call(next(inputs), training=False)

    return run


def _torch_ahead(model, x):
    import torch
    from torch import _inductor

    program = torch.export.export(model, (x,), strict=False)
    path = _inductor.aoti_compile_and_package(program)
    call = _inductor.aoti_load_package(path)
    return lambda: call(x)
