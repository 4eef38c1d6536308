"""`keras.layers.Conv2D` with an adapter."""

import keras

from keras_randproj import kernels
from keras_randproj.adapters.adapted_layer import AdaptedLayer
from keras_randproj.adapters.sizes import Sizes
from keras_randproj.transfer.dense_view import Unsuitable


@keras.saving.register_keras_serializable("keras_randproj")
class AdaptedConv2D(AdaptedLayer, keras.layers.Conv2D):
    """A `keras.layers.Conv2D` that `attach` gave an adapter.

    Its matrix has a row for each entry of a patch, and vectors have an entry
    for each channel.
    """

    base_class = keras.layers.Conv2D

    @staticmethod
    def sizes_of(layer):
        if layer.groups != 1 or layer.data_format != "channels_last":
            raise Unsuitable(
                f"it has groups={layer.groups} and "
                f"data_format={layer.data_format!r}; one group and "
                "'channels_last' can be adapted"
            )
        height, width, channels, filters = layer.kernel.shape
        rows = height * width * channels
        return Sizes((channels,), (filters,), rows, channels)

    def multiply(self, x, matrix):
        # One kernel for all rows: `AdapterBank` refuses others.
        shape = (*self.kernel.shape[:3], matrix.shape[-1])
        return self.convolution_op(x, kernels.reshape(matrix, shape))

    def probe_shape(self):
        sizes = [
            (size - 1) * step + 1
            for size, step in zip(
                self.kernel_size, self.dilation_rate, strict=True
            )
        ]
        return (1, *sizes, *self.sizes.input_axes)

    def call(self, inputs):
        return self.adapter.apply(self, super().call, inputs)
