"""The product with blocks as a function that TensorFlow differentiates."""

import tensorflow as tf

from keras_randproj.kernels.reference import blockwise


def multiply(blocks, x, array):
    """`blockwise.product`, differentiable by x."""

    @tf.custom_gradient
    def product(x, array):
        def gradient(upstream):
            return multiply(blocks.transpose(), upstream, array), None

        # Second derivatives and forward mode would differentiate the loop too.
        return blockwise.product(blocks, tf.stop_gradient(x), array), gradient

    return product(x, array)
