"""`keras.layers.Embedding` with an adapter."""

import keras
from keras import ops

from keras_randproj.adapters.adapted_layer import AdaptedLayer
from keras_randproj.adapters.sizes import Sizes


@keras.saving.register_keras_serializable("keras_randproj")
class AdaptedEmbedding(AdaptedLayer, keras.layers.Embedding):
    """A `keras.layers.Embedding` that `attach` gave an adapter.

    Its matrix has a row for each index; there is no input to scale.
    """

    base_class = keras.layers.Embedding

    @staticmethod
    def sizes_of(layer):
        return Sizes(
            (layer.input_dim,), (layer.output_dim,), layer.input_dim, 0
        )

    def multiply(self, x, matrix):
        return ops.take(matrix, ops.cast(x, "int32"), axis=0)

    def probe_shape(self):
        return (1, 8)

    def call(self, inputs):
        return self.adapter.apply(self, super().call, inputs)

    def quantized_call(self, inputs):
        return self.adapter.apply(self, super().quantized_call, inputs)
