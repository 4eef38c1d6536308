"""Folds adapters into the kernels of their layers."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_randproj import _keras
from keras_randproj.adapters.adapted_embedding import AdaptedEmbedding
from keras_randproj.adapters.detach import adapted_layers
from keras_randproj.adapters.detach import detach
from keras_randproj.transfer.dense_view import contracted_axes


def merge(model: Any) -> None:
    """Folds adapters into the kernels: a plain Keras model, at no cost.

    Outputs are the adapted model's up to rounding. A layer without a bias
    gets one where its adapter has learned one.

    Args:
        model: A model that `attach` or `load` adapted.

    Raises:
        ValueError: If it has no adapters, or an adapted layer is quantised:
            its kernel is integers of some scale. Nothing is merged then.

    Example:

    >>> model = keras.Sequential(
    ...     [keras.Input((8,)), keras.layers.Dense(4, name="hidden")])
    >>> attach(model, {"hidden": Modulation()})
    >>> merge(model)
    >>> model.count_params()
    36
    """
    layers = adapted_layers(model)
    for layer in layers:
        mode = getattr(layer, "quantization_mode", None)
        if mode is not None:
            raise ValueError(
                f"Layer '{layer.path}' is quantised, and its kernel cannot "
                "take an adapter. Keep the adapter beside it, or merge it "
                f"into the model as it was before. Received: {mode!r}"
            )
    folded = [(layer, *folded_weights(layer)) for layer in layers]
    detach(model)
    for layer, kernel, bias in folded:
        _assign(layer, kernel, bias)
    _keras.list_parameters_again(_keras.layers_in(model))


def folded_weights(layer):
    """Kernel as a matrix and bias of an `AdaptedLayer`, float64."""
    kernel = _array(_kernel(layer)).reshape(layer.matrix_shape)
    own = layer.own_bias()
    bias = np.zeros(kernel.shape[1]) if own is None else _array(own)
    for part in layer.adapter.parts:
        learned = {
            name: _array(variable) * part.form.multiplier(name)
            for name, variable in part.variables.items()
        }
        values = learned | part.fixed
        kernel, bias = part.form.fold(layer, kernel, bias, values)
    if isinstance(layer, AdaptedEmbedding):
        # Each row of the table is an output.
        return kernel + bias, np.zeros_like(bias)
    return kernel, bias


def _assign(layer, kernel, bias):
    weight = _kernel(layer)
    weight.assign(kernel.reshape(weight.shape))
    own = getattr(layer, "bias", None)
    if own is not None:
        own.assign(bias.reshape(own.shape))
    elif bias.any():
        _add_bias(layer, bias)


def _kernel(layer):
    return layer.kernel if hasattr(layer, "kernel") else layer.embeddings


def _array(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32")).astype("float64")


def _add_bias(layer, bias):
    """Gives a dense layer or a convolution the bias that it lacks."""
    if isinstance(layer, keras.layers.EinsumDense):
        output = layer.equation.split("->")[1]
        made = len(layer.kernel.shape) - contracted_axes(layer)
        layer.bias_axes = output[len(output) - made :]
        bias = bias.reshape(layer.kernel.shape[-made:])
    layer.use_bias = True
    with _keras.unlocked(layer):
        layer.bias = layer.add_weight(bias.shape, name="bias")
    layer.bias.assign(bias)
