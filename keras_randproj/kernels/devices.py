"""Which implementations are tried where none is named."""

import keras

from keras_randproj.kernels.operands import SignedHadamard


def automatic(operands, x):
    """Names, fastest first; the last can always run.

    Args:
        operands: The matrices, a list of `kernels.operands`.
        x: The tensor that is multiplied.
    """
    if keras.backend.backend() == "torch":
        import torch

        if exporting():
            return ("reference",)
        if x.device.type == "cuda":
            return ("triton", "reference")
        # A compiler fuses and plans memory itself.
        if x.device.type == "cpu" and not torch.compiler.is_compiling():
            return ("torch_cpu", "reference")
    # On JAX no measurement says that the other kernels beat what XLA compiles.
    if (
        keras.backend.backend() == "jax"
        and all(isinstance(operand, SignedHadamard) for operand in operands)
        and one_jax_gpu()
    ):
        return ("triton", "reference")
    return ("reference",)


def one_jax_gpu():
    """Whether JAX computes on a GPU, and the model is not spread over some."""
    import jax

    spread = keras.distribution.distribution() is not None
    return jax.default_backend() == "gpu" and not spread


def one_cpu():
    """Whether JAX or TensorFlow has a CPU only, and the model is not spread."""
    if keras.distribution.distribution() is not None:
        return False
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() == "cpu"
    import tensorflow as tf

    accelerators = {"GPU", "TPU"}
    return not accelerators & {
        device.device_type for device in tf.config.list_physical_devices()
    }


def exporting():
    """Whether torch writes down a program that runs without us.

    That is `torch.export`, or the older `torch.jit.trace`.
    """
    if keras.backend.backend() != "torch":
        return False
    from keras_randproj.kernels import torch_export

    return torch_export.exporting()


def eager_torch():
    """Whether torch computes, and does not write a program down."""
    return keras.backend.backend() == "torch" and not exporting()


def in_dynamo():
    """Whether torch traces bytecode: to compile, or for a strict export."""
    if keras.backend.backend() != "torch":
        return False
    import torch

    return torch.compiler.is_dynamo_compiling()


def in_functorch():
    """Whether a transform of `torch.func` is under way, or could be."""
    import torch

    # No public name says so; without this one the slower way is taken.
    active = getattr(torch._C, "_are_functorch_transforms_active", None)
    return active is None or active()
