"""A layer whose matrix is two block-diagonal ones, permuted between."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("experiments")
class Monarch(keras.layers.Layer):
    """A Monarch layer: `blocks` blocks, then `inner` blocks across them.

    Args:
        units: Integer, a multiple of `inner`.
        blocks: Integer that divides the inputs' last axis.
        inner: Integer, outputs of a block of the first matrix.
        activation: Name of an activation.
        **kwargs: Arguments of `keras.layers.Layer`.

    Reference:
        Dao et al., "Monarch: Expressive Structured Matrices for Efficient and
        Accurate Training", ICML 2022.
    """

    def __init__(self, units, blocks, inner, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.blocks, self.inner = units, blocks, inner
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        each = input_shape[-1] // self.blocks
        shapes = (
            ("first", (self.blocks, each, self.inner)),
            ("second", (self.inner, self.blocks, self.units // self.inner)),
        )
        for name, shape in shapes:
            # Of the last two axes, as of a matrix.
            deviation = (2 / (shape[1] + shape[2])) ** 0.5
            start = keras.initializers.RandomNormal(stddev=deviation)
            setattr(self, name, self.add_weight(shape, start, name=name))
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def call(self, inputs):
        before = ops.shape(inputs)[:-1]
        x = ops.reshape(inputs, (*before, self.blocks, self.first.shape[1]))
        x = ops.einsum("...ki,kij->...jk", x, self.first)
        x = ops.einsum("...jk,jko->...jo", x, self.second)
        x = ops.reshape(x, (*before, self.units))
        return self.activation(x + self.bias)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        config = {
            "units": self.units,
            "blocks": self.blocks,
            "inner": self.inner,
            "activation": keras.activations.serialize(self.activation),
        }
        return {**super().get_config(), **config}
