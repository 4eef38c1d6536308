"""Layers that are dense layers up to the shape of their axes."""

import math

import keras
from keras import ops


class Unsuitable(Exception):
    """Says why a layer cannot be replaced."""


@keras.saving.register_keras_serializable("keras_randproj")
class AxesAdapter(keras.layers.Layer):
    """Lets a layer on one axis stand for an `EinsumDense` on several.

    Args:
        layer: Layer from the flattened input axes to flattened outputs.
        input_axes: Positive integer, how many last axes are contracted.
        output_axes: Tuple of integers, the shape of an output.

    Input shape:
        `(batch, ..., *input_axes)`.

    Output shape:
        `(batch, ..., *output_axes)`.
    """

    def __init__(self, layer, input_axes, output_axes, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer
        self.input_axes = input_axes
        self.output_axes = tuple(output_axes)
        self.supports_masking = True

    def build(self, input_shape):
        if not self.layer.built:
            width = math.prod(input_shape[-self.input_axes :])
            self.layer.build((None, width))

    def call(self, inputs):
        shape = ops.shape(inputs)
        lead = shape[: len(shape) - self.input_axes]
        width = math.prod(inputs.shape[-self.input_axes :])
        y = self.layer(ops.reshape(inputs, (*lead, width)))
        return ops.reshape(y, (*lead, *self.output_axes))

    def compute_output_shape(self, input_shape):
        return (*input_shape[: -self.input_axes], *self.output_axes)

    def get_config(self):
        config = {
            "layer": keras.saving.serialize_keras_object(self.layer),
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})


def dense_view(layer):
    """A dense layer with a layer's weights, and how to adapt what replaces it.

    Args:
        layer: A `Dense` or `EinsumDense`.

    Returns:
        A built `Dense` and a function that fits a layer on one axis into the
        place of `layer`.

    Raises:
        Unsuitable: If the layer is neither, not built, or contracts axes that
            are not its last.
    """
    kind = type(layer)
    if kind not in (keras.layers.Dense, keras.layers.EinsumDense):
        raise Unsuitable(f"a {kind.__name__} is no Dense or EinsumDense")
    if not layer.built:
        raise Unsuitable("it is not built")
    if getattr(layer, "quantization_mode", None):
        raise Unsuitable("it is quantized")
    if kind is keras.layers.Dense:
        return layer, lambda new: new
    inputs = _contracted_axes(layer)
    shape = tuple(layer.kernel.shape)
    input_axes, output_axes = shape[:inputs], shape[inputs:]
    dense = keras.layers.Dense(
        math.prod(output_axes),
        activation=layer.activation,
        use_bias=layer.bias is not None,
        name=layer.name,
        dtype=layer.dtype_policy,
    )
    dense.build((None, math.prod(input_axes)))
    dense.kernel.assign(ops.reshape(layer.kernel, dense.kernel.shape))
    if layer.bias is not None:
        dense.bias.assign(ops.reshape(layer.bias, dense.bias.shape))
    if len(input_axes) == len(output_axes) == 1:
        return dense, lambda new: new

    def adapt(new):
        return AxesAdapter(new, inputs, output_axes, name=layer.name)

    return dense, adapt


def _contracted_axes(layer):
    """How many last axes of the input the kernel contracts."""
    left, output = layer.equation.replace("...", "").split("->")
    source, kernel = left.split(",")
    contracted = "".join(axis for axis in kernel if axis not in output)
    made = "".join(axis for axis in kernel if axis in output)
    batch = source[: len(source) - len(contracted)]
    if (
        kernel != contracted + made
        or source != batch + contracted
        or output != batch + made
        or not contracted
        or not made
        or set(batch) & set(kernel)
    ):
        raise Unsuitable(
            f"'{layer.equation}' does not map last axes to last axes"
        )
    if layer.bias is not None and tuple(layer.bias.shape) != tuple(
        layer.kernel.shape[len(contracted) :]
    ):
        raise Unsuitable("its bias does not cover all output axes")
    return len(contracted)
