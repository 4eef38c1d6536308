"""The product with blocks as a function that TensorFlow differentiates."""

import tensorflow as tf

from keras_randproj.kernels.reference import blockwise

# What the message of forward mode inside a `tf.function` says.
UNSUPPORTED = (
    'Forward mode of storage="seed" and "packed" is for eager execution: a '
    "tf.function would differentiate the loop over blocks. Call the "
    'ForwardAccumulator outside of it, or use storage="dense".'
)


def multiply(blocks, x, array):
    """`blockwise.product`, differentiable by x."""

    @tf.custom_gradient
    def product(x, array):
        def gradient(upstream):
            return multiply(blocks.transpose(), upstream, array), None

        return blockwise.product(blocks, _cut(x), array), gradient

    return product(x, array)


def _cut(x):
    """x out of sight of what would differentiate the loop.

    Those are second derivatives, and forward mode: eagerly it takes the
    gradient's rule, but in a graph the operations, and a tangent of zero.
    """
    if not tf.executing_eagerly():
        x = tf.raw_ops.PreventGradient(input=x, message=UNSUPPORTED)
    return tf.stop_gradient(x)
