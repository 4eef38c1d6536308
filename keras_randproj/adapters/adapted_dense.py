"""`keras.layers.Dense` with an adapter."""

import keras

from keras_randproj import kernels
from keras_randproj.adapters.adapted_layer import AdaptedLayer
from keras_randproj.adapters.sizes import Sizes


@keras.saving.register_keras_serializable("keras_randproj")
class AdaptedDense(AdaptedLayer, keras.layers.Dense):
    """A `keras.layers.Dense` that `attach` gave an adapter."""

    base_class = keras.layers.Dense

    @staticmethod
    def sizes_of(layer):
        rows = layer.input_spec.axes[-1]
        return Sizes((rows,), (layer.units,), rows, rows)

    def probe_shape(self):
        return (1, *self.sizes.input_axes)

    def call(self, inputs, training=None):
        return self.adapter.apply(self, self._product, inputs, biased=False)

    def _product(self, inputs):
        return kernels.product(inputs, self.kernel, self.product_scratch)

    def quantized_call(self, inputs, training=None):
        return self.adapter.apply(
            self, super().quantized_call, inputs, training=training
        )
