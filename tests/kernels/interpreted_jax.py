"""Triton's interpreter in the place of a GPU, for kernels called from JAX."""

import jax
import numpy as np
import torch

from keras_randproj.kernels.triton import jax_hadamard
from keras_randproj.kernels.triton import jax_launch
from keras_randproj.kernels.triton import jax_product
from keras_randproj.kernels.triton import requirements


def launch(kernel, grid, arrays, shapes, options, arguments):
    """`jax_launch.launch`, which calls the host for every launch."""

    def run(*arrays):
        given = [_tensor(np.asarray(array)) for array in arrays]
        # What a kernel does not write stays what no sum survives.
        made = [
            _tensor(np.full(shape.shape, fill(shape.dtype), shape.dtype))
            for shape in shapes
        ]
        kernel[grid](*given, *made, **arguments)
        return [
            _array(tensor, shape.dtype)
            for tensor, shape in zip(made, shapes, strict=True)
        ]

    return jax.pure_callback(run, shapes, *arrays)


def fill(dtype):
    return np.nan if jax.numpy.issubdtype(dtype, np.floating) else -1


def _tensor(array):
    """torch and NumPy have no common bfloat16."""
    array = np.array(array)
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view("int16")).view(torch.bfloat16)
    return torch.from_numpy(array)


def _array(tensor, dtype):
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.int16)
    return tensor.numpy().view(dtype)


def stand_in(monkeypatch):
    """Puts the interpreter where kernels called from JAX would be launched."""
    monkeypatch.setattr(requirements, "jax_platform", lambda: "gpu")
    # Enough for sums to be split, and programs to take several rows.
    monkeypatch.setattr(jax_launch, "PROCESSORS", 2)
    for module in (jax_hadamard, jax_product):
        monkeypatch.setattr(module, "launch", launch)
