"""Layers that are dense layers up to the shape of their axes."""

import math

import keras
from keras import ops

from keras_randproj.layers import AxesAdapter


class Unsuitable(Exception):
    """Says why a layer cannot be replaced."""


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
    inputs = contracted_axes(layer)
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
