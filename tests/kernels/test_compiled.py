"""What XLA makes of a Hadamard layer: one program, and no d x d array."""

import math
import re

import keras
import numpy as np
import pytest

from keras_randproj import PRPDense

BACKEND = keras.backend.backend()
BATCH, SIZE = 8, 256

pytestmark = pytest.mark.skipif(
    BACKEND == "torch", reason="torch does not compile with XLA"
)


def optimized(function, x):
    """The text of the program that XLA runs."""
    if BACKEND == "jax":
        import jax

        return jax.jit(function).lower(x).compile().as_text()
    import tensorflow as tf

    compiled = tf.function(function, jit_compile=True)
    return compiled.experimental_get_compiler_ir(x)(stage="optimized_hlo")


def largest_array(program):
    shapes = re.findall(r"\bf32\[([\d,]*)\]", program)
    return max(math.prod(map(int, filter(None, s.split(",")))) for s in shapes)


def gradient(layer):
    """Of the loss with respect to the input."""
    if BACKEND == "jax":
        import jax

        return jax.grad(lambda x: keras.ops.sum(layer(x) ** 2))
    import tensorflow as tf

    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = keras.ops.sum(layer(x) ** 2)
        return tape.gradient(loss, x)

    return run


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("of", ["outputs", "gradient"])
def test_no_array_is_larger_than_the_data(of, depth):
    layer = PRPDense(SIZE, projection="hadamard", depth=depth, seed=3)
    x = keras.ops.convert_to_tensor(np.ones((BATCH, SIZE), "float32"))
    layer(x)
    function = gradient(layer) if of == "gradient" else layer
    program = optimized(function, x)
    assert program.count("ENTRY") == 1
    assert largest_array(program) <= BATCH * SIZE


def test_a_stored_matrix_would_be_found():
    layer = PRPDense(SIZE, projection="gaussian", seed=3)
    x = keras.ops.convert_to_tensor(np.ones((BATCH, SIZE), "float32"))
    layer(x)
    assert largest_array(optimized(layer, x)) >= SIZE * SIZE
