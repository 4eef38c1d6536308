"""How fast is self-attention whose projections are Hadamard transforms?"""

import keras
import numpy as np

from benchmarks import compiled
from benchmarks.timing import compare
from keras_randproj import PRPMultiHeadAttention

# Width, heads, length, batch.
CASES = [(512, 8, 128, 8), (1024, 16, 128, 8), (2048, 16, 128, 4)]


def rows():
    """One row a width, beside `keras.layers.MultiHeadAttention`."""
    for width, heads, length, batch in CASES:
        shape = (batch, length, width)
        x = np.random.default_rng(0).standard_normal(shape, "float32")

        def model(layer, width=width, length=length):
            inputs = keras.Input((length, width))
            return keras.Model(inputs, layer(inputs, inputs))

        key_dim = width // heads
        ours = model(
            PRPMultiHeadAttention(heads, key_dim, projection="hadamard", seed=0)
        )
        dense = model(keras.layers.MultiHeadAttention(heads, key_dim))
        yield {
            "question": f"self-attention over {length}, hadamard",
            "d": width,
            "batch": batch,
            "dtype": "float32",
            "baseline": "keras.layers.MultiHeadAttention",
            **compare(
                compiled.inference(ours, x), compiled.inference(dense, x)
            ),
        }
