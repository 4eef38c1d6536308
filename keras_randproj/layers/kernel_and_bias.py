"""The numbers of a dense layer, for what is computed from them."""

import numpy as np
from keras import ops


def kernel_and_bias(layer):
    """A layer's kernel and bias as float64 arrays.

    Args:
        layer: A built `keras.layers.Dense` or `EUGenDense`.

    Returns:
        Arrays `(inputs, units)` and `(units,)`; zeros where it has no bias.

    Raises:
        ValueError: If it is quantised: its kernel is integers of some scale.
    """
    mode = getattr(layer, "head", layer).quantization_mode
    if mode is not None:
        raise ValueError(
            f"Layer '{layer.path}' must not be quantised: take the model as "
            f"it was before `quantize`. Received: quantization_mode={mode!r}"
        )
    kernel = ops.convert_to_numpy(layer.kernel).astype("float64")
    if layer.bias is None:
        return kernel, np.zeros(kernel.shape[1])
    return kernel, ops.convert_to_numpy(layer.bias).astype("float64")
