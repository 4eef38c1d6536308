"""Why the Pallas kernels cannot take a call."""

import os
from typing import Any

import keras

from keras_randproj.kernels.operands import SeededTiles
from keras_randproj.kernels.operands import SignedHadamard

INTERPRET_VARIABLE = "KERAS_RANDPROJ_PALLAS_INTERPRET"
DTYPES = ("float32", "float16", "bfloat16")
LARGEST_ORDER = 32768
TILES_A_SIDE = 2**32


def interpreted():
    """Whether kernels run in Pallas's interpreter, which must be asked for."""
    return os.environ.get(INTERPRET_VARIABLE) == "1"


def refusals(operand, x):
    """Every reason, a list of strings; empty if the kernels can run."""
    if keras.backend.backend() != "jax":
        return [
            "the backend is "
            f"{keras.backend.backend()}, and Pallas kernels are JAX's"
        ]
    return [*_device(), *_tensor(x), *_operand(operand)]


def _device():
    import jax

    platform = jax.default_backend()
    if platform == "cpu" and not interpreted():
        yield (
            f"JAX runs on cpu ({INTERPRET_VARIABLE}=1 runs kernels in the "
            "interpreter)"
        )


def _tensor(x):
    dtype = keras.backend.standardize_dtype(x.dtype)
    if dtype not in DTYPES:
        yield f"the input is {dtype}, and kernels take {', '.join(DTYPES)}"


def _operand(operand):
    if isinstance(operand, SignedHadamard):
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
    else:
        yield (
            f"kernels take no {type(operand).__name__} "
            '(use storage="seed" or projection="hadamard")'
        )
