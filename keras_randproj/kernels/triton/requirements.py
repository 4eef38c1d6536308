"""Why the Triton kernels cannot take a call."""

import functools
import importlib.metadata
import importlib.util
import os
from typing import Any

import keras

from keras_randproj.kernels.devices import in_dynamo
from keras_randproj.kernels.operands import PackedMatrix
from keras_randproj.kernels.operands import SeededTiles
from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.kernels.operands import StoredMatrix

OLDEST_TRITON = (3, 4)
# bfloat16 products and asynchronous copies begin with Ampere.
OLDEST_GPU = (8, 0)
# Rows of a transform that a program can hold.
LARGEST_ORDER = 32768
# Shared memory of a program, all that compute capability 8.6 and 8.9 offer:
# `tests/kernels/test_resources.py` holds it.
SHARED_BYTES = 99 * 1024
TILES_A_SIDE = 2**32
DTYPES = ("float32", "float16", "bfloat16")
# Triton reads this when kernels are defined.
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


def refusals(operands, x):
    """Every reason, a list of strings; empty if the kernels can run."""
    backend = keras.backend.backend()
    if backend == "torch":
        found = [*VERSION_REFUSALS, *_tensor(x)]
    elif backend == "jax":
        found = [*VERSION_REFUSALS, *_jax(x)]
    else:
        return [
            f"the backend is {backend}, and Triton kernels are torch's and "
            "JAX's"
        ]
    for operand in operands:
        found += _operand(operand)
    # Stages are often refused for the same reason.
    return list(dict.fromkeys(found))


def _jax(x):
    if importlib.util.find_spec("jax_triton") is None:
        yield "jax-triton is not installed"
    platform = jax_platform()
    if platform != "gpu":
        yield f"JAX runs on {platform}, and kernels on CUDA devices"
    yield from _capability(jax_capability())
    if not all(isinstance(size, int) for size in x.shape):
        yield (
            "the kernels are compiled for the sizes of a batch. Received: an "
            f"input of symbolic shape {tuple(map(str, x.shape))}"
        )
    yield from _dtype(x.dtype)


def jax_platform():
    import jax

    return jax.default_backend()


def jax_capability():
    """That of JAX's first GPU: `(9, 0)`, the name of another maker's, or None.

    Where there is no GPU, programs may still be lowered for one.
    """
    import jax

    try:
        name = jax.devices("gpu")[0].compute_capability
    except RuntimeError:
        return None
    parts = name.split(".")
    return tuple(map(int, parts)) if "".join(parts).isdigit() else name


def _capability(found):
    if isinstance(found, str):
        yield f"the GPU is {found}, and kernels are for CUDA devices"
    elif found is not None and found < OLDEST_GPU:
        yield (
            f"the GPU has compute capability {found}, and kernels "
            f"need {OLDEST_GPU}"
        )


def _dtype(dtype):
    dtype = keras.backend.standardize_dtype(dtype)
    if dtype not in DTYPES:
        yield f"the input is {dtype}, and kernels take {', '.join(DTYPES)}"


def _version():
    """Reasons that Triton's version gives."""
    try:
        found = importlib.metadata.version("triton")
    except importlib.metadata.PackageNotFoundError:
        return ("triton is not installed",)
    version = tuple(int(part) for part in found.split(".")[:2])
    if version < OLDEST_TRITON:
        oldest = ".".join(map(str, OLDEST_TRITON))
        return (f"triton {found} is older than {oldest}",)
    return ()


# Found at import: `torch.compile` cannot trace a look at the packages.
VERSION_REFUSALS = _version()


def _tensor(x):
    # `torch.compile` cannot trace a cache; it folds these into a constant.
    look = _look if in_dynamo() else _remember
    return look(x.dtype, x.device, INTERPRETED)


def _look(dtype, device, interpreted):
    """Reasons that a tensor gives, a tuple."""
    return (*_dtype(dtype), *_device(device, interpreted))


_remember = functools.cache(_look)


def _device(device, interpreted):
    import torch

    if device.type == "cuda":
        gpu = torch.cuda.get_device_properties(device)
        yield from _capability((gpu.major, gpu.minor))
        offered = getattr(gpu, "shared_memory_per_block_optin", SHARED_BYTES)
        if offered < SHARED_BYTES:
            yield (
                f"a kernel takes up to {SHARED_BYTES} bytes of shared memory, "
                f"and the GPU offers {offered}"
            )
    elif not interpreted:
        yield (
            f"the input is on {device.type}, not on a CUDA device "
            "(TRITON_INTERPRET=1 runs kernels in Triton's interpreter)"
        )


def _operand(operand):
    if isinstance(operand, StoredMatrix):
        yield (
            "P is a dense matrix in memory, and its product is the library's "
            '(use storage="seed" or "packed", or projection="hadamard")'
        )
    elif isinstance(operand, SignedHadamard):
        order = operand.signs.shape[1]
        if order > LARGEST_ORDER:
            yield f"the transform has order {order} > {LARGEST_ORDER}"
    elif isinstance(operand, SeededTiles):
        spec: Any = operand.spec
        if spec.cols * spec.bits > 32 or max(spec.rows, spec.cols) > 64:
            yield (
                f"a row of a tile takes {spec.cols * spec.bits} bits, and "
                "kernels take a word at most"
            )
        sides = operand.rows // spec.rows, operand.cols // spec.cols
        if max(sides) >= TILES_A_SIDE:
            yield f"P has {max(sides)} tiles a side, more than {TILES_A_SIDE}"
    elif not isinstance(operand, PackedMatrix):
        yield f"kernels do not know {type(operand).__name__}"
