"""A model's inference as each framework compiles it, on device tensors."""

import keras
import numpy as np


def inference(model, x):
    """A callable that runs the model on x and waits for the result.

    JAX: `jax.jit`; TensorFlow: `tf.function(jit_compile=True)`; torch:
    `torch.compile`. What Keras runs by itself is `predict_on_batch`.

    Args:
        model: A built `keras.Model`.
        x: NumPy array.

    Returns:
        Callable without arguments.
    """
    return {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[
        keras.backend.backend()
    ](model, keras.ops.convert_to_tensor(x))


def _jax(model, x):
    import jax

    trainable = [v.value for v in model.trainable_variables]
    fixed = [v.value for v in model.non_trainable_variables]
    call = jax.jit(lambda *args: model.stateless_call(*args)[0])
    return lambda: call(trainable, fixed, x).block_until_ready()


def _tensorflow(model, x):
    import tensorflow as tf

    call = tf.function(lambda x: model(x, training=False), jit_compile=True)
    # Waits without a copy, which `numpy()` would make.
    return lambda: np.asarray(call(x))


def _torch(model, x):
    import torch

    torch.compiler.reset()
    call = torch.compile(model, dynamic=False)

    def run():
        with torch.no_grad():
            return call(x, training=False)

    return run
