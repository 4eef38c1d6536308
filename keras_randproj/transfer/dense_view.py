"""Layers that are dense layers up to the shape of their axes."""

import math

import keras
from keras import ops

from keras_randproj.layers import AxesAdapter

# Layers that can be a product with one matrix.
DENSE = (
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
)


class Unsuitable(Exception):
    """Says why a layer cannot be replaced."""


def dense_view(layer):
    """A dense layer with a layer's weights, and how to adapt what replaces it.

    Args:
        layer: A `Dense`, `EinsumDense`, or convolution of kernel size 1.

    Returns:
        A built `Dense` and a function that fits a layer on one axis into the
        place of `layer`.

    Raises:
        Unsuitable: If the layer is neither, not built, or contracts axes that
            are not its last.
    """
    kind = type(layer)
    if kind not in DENSE:
        raise Unsuitable(
            f"a {kind.__name__} is no Dense, EinsumDense or convolution"
        )
    if not layer.built:
        raise Unsuitable("it is not built")
    if getattr(layer, "quantization_mode", None):
        raise Unsuitable("it is quantized")
    if kind is keras.layers.Dense:
        return layer, lambda new: new
    if kind is not keras.layers.EinsumDense:
        return _of_convolution(layer), lambda new: new
    inputs = contracted_axes(layer)
    shape = tuple(layer.kernel.shape)
    input_axes, output_axes = shape[:inputs], shape[inputs:]
    dense = _dense(layer, math.prod(input_axes), math.prod(output_axes))
    if len(input_axes) == len(output_axes) == 1:
        return dense, lambda new: new

    def adapt(new):
        return AxesAdapter(new, inputs, output_axes, name=layer.name)

    return dense, adapt


def _dense(layer, input_dim, units):
    """A Dense with the weights of a layer, which are one matrix."""
    dense = keras.layers.Dense(
        units,
        activation=layer.activation,
        use_bias=layer.bias is not None,
        name=layer.name,
        dtype=layer.dtype_policy,
    )
    dense.build((None, input_dim))
    dense.kernel.assign(ops.reshape(layer.kernel, dense.kernel.shape))
    if layer.bias is not None:
        dense.bias.assign(ops.reshape(layer.bias, dense.bias.shape))
    return dense


def _of_convolution(layer):
    """The Dense that a convolution is which looks at one place at a time."""
    alone = {*layer.kernel_size, *layer.strides} == {1}
    if not alone or layer.groups != 1:
        raise Unsuitable(
            "only convolutions of kernel size, stride and groups 1 are dense "
            "layers"
        )
    if layer.data_format != "channels_last":
        raise Unsuitable(f"its data format is {layer.data_format!r}")
    return _dense(layer, *layer.kernel.shape[-2:])


def contracted_axes(layer):
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
