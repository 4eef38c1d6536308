"""The attention that PRPTransformerBlock has with `attention="dense"`."""

import keras

from keras_randproj.layers.attention.projected_attention import (
    ProjectedAttention,
)


@keras.saving.register_keras_serializable("keras_randproj")
class DenseAttention(ProjectedAttention):
    """`keras.layers.MultiHeadAttention` with a cache and grouped heads.

    Its projections are `keras.layers.Dense`, so that a block with trained
    matrices differs from one with random ones in nothing else. Arguments are
    those of `PRPMultiHeadAttention` that do not speak of its matrices.
    """

    def make_projection(self, units, name, activation=None):
        return keras.layers.Dense(
            units,
            activation=activation,
            use_bias=self.use_bias,
            dtype=self.dtype_policy,
            name=name,
        )
