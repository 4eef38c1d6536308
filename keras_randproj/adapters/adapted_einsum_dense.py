"""`keras.layers.EinsumDense` with an adapter."""

import math

import keras
from keras import ops

from keras_randproj import kernels
from keras_randproj.adapters.adapted_layer import AdaptedLayer
from keras_randproj.adapters.sizes import Sizes
from keras_randproj.transfer.dense_view import contracted_axes


@keras.saving.register_keras_serializable("keras_randproj")
class AdaptedEinsumDense(AdaptedLayer, keras.layers.EinsumDense):
    """A `keras.layers.EinsumDense` that `attach` gave an adapter.

    The kernel maps last axes of the input to last axes of the output, as
    those of attention do.
    """

    base_class = keras.layers.EinsumDense

    @staticmethod
    def sizes_of(layer):
        inputs = contracted_axes(layer)
        shape = tuple(layer.kernel.shape)
        rows = math.prod(shape[:inputs])
        return Sizes(shape[:inputs], shape[inputs:], rows, rows)

    def probe_shape(self):
        equation = self.equation.replace("...", "")
        axes = len(equation.split(",")[0])
        return (
            *[1] * (axes - len(self.sizes.input_axes)),
            *self.sizes.input_axes,
        )

    def call(self, inputs, training=None):
        # Attention's outputs lie in pieces: they are put together once.
        whole = kernels.reshape(self.flat_input(inputs), ops.shape(inputs))
        return self.adapter.apply(self, self._product, whole, biased=False)

    def _product(self, inputs):
        matrix = kernels.reshape(self.kernel, self.matrix_shape)
        x = self.flat_input(inputs)
        return self.output_axes_of(
            kernels.product(x, matrix, self.product_scratch)
        )

    def quantized_call(self, inputs, training=None):
        return self.adapter.apply(
            self, super().quantized_call, inputs, training=training
        )
